"""Index maps against independent oracles, and each structure against the case it must reduce to."""

import numpy as np
import pytest
import scipy.linalg

from compactrl.compressions import (
    Chromatic,
    ChromaticOptions,
    Circulant,
    Dense,
    Frozen,
    Masked,
    MaskedOptions,
    PatternOptions,
    Toeplitz,
)
from compactrl.compressions.gather import gather
from compactrl.policies.skeleton import Skeleton

SHAPES = [(17, 6), (17, 41, 6), (3, 5, 4, 2)]
NOTHING = np.zeros(0, dtype=np.int64)


def random_theta(compression):
    return np.random.default_rng(2).standard_normal(compression.num_parameters)


@pytest.mark.parametrize("sizes", SHAPES)
def test_dense_weights_are_theta_in_order(sizes):
    policy = Dense(Skeleton.tanh(sizes), PatternOptions())
    theta = random_theta(policy)
    layers = policy.expand(theta, NOTHING)
    weights = np.concatenate([layer.weight.ravel() for layer in layers])
    biases = np.concatenate([NOTHING, *(layer.bias for layer in layers[:-1])])
    np.testing.assert_array_equal(np.concatenate([weights, biases]), theta)


@pytest.mark.parametrize("sizes", SHAPES)
def test_toeplitz_equals_scipy(sizes):
    policy = Toeplitz(Skeleton.tanh(sizes), PatternOptions())
    theta, start = random_theta(policy), 0
    for layer in policy.expand(theta, NOTHING):
        rows, columns = layer.weight.shape
        own = theta[start : start + rows + columns - 1]
        expected = scipy.linalg.toeplitz(own[columns - 1 :], own[columns - 1 :: -1])
        np.testing.assert_array_equal(layer.weight, expected)
        start += len(own)
    assert start == policy.num_weights


@pytest.mark.parametrize("sizes", SHAPES)
def test_circulant_equals_the_truncated_square_of_scipy(sizes):
    policy = Circulant(Skeleton.tanh(sizes), PatternOptions())
    theta, start = random_theta(policy), 0
    for layer in policy.expand(theta, NOTHING):
        rows, columns = layer.weight.shape
        own = theta[start : start + max(rows, columns)]
        square = scipy.linalg.circulant(own).T  # scipy's own[0 …] is the first column, ours the first row
        np.testing.assert_array_equal(layer.weight, square[:rows, :columns])
        start += len(own)
    assert start == policy.num_weights


@pytest.mark.parametrize("n", [3, 8])
def test_circulant_is_toeplitz_with_wrapped_diagonals_tied(n):
    circulant, toeplitz = (
        Circulant(Skeleton.tanh((n, n)), PatternOptions()),
        Toeplitz(Skeleton.tanh((n, n)), PatternOptions()),
    )
    theta = random_theta(circulant)
    tied = theta[-(np.arange(2 * n - 1) - n + 1) % n]  # diagonal i - j carries theta[(j - i) mod n]
    np.testing.assert_array_equal(circulant.expand(theta, NOTHING)[0].weight, toeplitz.expand(tied, NOTHING)[0].weight)


@pytest.mark.parametrize("sizes", SHAPES)
def test_chromatic_equals_a_loop_over_edges(sizes):
    policy = Chromatic(Skeleton.tanh(sizes), ChromaticOptions(partitions=5))
    theta = random_theta(policy)
    colors = policy.space.sample(1, np.random.default_rng(3))[0]
    edge = 0
    for layer in policy.expand(theta, colors):
        for row in range(layer.weight.shape[0]):
            for column in range(layer.weight.shape[1]):
                assert layer.weight[row, column] == theta[colors[edge]]
                edge += 1
    assert edge == policy.num_edges


@pytest.mark.parametrize("sizes", SHAPES)
def test_chromatic_with_a_colour_an_edge_is_dense(sizes):
    dense = Dense(Skeleton.tanh(sizes), PatternOptions())
    chromatic = Chromatic(Skeleton.tanh(sizes), ChromaticOptions(partitions=dense.num_edges))
    theta = random_theta(dense)
    for one, other in zip(
        dense.expand(theta, NOTHING), chromatic.expand(theta, np.arange(dense.num_edges)), strict=True
    ):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)


@pytest.mark.parametrize("sizes", SHAPES)
def test_structured_policies_are_chromatic_with_their_index_as_the_colours(sizes):
    for kind in (Toeplitz, Circulant):
        policy = kind(kind.skeleton_of(sizes), kind.Options())
        chromatic = Chromatic(Skeleton.tanh(sizes), ChromaticOptions(partitions=policy.num_weights))
        theta = random_theta(policy)
        for one, other in zip(policy.expand(theta, NOTHING), chromatic.expand(theta, policy.index), strict=True):
            np.testing.assert_array_equal(one.weight, other.weight)


