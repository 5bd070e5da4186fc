"""Products in bfloat16 are the rounded factors' products; small ones, and all outside, stay in float32."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from compactrl.errors import InputError
from compactrl.networks import precision
from compactrl.networks.affine import Affine, Layer
from compactrl.networks.perceptrons import Stack, lengths, linear, multiply
from compactrl.networks.precision import check_precision, products_in
from compactrl.networks.threads import on_threads
from compactrl.searches.api import resume, search

STEP = 2.0**-8
"""Half the distance of two numbers in bfloat16, over the smaller one."""


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rounded(values):
    return values.bfloat16().double()


def assert_rounded(found, exact):
    """Assert that sums in float32 were rounded once."""
    assert (found.double() - exact).abs().max() <= STEP * exact.abs().max() * 1.01
    assert torch.equal(found, found.bfloat16().float())


@pytest.mark.parametrize("relu", [False, True])
def test_a_layer_is_that_of_rounded_numbers(relu):
    x, weight, bias = numbers(128, 160), numbers(128, 160, seed=1), numbers(128, seed=2)
    exact = rounded(x) @ rounded(weight).T + rounded(bias)
    with products_in("bfloat16"):
        found = linear(x, weight, bias, relu)
    assert_rounded(found, exact.relu() if relu else exact)
    assert not torch.equal(found, linear(x, weight, bias, relu))


def test_a_gradient_is_that_of_rounded_numbers():
    a, b, out = numbers(128, 160), numbers(160, 128, seed=1), torch.empty(128, 128)
    with products_in("bfloat16"):
        multiply(a, b, out)
    assert_rounded(out, rounded(a) @ rounded(b))


@pytest.mark.parametrize(
    ("shape", "outputs", "dtype"),
    [((4096, 32), 64, torch.float32), ((64, 64), 64, torch.float32), ((128, 160), 128, torch.float64)],
)
def test_small_products_and_other_numbers_stay_as_they_are(shape, outputs, dtype):
    x, weight = numbers(*shape).to(dtype), numbers(outputs, shape[1], seed=1).to(dtype)
    before = linear(x, weight)
    with products_in("bfloat16"):
        assert torch.equal(linear(x, weight), before)


def test_float32_is_what_it_was_within_and_after():
    x, weight = numbers(128, 160), numbers(128, 160, seed=1)
    before = linear(x, weight)
    with products_in("bfloat16"), products_in("float32"):
        assert torch.equal(linear(x, weight), before)
    with pytest.raises(RuntimeError), products_in("bfloat16"):
        raise RuntimeError
    assert torch.equal(linear(x, weight), before)


def test_parameters_keep_gradients_in_float32_near_those_of_exact_products_on_any_number_of_threads():
    sizes = (128, 160, 160, 1)
    flat = (0.1 * numbers(2 * sum(lengths(sizes)))).requires_grad_()
    x = numbers(256, sizes[0], seed=1).requires_grad_()

    def gradients(name, threads):
        with products_in(name), on_threads(threads):
            return torch.autograd.grad(Stack(flat, sizes, 2)(x).square().mean(), [flat, x])

    ways = (("float32", 1), ("bfloat16", 1), ("bfloat16", 2))
    for exact, one, two in zip(*(gradients(*way) for way in ways), strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, two)
        assert not torch.equal(one, exact)
        assert (one - exact).norm() < 0.1 * exact.norm()  # units whose input is near 0 change sides


def test_it_is_of_one_thread_s_work_alone():
    x, weight = numbers(128, 160), numbers(128, 160, seed=1)
    exact = linear(x, weight)
    with products_in("bfloat16"), ThreadPoolExecutor(1) as other:
        assert torch.equal(other.submit(linear, x, weight).result(), exact)


def test_a_run_that_goes_on_is_not_refused(monkeypatch, tmp_path):
    options = {"method": "sac", "env": "compactrl/Target-v0", "hidden": 4, "steps": 300, "learning_starts": 100}
    options |= {"iteration_steps": 100, "critic_hidden": 4, "precision": "bfloat16", "out": tmp_path / "run"}
    monkeypatch.setattr(precision, "has_bfloat16_products", lambda: True)
    search(**options, callback=lambda _: False)
    monkeypatch.setattr(precision, "has_bfloat16_products", lambda: False)
    assert resume(tmp_path / "run").summary["finished"]
    with pytest.raises(InputError, match="no instructions"):
        search(**{**options, "out": tmp_path / "new"})


def test_layers_of_other_networks_are_rounded_too():
    layer = Layer(numbers(128, 160), None)
    x = numbers(128, 160, seed=1)
    with products_in("bfloat16"):
        found = Affine.apply(x, None, layer, False)
    assert_rounded(found, rounded(x) @ rounded(layer.weight).T)


def test_it_is_refused_where_it_would_be_slower(monkeypatch):
    check_precision("float32", torch.device("cuda"))
    with pytest.raises(InputError, match="for --device cpu"):
        check_precision("bfloat16", torch.device("cuda"))
    monkeypatch.setattr(precision, "has_bfloat16_products", lambda: False)
    with pytest.raises(InputError, match="no instructions"):
        check_precision("bfloat16", torch.device("cpu"))
    monkeypatch.setattr(precision, "has_bfloat16_products", lambda: True)
    check_precision("bfloat16", torch.device("cpu"))


def test_a_search_learns_in_it(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "has_bfloat16_products", lambda: True)  # slow where there are none, but the same
    options = {"method": "sac", "env": "compactrl/Target-v0", "hidden": 8, "iteration_steps": 100}
    options |= {"steps": 500, "learning_starts": 200, "batch_size": 128, "critic_hidden": (128, 128)}
    exact, found = (search(**options, precision=name, out=tmp_path / name).summary for name in ("float32", "bfloat16"))
    assert found["return_mean"] != exact["return_mean"]
    assert found["return_mean"] > 0.5 * found["baselines"]["zero"]["return_mean"]
