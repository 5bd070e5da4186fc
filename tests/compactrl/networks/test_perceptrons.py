"""The written-out gradients are autograd's, with products by oneDNN and by torch itself."""

import numpy as np
import pytest
import torch

from compactrl.networks import perceptrons
from compactrl.networks.torch_private import onednn_linear

SIZES = (23, 64, 48, 3)
BATCH = 96


@pytest.fixture(params=["oneDNN", "torch"], autouse=True)
def _products(request, monkeypatch):
    onednn = onednn_linear()
    if request.param == "oneDNN" and onednn is None:
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(perceptrons, "_fused", onednn if request.param == "oneDNN" else None)


def numbers(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def plain(flat, x, sizes):
    layers = perceptrons.cut(flat, sizes)
    for number, (weight, bias) in enumerate(layers):
        x = torch.nn.functional.linear(x, weight, bias)
        x = torch.relu(x) if number < len(layers) - 1 else x
    return x


def assert_same_gradients(total, expected, leaves):
    for gradient, automatic in zip(
        torch.autograd.grad(total, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        torch.testing.assert_close(gradient, automatic, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("learns", "passes"), [(True, True), (True, False), (False, True)])
def test_a_network_and_its_gradients(dtype, learns, passes):
    flat = (0.2 * numbers(sum(perceptrons.lengths(SIZES)), dtype=dtype)).requires_grad_(learns)
    x = numbers(BATCH, SIZES[0], dtype=dtype, seed=1).requires_grad_(passes)
    leaves = [tensor for tensor in (flat, x) if tensor.requires_grad]
    weights = numbers(BATCH, SIZES[-1], dtype=dtype, seed=2)
    outputs, expected = perceptrons.perceptron(flat, x, SIZES), plain(flat, x, SIZES)
    torch.testing.assert_close(outputs, expected)
    assert_same_gradients((outputs * weights).sum(), (expected * weights).sum(), leaves)


def test_networks_that_share_their_inputs():
    count = 3
    flat = (0.2 * numbers(count * sum(perceptrons.lengths(SIZES)))).requires_grad_()
    x = numbers(BATCH, SIZES[0], seed=1).requires_grad_()
    weights = numbers(count, BATCH, SIZES[-1], seed=2)
    outputs = perceptrons.Stack(flat, SIZES, count)(x)
    expected = torch.stack([plain(parameters, x, SIZES) for parameters in flat.chunk(count)])
    torch.testing.assert_close(outputs, expected)
    assert_same_gradients((outputs * weights).sum(), (expected * weights).sum(), [flat, x])


def test_a_stack_follows_its_parameters_and_learns_only_when_told():
    flat, x = numbers(sum(perceptrons.lengths(SIZES))).requires_grad_(), numbers(BATCH, SIZES[0], seed=1)
    stack = perceptrons.Stack(flat, SIZES)
    assert stack(x).requires_grad
    assert not stack(x, learn=False).requires_grad
    before = stack(x, learn=False)
    flat.detach().mul_(0.5)
    torch.testing.assert_close(stack(x, learn=False)[0], plain(flat.detach(), x, SIZES))
    assert not torch.equal(stack(x, learn=False), before)


def test_numbers_too_small_to_be_exact_are_zero_while_networks_learn_and_not_afterwards():
    small = torch.tensor([1e-30])
    with perceptrons.single_threaded_torch():
        with perceptrons.single_threaded_torch():
            pass
        inside = (small * 1e-10).item(), (small.numpy() * np.float32(1e-10)).item()
    assert inside == (0, 0)
    assert (small * 1e-10).item() > 0
