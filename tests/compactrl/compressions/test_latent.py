"""Latent colourings: the palette, its rounding, and that a candidate's bits do not depend on its neighbours."""

import numpy as np
import pytest
import torch

from compactrl.compressions import Chromatic, ChromaticOptions, Latent, LatentOptions
from compactrl.policies.skeleton import Skeleton

NOTHING = np.zeros(0, dtype=np.int64)


def latent(sizes=(17, 41, 6), **options):
    return Latent(Skeleton.tanh(sizes), LatentOptions(**options))


def palette(policy, theta):
    return policy.settle(theta, policy.design_of(theta))[1][: policy.num_weights]


@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 17, 64])
def test_each_edge_takes_the_nearest_level(partitions):
    policy = latent(partitions=partitions)
    theta = np.random.default_rng(0).standard_normal(policy.num_parameters)
    levels, colors, latents = palette(policy, theta), policy.design_of(theta), theta[: policy.num_edges]
    distances = np.abs(latents[:, None] - levels)
    assert colors.min() >= 0
    np.testing.assert_allclose(distances[np.arange(len(colors)), colors], distances.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize(("partitions", "spread"), [(3, 1.2), (17, 2.5)])
def test_the_palette_reaches_over_the_standard_deviation_of_the_latents(partitions, spread):
    policy = latent(partitions=partitions)
    theta = np.random.default_rng(0).standard_normal(policy.num_parameters)
    deviation = np.sqrt(np.mean(theta[: policy.num_edges] ** 2))
    expected = np.linspace(-spread * deviation, spread * deviation, partitions)
    np.testing.assert_allclose(palette(policy, theta), expected, rtol=1e-12, atol=1e-15)
    wider = latent(partitions=partitions, palette_spread=2 * spread)
    np.testing.assert_allclose(palette(wider, theta), 2 * expected, rtol=1e-12, atol=1e-15)


def test_a_small_palette_worked_by_hand():
    policy = latent((4, 1), partitions=3, palette_spread=1.0)
    theta = np.array([2.0, -2.0, 0.9, -0.9])  # root mean square sqrt(2.405) = 1.5508; borders at ±0.7754
    np.testing.assert_array_equal(policy.design_of(theta), [2, 0, 2, 0])
    weights = policy.expand(theta, policy.design_of(theta))[0].weight
    np.testing.assert_allclose(weights, np.sqrt(2.405) * np.array([[1, -1, 1, -1]]))


def test_one_level_is_the_mean_and_two_are_plus_and_minus():
    theta = np.array([1.0, -2.0, 4.0])
    one, two = latent((3, 1), partitions=1), latent((3, 1), partitions=2)
    np.testing.assert_array_equal(one.expand(theta, one.design_of(theta))[0].weight, [[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(two.design_of(theta), [1, 0, 1])
    assert palette(two, theta)[0] == -palette(two, theta)[1] < 0


def test_all_latents_zero_give_all_weights_zero():
    policy = latent()
    theta = np.zeros(policy.num_parameters)
    design = policy.design_of(theta)
    policy.design_space.check(design[None])
    assert not policy.expand(theta, design)[0].weight.any()


def test_scaling_the_latents_scales_the_weights_and_keeps_the_colours():
    policy = latent((17, 6))
    theta = np.random.default_rng(0).standard_normal(policy.num_parameters)
    design = policy.design_of(theta)
    np.testing.assert_array_equal(policy.design_of(4 * theta), design)
    np.testing.assert_array_equal(
        policy.expand(4 * theta, design)[0].weight, 4 * policy.expand(theta, design)[0].weight
    )


@pytest.mark.parametrize("sizes", [(17, 6), (17, 41, 6), (111, 41, 41, 8), (200, 100, 8)])
@pytest.mark.parametrize("partitions", [1, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_candidate_has_the_same_bits_alone_in_any_batch_and_in_any_layout(sizes, partitions, dtype):
    policy = latent(sizes, partitions=partitions)
    generator = np.random.default_rng(0)
    thetas = generator.standard_normal((40, policy.num_parameters)).astype(dtype)
    designs, pieces = policy.design_of(thetas), policy._weights(thetas)
    order = generator.permutation(40)
    for other in (thetas[order], np.asfortranarray(thetas)[order], np.asfortranarray(thetas[order])):
        np.testing.assert_array_equal(policy.design_of(other), designs[order])
        np.testing.assert_array_equal(policy._weights(other), pieces[order])
    for n in (0, 1, 39):
        for alone in (thetas[n], np.asfortranarray(thetas)[n]):
            np.testing.assert_array_equal(policy.design_of(alone), designs[n])
            np.testing.assert_array_equal(policy._weights(alone), pieces[n])
        np.testing.assert_array_equal(policy._weights(thetas[n : n + 3])[0], pieces[n])


@pytest.mark.parametrize("sizes", [(17, 6), (17, 41, 6), (3, 5, 4, 2)])
def test_settled_it_is_a_chromatic_policy(sizes):
    policy = latent(sizes)
    theta = policy.initial(np.random.default_rng(0))
    design = policy.design_of(theta)
    chromatic = Chromatic(Skeleton.tanh(sizes), ChromaticOptions(partitions=17))
    settled, short = policy.settle(theta, design)
    assert settled.size(NOTHING) == policy.size(design) == chromatic.size(design)
    for one, other, third in zip(
        policy.expand(theta, design), settled.expand(short, NOTHING), chromatic.expand(short, design), strict=True
    ):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.weight, third.weight)


def test_the_gradient_goes_through_the_palette():
    policy = latent((4, 1), partitions=3)
    theta = torch.randn(4, dtype=torch.float64, requires_grad=True)
    design = policy.design_of(theta)
    assert torch.autograd.gradcheck(lambda each: policy.expand(each, design)[0].weight, theta)


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"--partitions 7: .* number of the network's edges, 6"):
        latent((3, 2), partitions=7)
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        LatentOptions(palette_spread=-1)
