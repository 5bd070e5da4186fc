"""Optimal k-means in one dimension, beside all ways to cut sorted numbers."""

from itertools import combinations

import numpy as np
import pytest

from compactrl.compressions.clusters import centers, nearest


def least_error(values, count):
    """Of every way to cut the sorted numbers into that many ranges."""
    ordered = np.sort(values)
    cuts = combinations(range(1, len(values)), min(count, len(values)) - 1)
    return min(sum(((part - part.mean()) ** 2).sum() for part in np.split(ordered, places)) for places in cuts)


@pytest.mark.parametrize("seed", range(40))
def test_no_other_clusters_have_a_smaller_error(seed):
    generator = np.random.default_rng(seed)
    values = np.round(generator.standard_normal(generator.integers(1, 9)), 1 if seed % 2 else 6)  # with ties, or not
    count = int(generator.integers(1, 6))
    found = centers(values, count)
    assert len(found) == count
    assert (np.diff(found) > 0).all()
    error = ((values - found[nearest(values, found)]) ** 2).sum()
    np.testing.assert_allclose(error, least_error(values, count), atol=1e-12)


def test_as_many_clusters_as_numbers_are_the_numbers():
    values = np.random.default_rng(0).standard_normal(500)
    np.testing.assert_array_equal(centers(values, 500), np.sort(values))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_more_clusters_than_different_numbers_keep_these_among_them(count):
    assert 2.5 in centers(np.full(4, 2.5), count)
    assert len(np.unique(centers(np.full(4, 2.5), count))) == count
    assert len(np.unique(centers(np.zeros(4), count))) == count
    assert {1.0, 5.0} <= set(centers(np.array([1.0, 5.0, 1.0]), max(count, 2)))
