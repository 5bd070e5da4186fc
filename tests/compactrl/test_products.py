"""The written-out gradients are autograd's, on both roads: oneDNN's and torch's own."""

import pytest
import torch

from compactrl import products

SIZES = (23, 64, 48, 3)
BATCH = 96


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


def test_without_onednn_it_is_the_same(monkeypatch):
    flat, x = 0.2 * numbers(sum(products.lengths(SIZES))), numbers(BATCH, SIZES[0], seed=1)
    with_it = products.perceptron(flat, x, SIZES)
    monkeypatch.setattr(products, "_fused", None)
    torch.testing.assert_close(products.perceptron(flat, x, SIZES), with_it)
