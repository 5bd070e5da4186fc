"""Shaping equals results by hand, and EvoTorch's and SciPy's."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from es.shaping import SHAPINGS, centered_ranks, raw, standardize

nan = np.nan


def test_raw_is_a_copy():
    returns = np.array([3.0, nan, -1.0])
    shaped = raw(returns)
    np.testing.assert_array_equal(shaped, returns)
    assert not np.shares_memory(shaped, returns)


def test_standardize_by_hand():
    # mean 5, squared distances 9 1 1 1 0 0 4 16 -> variance 32 / 8 = 4
    returns = np.array([2.0, 4.0, 4.0, 4.0, nan, 5.0, 5.0, 7.0, 9.0])
    np.testing.assert_array_equal(standardize(returns), [-1.5, -0.5, -0.5, -0.5, nan, 0.0, 0.0, 1.0, 2.0])


def test_centered_ranks_by_hand():
    np.testing.assert_array_equal(
        centered_ranks(np.array([5.0, 100.0, nan, -7.0, 6.0, 0.0])), [0, 0.5, nan, -0.5, 0.25, -0.25]
    )


def test_equal_returns_share_the_mean_rank():
    # ranks 0, 1.5, 1.5, 3 of 0 … 3
    np.testing.assert_allclose(centered_ranks(np.array([2.0, 2.0, 9.0, 1.0])), [0.0, 0.0, 0.5, -0.5])


def test_centered_ranks_equal_evotorchs_without_ties():
    from evotorch.tools.ranking import centered

    returns = np.random.default_rng(0).standard_normal(31)
    np.testing.assert_allclose(centered_ranks(returns), centered(torch.tensor(returns)).numpy(), atol=1e-12)


def test_centered_ranks_with_ties_equal_scipys_average():
    returns = np.random.default_rng(0).integers(5, size=31).astype(float)
    np.testing.assert_allclose(centered_ranks(returns), (rankdata(returns) - 1) / 30 - 0.5, atol=1e-12)


@pytest.mark.parametrize("name", ["standardize", "centered-ranks"])
@pytest.mark.parametrize("returns", [[0.1, 0.1, 0.1], [4.0], [nan, 4.0]])
def test_equal_returns_become_zeros(name, returns):
    shaped = SHAPINGS[name](np.array(returns))
    np.testing.assert_array_equal(shaped[~np.isnan(returns)], 0.0)


@pytest.mark.parametrize("name", SHAPINGS)
def test_only_nan_stays_only_nan(name):
    assert np.isnan(SHAPINGS[name](np.full(3, nan))).all()


@pytest.mark.parametrize("name", SHAPINGS)
def test_nan_has_no_influence_and_order_is_kept(name):
    returns = np.random.default_rng(1).standard_normal(12)
    with_nan = np.insert(returns, [0, 5, 12], nan)
    shaped = SHAPINGS[name](with_nan)
    np.testing.assert_array_equal(np.isnan(shaped), np.isnan(with_nan))
    np.testing.assert_array_equal(shaped[~np.isnan(shaped)], SHAPINGS[name](returns))
    np.testing.assert_array_equal(np.argsort(SHAPINGS[name](returns)), np.argsort(returns))
