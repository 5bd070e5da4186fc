"""Statistics against scipy, and against numbers worked out by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compactrl.reports.statistics import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
    profile,
    profile_band,
)

NUMBERS = st.floats(-1e6, 1e6)


def scores(smallest=1, largest=12):
    return st.integers(smallest, largest).flatmap(lambda n: arrays(np.float64, n, elements=NUMBERS))


@settings(deadline=None)
@given(scores())
def test_the_interquartile_mean_is_scipys_trimmed_mean(values):
    expected = scipy.stats.trim_mean(values, 0.25)
    np.testing.assert_allclose(interquartile_mean(values), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7.0], 7.0), ([1, 2, 9], 4.0), ([1, 2, 3, 100], 2.5), ([8, 1, 2, 3, 4, 5, 6, 7], 4.5), ([0, 1, 1, 2, 5], 4 / 3)],
)
def test_interquartile_means_by_hand(values, expected):
    assert interquartile_mean(np.array(values, float)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("statistic", [np.mean, interquartile_mean])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_the_bootstrap_of_one_stratum_is_scipys(count, statistic):
    values = np.random.default_rng(count).normal(4000, 700, count)
    along = (lambda x, axis=-1: np.mean(x, axis=axis)) if statistic is np.mean else (
        lambda x, axis=-1: scipy.stats.trim_mean(x, 0.25, axis=axis)
    )  # fmt: skip
    expected = scipy.stats.bootstrap(
        (values,), along, n_resamples=2000, method="percentile", rng=np.random.default_rng(7), vectorized=True
    ).confidence_interval
    interval = bootstrap_interval(
        [values], lambda drawn: interquartile_mean(drawn) if statistic is not np.mean else drawn.mean(-1), seed=7
    )
    np.testing.assert_allclose(interval, expected, rtol=0, atol=1e-9)


def test_strata_are_not_mixed():
    """With constant strata every resample is the same: one that mixed them would spread."""
    interval = bootstrap_interval([np.zeros(4), np.full(4, 10.0)], lambda drawn: drawn.mean(-1))
    assert interval == (5.0, 5.0)


def test_two_scores_by_hand():
    """Four equally likely resamples of (0, 10): means 0, 5, 5, 10; the outer ones are beyond 95 %."""
    assert bootstrap_interval([np.array([0.0, 10.0])]) == (0.0, 10.0)
    assert bootstrap_interval([np.array([0.0, 10.0])], level=0.4) == (5.0, 5.0)


def test_one_score_has_no_interval():
    assert np.isnan(bootstrap_interval([np.array([5.0])])).all()
    with pytest.raises(ValueError, match="at least one score in every stratum"):
        bootstrap_interval([np.array([5.0, 6.0]), np.zeros(0)])


def test_the_bootstrap_is_seeded():
    values = np.random.default_rng(0).standard_normal(7)
    assert bootstrap_interval([values]) == bootstrap_interval([values])
    assert bootstrap_interval([values], seed=1) != bootstrap_interval([values], seed=2)


@settings(deadline=None)
@given(scores(), arrays(np.float64, 5, elements=NUMBERS))
def test_the_profile_is_one_less_the_empirical_distribution(values, thresholds):
    expected = scipy.stats.ecdf(values).sf.evaluate(thresholds)
    np.testing.assert_allclose(profile(values, thresholds), expected, rtol=0, atol=1e-12)


def test_the_band_of_a_profile_holds_it_and_is_none_for_one_seed():
    values, thresholds = np.array([1.0, 3.0, 4.0, 8.0]), np.linspace(0, 9, 10)
    low, high = profile_band(values, thresholds)
    share = profile(values, thresholds)
    assert (low <= share).all()
    assert (share <= high).all()
    assert (low[0], high[-1]) == (1.0, 0.0)
    assert np.isnan(profile_band(values[:1], thresholds)).all()


@settings(deadline=None)
@given(scores(), scores())
def test_unpaired_probability_of_improvement_is_mann_and_whitneys_u(one, other):
    improvement = probability_of_improvement(
        dict(enumerate(one)), {seed + 100: score for seed, score in enumerate(other)}, resamples=2
    )
    expected = scipy.stats.mannwhitneyu(one, other).statistic / (len(one) * len(other))
    assert not improvement.paired
    assert improvement.probability == pytest.approx(expected, abs=1e-9)


def test_the_same_seeds_are_compared_in_pairs_by_hand():
    one, other = {0: 10.0, 1: 20.0, 2: 30.0, 3: 5.0}, {3: 5.0, 2: 31.0, 1: 15.0, 0: 1.0}
    improvement = probability_of_improvement(one, other)
    assert (improvement.paired, improvement.seeds) == (True, 4)
    assert improvement.probability == pytest.approx((1 + 1 + 0 + 0.5) / 4, abs=1e-12)
    assert improvement.difference == pytest.approx((9 + 5 - 1 + 0) / 4, abs=1e-12)


def test_pairs_are_resampled_as_pairs():
    """Every pair differs by exactly one: so does every resample of pairs, though seeds differ by much."""
    one = {seed: 100.0 * seed + 1 for seed in range(5)}
    other = {seed: 100.0 * seed for seed in range(5)}
    improvement = probability_of_improvement(one, other)
    assert improvement.difference_interval == (1.0, 1.0)
    assert improvement.interval == (1.0, 1.0)
    assert probability_of_improvement(one, {**other, 5: 0.0}).difference_interval != (1.0, 1.0)


def test_one_seed_of_either_gives_no_interval():
    improvement = probability_of_improvement({0: 1.0}, {0: 0.0})
    assert improvement.probability == 1.0
    assert np.isnan([*improvement.interval, *improvement.difference_interval]).all()
    with pytest.raises(ValueError, match="at least one seed of both"):
        probability_of_improvement({}, {0: 0.0})
