"""The written-out gradients are autograd's, on both roads: oneDNN's and torch's own."""

import numpy as np
import pytest
import torch

from compactrl.networks import perceptrons as products
from compactrl.networks.torch_private import onednn_linear

SIZES = (23, 64, 48, 3)
BATCH = 96


@pytest.fixture(params=["oneDNN", "torch"], autouse=True)
def road(request, monkeypatch):
    onednn = onednn_linear()
    if request.param == "oneDNN" and onednn is None:
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(products, "_fused", onednn if request.param == "oneDNN" else None)


def numbers(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def plain(flat, x, sizes):
    layers = products.cut(flat, sizes)
    for number, (weight, bias) in enumerate(layers):
        x = torch.nn.functional.linear(x, weight, bias)
        x = torch.relu(x) if number < len(layers) - 1 else x
    return x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("learns", "passes"), [(True, True), (True, False), (False, True)])
def test_a_network_and_its_gradients(dtype, learns, passes):
    flat = (0.2 * numbers(sum(products.lengths(SIZES)), dtype=dtype)).requires_grad_(learns)
    x = numbers(BATCH, SIZES[0], dtype=dtype, seed=1).requires_grad_(passes)
    wanted = [each for each in (flat, x) if each.requires_grad]
    weights = numbers(BATCH, SIZES[-1], dtype=dtype, seed=2)
    found, expected = products.perceptron(flat, x, SIZES), plain(flat, x, SIZES)
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), wanted) for y in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_networks_that_share_their_inputs():
    count = 3
    flat = (0.2 * numbers(count * sum(products.lengths(SIZES)))).requires_grad_()
    x = numbers(BATCH, SIZES[0], seed=1).requires_grad_()
    weights = numbers(count, BATCH, SIZES[-1], seed=2)
    found = products.Stack(flat, SIZES, count)(x)
    expected = torch.stack([plain(each, x, SIZES) for each in flat.chunk(count)])
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), [flat, x]) for y in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_stack_follows_its_parameters_and_learns_only_when_told():
    flat, x = numbers(sum(products.lengths(SIZES))).requires_grad_(), numbers(BATCH, SIZES[0], seed=1)
    stack = products.Stack(flat, SIZES)
    assert stack(x).requires_grad
    assert not stack(x, learn=False).requires_grad
    before = stack(x, learn=False)
    flat.detach().mul_(0.5)
    torch.testing.assert_close(stack(x, learn=False)[0], plain(flat.detach(), x, SIZES))
    assert not torch.equal(stack(x, learn=False), before)


def test_numbers_too_small_to_be_exact_are_zero_while_networks_learn_and_not_afterwards():
    small = torch.tensor([1e-30])
    with products.single_threaded_torch():
        with products.single_threaded_torch():
            pass
        inside = (small * 1e-10).item(), (small.numpy() * np.float32(1e-10)).item()
    assert inside == (0, 0)
    assert (small * 1e-10).item() > 0
