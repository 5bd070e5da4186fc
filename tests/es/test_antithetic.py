"""The antithetic estimator equals closed forms, and OpenAI-ES and ARS in naive loops; optimizers equal torch's."""

import numpy as np
import pytest
import torch

from es.antithetic import Antithetic, AntitheticOptions, antithetic_gradient, drop_twins
from es.optimizers import Ascent

nan = np.nan


def make(initial, population, **options):
    return Antithetic(initial, population, AntitheticOptions(**options), np.random.SeedSequence(0))


def test_the_estimate_of_a_quadratic_equals_the_formula_by_hand():
    """f = -|x - a|^2: (f+ - f-) / 2 = 2 sigma (a - x).eps, so g = 2/m sum (a - x).eps eps."""
    generator = np.random.default_rng(0)
    center, target, sigma = np.array([1.0, -2.0, 0.5]), np.array([0.0, 3.0, 1.0]), 0.1
    noise = generator.standard_normal((6, 3))
    plus = -((center + sigma * noise - target) ** 2).sum(axis=1)
    minus = -((center - sigma * noise - target) ** 2).sum(axis=1)
    by_hand = 2 * noise.T @ (noise @ (target - center)) / 6
    np.testing.assert_allclose(antithetic_gradient(plus, minus, noise, sigma), by_hand, rtol=1e-10)


def test_the_estimate_of_a_linear_function_approximates_its_slope():
    slope = np.array([2.0, -1.0, 0.5])
    noise = np.random.default_rng(0).standard_normal((200_000, 3))
    plus, minus = (1.0 + 0.1 * noise) @ slope, (1.0 - 0.1 * noise) @ slope
    np.testing.assert_allclose(antithetic_gradient(plus, minus, noise, 0.1), slope, atol=0.03)


def test_pairs_come_plus_then_minus():
    strategy = make(np.zeros(3), 6, sigma=0.5)
    candidates = strategy.ask()
    np.testing.assert_array_equal(candidates[0::2], -candidates[1::2])
    np.testing.assert_array_equal(strategy.groups, [0, 0, 1, 1, 2, 2])


def test_a_pair_with_a_failed_twin_is_dropped():
    np.testing.assert_array_equal(drop_twins(np.array([nan, 1, 2, 3, 4, nan])), [nan, nan, 2, 3, nan, nan])
    strategy = make(np.zeros(3), 4, shaping="raw")
    noise = strategy.ask()[2] / 0.1  # of the pair that survives
    strategy.tell(np.array([1.0, nan, 3.0, 1.0]))
    np.testing.assert_allclose(strategy.center, 0.01 * (3.0 - 1.0) / 2 * noise / 0.1, atol=1e-15)


def test_ars_equals_a_naive_loop():
    """Mania et al. 2018, algorithm 1 with V2's division, on one generation after another."""
    sigma, alpha, top, pairs_ = 0.05, 0.02, 3, 8
    strategy = make(
        np.zeros(4),
        2 * pairs_,
        sigma=sigma,
        learning_rate=2 * sigma * alpha,
        shaping="raw",
        divide_by_std=True,
        top_directions=top,
    )
    theta, values = np.zeros(4), np.random.default_rng(3)
    for _ in range(4):
        candidates = strategy.ask()
        returns = values.standard_normal(2 * pairs_) * 10 + 100
        rollouts = []
        for k in range(pairs_):
            delta = (candidates[2 * k] - candidates[2 * k + 1]) / (2 * sigma)
            rollouts.append((returns[2 * k], returns[2 * k + 1], delta))
        rollouts.sort(key=lambda rollout: max(rollout[0], rollout[1]), reverse=True)
        used = [value for plus, minus, _ in rollouts[:top] for value in (plus, minus)]
        for plus, minus, delta in rollouts[:top]:
            theta = theta + alpha / (top * np.std(used)) * (plus - minus) * delta
        strategy.tell(returns)
        np.testing.assert_allclose(strategy.center, theta, atol=1e-12)


def test_openai_es_equals_a_naive_loop_with_torchs_adam():
    """Salimans et al. 2017, algorithm 1 with mirrored sampling, centred ranks and Adam."""
    sigma, n = 0.02, 10
    strategy = make(np.zeros(4), n, sigma=sigma, learning_rate=0.01, shaping="centered-ranks", optimizer="adam")
    theta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([theta], lr=0.01)
    values = np.random.default_rng(3)
    for _ in range(5):
        candidates, center = strategy.ask(), strategy.center
        returns = values.standard_normal(n)
        ranks = np.empty(n)
        ranks[np.argsort(returns)] = np.arange(n) / (n - 1) - 0.5
        gradient = np.zeros(4)
        for candidate, rank in zip(candidates, ranks, strict=True):
            gradient += rank * (candidate - center) / sigma / (n * sigma)
        theta.grad = torch.tensor(-gradient)
        adam.step()
        strategy.tell(returns)
        np.testing.assert_allclose(strategy.center, theta.detach().numpy(), atol=1e-9)


def test_all_directions_are_the_default_of_top_directions():
    returns = np.random.default_rng(0).standard_normal(8)
    centers = []
    for top in (0, 4):
        strategy = make(np.zeros(3), 8, top_directions=top)
        strategy.ask()
        strategy.tell(returns)
        centers.append(strategy.center)
    np.testing.assert_allclose(*centers, atol=1e-15)


def test_more_top_directions_than_pairs_are_refused():
    with pytest.raises(ValueError, match="more than the 4 pairs"):
        make(np.zeros(3), 8, top_directions=5)


@pytest.mark.parametrize(("name", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)])
def test_optimizers_equal_torchs(name, momentum):
    parameters = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    if name == "sgd":
        reference = torch.optim.SGD([parameters], lr=0.1, momentum=momentum)
    else:
        reference = torch.optim.Adam([parameters], lr=0.1)
    ascent, center = Ascent(name, 5, 0.1, momentum), np.zeros(5)
    generator = np.random.default_rng(0)
    for _ in range(6):
        gradient = generator.standard_normal(5)
        parameters.grad = torch.tensor(-gradient)
        reference.step()
        center += ascent.step(gradient)
        np.testing.assert_allclose(center, parameters.detach().numpy(), atol=1e-12)
