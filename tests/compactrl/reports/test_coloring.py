"""Measures of colourings against scikit-learn and scipy, and where the answer is known."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score, rand_score

from compactrl.compressions import Circulant, Toeplitz
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import mask_index
from compactrl.policies.skeleton import Skeleton
from compactrl.reports.coloring import (
    coloring_of,
    displacement,
    displacement_rank,
    edge_distance,
    entropy,
    frequencies,
    rand_index,
    random_entropies,
    variation_of_information,
)

COLORINGS = st.integers(1, 30).flatmap(
    lambda edges: st.tuples(*2 * [arrays(np.int64, edges, elements=st.integers(0, 5))])
)


@settings(deadline=None)
@given(COLORINGS)
def test_rand_index_is_scikit_learns(pair):
    assert rand_index(*pair) == pytest.approx(rand_score(*pair), abs=1e-12)


@settings(deadline=None)
@given(COLORINGS)
def test_variation_of_information_is_that_of_scikit_learns_parts(pair):
    one, other = pair
    entropies = [scipy.stats.entropy(np.bincount(coloring)) for coloring in pair]
    expected = sum(entropies) - 2 * mutual_info_score(one, other)
    assert variation_of_information(one, other) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(COLORINGS)
def test_renamed_colours_are_the_same_partition_but_not_the_same_colours(pair):
    one = pair[0]
    renamed = 5 - one
    assert rand_index(one, renamed) == 1.0
    assert variation_of_information(one, renamed) == pytest.approx(0, abs=1e-12)
    assert edge_distance(one, renamed) == len(one)  # no colour is its own counterpart
    assert edge_distance(one, one) == 0


def test_colourings_of_different_networks_are_not_compared():
    with pytest.raises(ValueError, match="two colourings of the same edges"):
        rand_index(np.zeros(3, int), np.zeros(4, int))


@settings(deadline=None)
@given(arrays(np.int64, st.integers(1, 50), elements=st.integers(0, 7)))
def test_entropy_is_scipys(design):
    assert entropy(frequencies(design, 8)) == pytest.approx(scipy.stats.entropy(np.bincount(design)), abs=1e-12)


def test_random_colourings_are_nearly_even():
    entropies = random_entropies(943, 17, samples=200)
    assert entropies.shape == (200,)
    assert (entropies < np.log(17)).all()
    assert (entropies > np.log(17) - 0.03).all()


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (3, 9), (41, 17), (6, 41)])
def test_toeplitz_matrices_have_displacement_rank_two(shape):
    generator = np.random.default_rng(0)
    column, row = generator.standard_normal(shape[0]), generator.standard_normal(shape[1])
    toeplitz = scipy.linalg.toeplitz(column, row)
    assert displacement_rank(toeplitz, "Toeplitz") == 2
    hankel = scipy.linalg.hankel(generator.standard_normal(shape[0]), generator.standard_normal(shape[1]))
    assert displacement_rank(toeplitz + hankel, "Toeplitz–Hankel") == min(4, *shape)
    assert displacement_rank(generator.standard_normal(shape), "Toeplitz") == min(shape)


def test_only_the_border_of_a_displaced_toeplitz_matrix_is_left():
    displaced = displacement(scipy.linalg.toeplitz(np.arange(1.0, 5), np.arange(1.0, 6) ** 2), "Toeplitz")
    assert displaced[0].any()
    np.testing.assert_array_equal(displaced[1:, :-1], 0)


def test_small_entries_may_count_as_zero():
    """The identity is a Toeplitz matrix; noise gives it full rank unless small entries are left out."""
    noisy = np.eye(4) + 1e-3 * np.random.default_rng(0).standard_normal((4, 4))
    assert displacement_rank(noisy) == 4
    assert displacement_rank(noisy, "Toeplitz", 0.1) == displacement_rank(np.eye(4)) == 1


def test_an_unknown_structure_is_refused():
    with pytest.raises(ValueError, match="expected one of Toeplitz, Toeplitz–Hankel"):
        displacement(np.eye(2), "Vandermonde")


def structured(kind):
    compression = kind(Skeleton.tanh((3, 4, 2)), kind.Options())
    theta = np.random.default_rng(0).standard_normal(compression.num_parameters)
    compact = compression.compact(theta, np.zeros(0, np.int64))
    return compression, Policy(
        compact.skeleton, compact.weights, compact.index, compact.mask, compact.biases, None, None, method=kind.name
    )


@pytest.mark.parametrize("kind", [Toeplitz, Circulant])
def test_the_colouring_of_a_fixed_pattern_is_that_pattern(kind):
    compression, policy = structured(kind)
    coloring = coloring_of(policy)
    assert rand_index(coloring.colors, compression.index) == 1.0
    assert len(coloring.weights) == compression.num_weights
    assert [matrix.shape for matrix in coloring.matrices] == [(4, 3), (2, 4)]


def test_a_colouring_keeps_its_colours_used_or_not(make_policy):
    design = np.arange(20) % 3
    coloring = coloring_of(make_policy(design, weights=5))
    np.testing.assert_array_equal(coloring.colors, design)
    assert len(coloring.weights) == 5


def test_a_mask_drops_edges():
    mask = np.arange(20) % 2
    weights = np.random.default_rng(0).standard_normal(10)
    policy = Policy(Skeleton.tanh((3, 4, 2)), weights, mask_index(mask), mask, np.zeros(4), None, None, design=mask)
    coloring = coloring_of(policy)
    np.testing.assert_array_equal(coloring.colors == -1, mask == 0)
    assert len(coloring.weights) == 10
