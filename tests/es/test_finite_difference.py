"""Equation 3: closed forms, the naive loop, the division of a generation."""

import numpy as np
import pytest

from es.finite_difference import FiniteDifference, FiniteDifferenceOptions, forward_difference

nan = np.nan


def make(initial, population, **options):
    return FiniteDifference(initial, population, FiniteDifferenceOptions(**options), np.random.SeedSequence(0))


def test_defaults_are_the_papers():
    options = FiniteDifferenceOptions()
    assert (options.sigma, options.learning_rate, options.shaping) == (0.1, 0.01, "standardize")


@pytest.mark.parametrize(
    ("population", "share", "exact"),
    [(300, 0.5, 150), (301, 0.5, 150), (100, 0.29, 29), (10, 0.3, 3), (2, 0.9, 1), (3, 0.01, 1)],
)
def test_a_generation_is_divided_and_has_one_of_each(population, share, exact):
    strategy = make(np.ones(4), population, exact_share=share)
    unperturbed = (strategy.ask() == 1.0).all(axis=1)
    assert strategy.exact == exact
    np.testing.assert_array_equal(unperturbed, np.arange(population) >= population - exact)


def test_the_estimate_of_a_linear_function_approximates_its_slope():
    slope = np.array([2.0, -1.0, 0.5])
    noise = np.random.default_rng(0).standard_normal((200_000, 3))
    center, sigma = np.array([1.0, 2.0, 3.0]), 0.1
    returns = (center + sigma * noise) @ slope
    np.testing.assert_allclose(forward_difference(returns, center @ slope, noise, sigma), slope, atol=0.03)


def test_a_generation_equals_the_naive_loop():
    center, sigma, rate = np.array([0.5, -1.0]), 0.2, 0.3
    strategy = make(center, 7, sigma=sigma, learning_rate=rate, shaping="raw")
    candidates = strategy.ask()
    returns = np.array([1.0, nan, 4.0, -2.0, 3.0, nan, 5.0])  # four perturbed, then three exact
    strategy.tell(returns)
    total, count = np.zeros(2), 0
    for candidate, value in zip(candidates[:4], returns[:4], strict=True):
        if not np.isnan(value):
            total += (value - (3.0 + 5.0) / 2) / sigma * (candidate - center) / sigma
            count += 1
    np.testing.assert_allclose(strategy.center, center + rate * total / count, atol=1e-12)


def test_standardize_covers_exact_evaluations_too():
    returns = np.array([1.0, 2.0, 3.0, 10.0, 12.0, 14.0])
    shaped = (returns - returns.mean()) / returns.std()
    strategies = [make(np.zeros(3), 6, shaping=shaping) for shaping in ("standardize", "raw")]
    for strategy, values in zip(strategies, (returns, shaped), strict=True):
        strategy.ask()
        strategy.tell(values)
    np.testing.assert_allclose(strategies[0].center, strategies[1].center, atol=1e-15)


@pytest.mark.parametrize("failed", [slice(0, 3), slice(3, 6)])
def test_without_a_pivot_or_without_perturbed_returns_there_is_no_step(failed):
    strategy = make(np.zeros(3), 6)
    strategy.ask()
    returns = np.arange(6.0)
    returns[failed] = nan
    assert strategy.tell(returns) == {}
    np.testing.assert_array_equal(strategy.center, np.zeros(3))
