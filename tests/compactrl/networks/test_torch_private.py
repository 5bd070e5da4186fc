"""The private operations of torch do what the adapter says of them, and there is a way without them."""

from pathlib import Path

import pytest
import torch

from compactrl.networks import torch_private
from compactrl.networks.torch_private import TESTED, adam_step, onednn_linear

CONSTRAINTS = (Path(__file__).parents[3] / "constraints.txt").read_text(encoding="utf-8")


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_they_were_tested_with_the_version_that_is_pinned():
    assert f"torch=={TESTED}" in CONSTRAINTS.replace("+cpu", ""), (
        f"constraints.txt has another torch than {TESTED}: check that `torch.ops.mkldnn._linear_pointwise` and "
        "`torch._fused_adam_` are still there and take the same arguments (the other tests of this file compare what "
        "they return), and that `python -m experiments.bench ghp` is no slower; then set TESTED"
    )


@pytest.mark.skipif(not torch.__version__.startswith(TESTED), reason=f"names are known of torch {TESTED} only")
def test_the_names_are_there():
    assert onednn_linear() is not None
    assert hasattr(torch, "_fused_adam_")


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_the_linear_layer_is_torchs_own(relu, biased):
    linear = onednn_linear()
    if linear is None:
        pytest.skip("this torch has no oneDNN")
    x, weight, bias = numbers(96, 40), numbers(64, 40, seed=1), numbers(64, seed=2) if biased else None
    expected = torch.nn.functional.linear(x, weight, bias)
    torch.testing.assert_close(linear(x, weight, bias, relu), expected.relu() if relu else expected)


def test_without_the_linear_layer_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert onednn_linear() is None


@pytest.mark.parametrize("name", ["_fused_adam_", None])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_step_is_that_of_torchs_optimizer_also_without_the_fused_one(monkeypatch, name, decay):
    if name is None:
        monkeypatch.delattr(torch_private.torch, "_fused_adam_")
    elif not hasattr(torch, name):
        pytest.skip("this torch has no fused step")
    vector = numbers(50)
    reference = vector.clone().requires_grad_()
    optimizer = torch.optim.Adam([reference], lr=0.01, weight_decay=decay, foreach=False)
    first, second, steps = torch.zeros(50), torch.zeros(50), torch.zeros(())
    for step in range(20):
        gradient = numbers(50, seed=step)
        reference.grad = gradient.clone()
        optimizer.step()
        steps += 1
        adam_step(vector, gradient, first, second, steps, rate=0.01, decay=decay)
    torch.testing.assert_close(vector, reference.detach())