@pytest.mark.parametrize("sizes", SHAPES)
def test_a_mask_of_ones_is_dense_and_a_mask_of_zeros_is_zero(sizes):
    dense, masked = Dense(Skeleton.tanh(sizes), PatternOptions()), Masked(Skeleton.tanh(sizes), MaskedOptions())
    theta = random_theta(masked)
    ones = np.ones(dense.num_edges, dtype=np.int64)
    for one, kept, dropped in zip(
        dense.expand(theta[: dense.num_parameters], NOTHING),
        masked.expand(theta, ones),
        masked.expand(theta, 0 * ones),
        strict=True,
    ):
        np.testing.assert_array_equal(one.weight, kept.weight)
        assert not dropped.weight.any()
        np.testing.assert_array_equal(one.bias, dropped.bias)


@pytest.mark.parametrize("kept", [0, 1, 2, 10])
def test_a_settled_mask_has_the_kept_weights_only(kept):
    masked = Masked(Skeleton.tanh((4, 3, 2)), MaskedOptions())
    theta = random_theta(masked)
    mask = np.random.default_rng(5).permutation(np.arange(masked.num_edges) < kept).astype(np.int64)
    settled, short = masked.settle(theta, mask)
    assert len(short) == kept + 3
    assert settled.size(NOTHING) == masked.size(mask)
    for thetas, shorts, lead in [(theta, short, ()), (theta[None], short[None], (1,))]:
        for one, other in zip(masked.expand(thetas, mask), settled.expand(shorts, NOTHING), strict=True):
            assert one.weight.shape[:-2] == lead
            np.testing.assert_array_equal(one.weight, other.weight)
    assert settled.expand(short.astype(np.float32), NOTHING)[0].weight.dtype == np.float32


def test_the_mask_of_a_new_policy_keeps_half_of_the_edges_and_follows_the_scores():
    masked = Masked(Skeleton.tanh((100, 100)), MaskedOptions())
    theta = masked.initial(np.random.default_rng(0))
    assert masked.usage(masked.design_of(theta[None])) == pytest.approx([0.5], abs=0.02)
    theta[-masked.num_edges :] = -1.0
    theta[-1] = 1e-9
    design = masked.design_of(theta)
    assert design.sum() == design[-1] == 1
    assert masked.usage(np.stack([design, 1 - design])) == pytest.approx([1e-4, 1 - 1e-4])


def test_a_new_chromatic_policy_has_its_weights_evenly_over_plus_minus_one():
    generator = np.random.default_rng(0)
    five = Chromatic(Skeleton.tanh((3, 2)), ChromaticOptions(partitions=5)).initial(generator)
    np.testing.assert_array_equal(five, [-1, -0.5, 0, 0.5, 1])
    one = Chromatic(Skeleton.tanh((3, 2)), ChromaticOptions(partitions=1)).initial(generator)
    np.testing.assert_array_equal(one, [0])


@pytest.mark.parametrize("partitions", [0, -1, 7])
def test_a_number_of_partitions_without_sense_names_the_number_of_edges(partitions):
    with pytest.raises(ValueError, match=f"--partitions {partitions}: .* number of the network's edges, 6"):
        Chromatic(Skeleton.tanh((3, 2)), ChromaticOptions(partitions=partitions))


def test_a_frozen_colouring_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expected one number for each of the 6 edges"):
        Frozen(Skeleton.tanh((3, 2)), np.zeros(5, dtype=np.int64), 1)
    with pytest.raises(ValueError, match="expected indices of 2 weights, got 0 … 2"):
        Frozen(Skeleton.tanh((3, 2)), np.array([0, 1, 2, 0, 1, 2]), 2)


def test_gathered_edges_are_contiguous():
    weights = np.random.default_rng(0).standard_normal((320, 17))
    shared = np.random.default_rng(1).integers(17, size=943)
    assert gather(weights, shared).flags.c_contiguous
    np.testing.assert_array_equal(gather(weights, shared), weights[:, shared])
    own = np.tile(shared, (320, 1))
    np.testing.assert_array_equal(gather(weights, own), gather(weights, shared))


def test_a_mask_is_cut_to_the_wanted_number_by_its_scores():
    masked = Masked(Skeleton.tanh((3, 2)), MaskedOptions(kept_weights=2))
    theta = np.array([0.0] * 6 + [0.1, -1.0, 0.3, 0.2, -0.5, 0.4])
    assert masked.fitted_design(theta, masked.design_of(theta)).tolist() == [0, 0, 1, 0, 0, 1]
    few = np.array([0.0] * 6 + [-0.1, -1.0, 0.3, -0.2, -0.5, -0.4])
    assert masked.fitted_design(few, masked.design_of(few)).tolist() == [0, 0, 1, 0, 0, 0]
