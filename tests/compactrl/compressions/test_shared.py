"""Shared weights on any skeleton: where they begin, what rounding does, and the cases that they contain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from exporting import policy_of

from compactrl.compressions import Latent, LatentOptions, Plain, Shared, SharedOptions
from compactrl.compressions.clusters import centers
from compactrl.compressions.plain import PlainOptions
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import shared_edges
from compactrl.policies.skeleton import Skeleton, edges_and_biases, interleaved

NOTHING = np.zeros(0, np.int64)
SIZES = (3, 5, 4, 2)
RELU = Skeleton.relu(SIZES)


def start(skeleton=RELU, seed=1):
    numbers = np.random.default_rng(seed).standard_normal(skeleton.num_edges + skeleton.num_biases)
    layers = skeleton.layers(*np.split(numbers.astype(np.float32), [skeleton.num_edges]))
    like = policy_of(skeleton.sizes)
    return Policy.of_layers(layers, like.normalizer, like.action, skeleton.activation)


def begun(policy=None, **options):
    policy = policy or start()
    chosen = SharedOptions(activation="relu", output_bias=True, **options)
    return Shared(policy.skeleton, chosen).begun_from(policy)


def first(compression):
    theta = compression.initial(np.random.default_rng(0))
    return theta, compression.design_of(theta)


def shipped(compression, theta=None):
    theta = first(compression)[0] if theta is None else theta
    compact = compression.compact(theta, compression.design_of(theta))
    return shared_edges(compact.weights, compact.index, compact.mask), compact.biases.astype(np.float32)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("per_layer", [False, True])
def test_as_many_weights_as_edges_are_the_run_that_it_begins_from(train, per_layer):
    policy = start()
    smallest = min(np.prod(shape) for shape in RELU.shapes)
    if per_layer:  # of the smallest layer as many as edges, of the others fewer
        policy = replace(policy, weights=np.round(policy.weights))
    compression = begun(
        policy, partitions=int(smallest) if per_layer else RELU.num_edges, bias_partitions=RELU.num_biases,
        train_palette=train, palette_per_layer=per_layer,
    )  # fmt: skip
    edges, biases = shipped(compression)
    np.testing.assert_array_equal(edges, policy.weights)
    np.testing.assert_array_equal(biases, policy.biases)


@pytest.mark.parametrize("sizes", [(3, 2), (17, 41, 6)])
@pytest.mark.parametrize("partitions", [1, 3, 6])
def test_without_a_run_on_a_tanh_skeleton_it_is_a_latent_colouring(sizes, partitions):
    """Whose numbers stand in the file: `latent` was a compression of its own once."""
    one = Shared(Shared.skeleton_of(sizes), SharedOptions(partitions=partitions))
    other = Latent(Latent.skeleton_of(sizes), LatentOptions(partitions=partitions))
    theta, design = first(other)
    np.testing.assert_array_equal(first(one)[0], theta)
    np.testing.assert_array_equal(first(one)[1], design)
    for layer, twin in zip(one.expand(theta, design), other.expand(theta, design), strict=True):
        np.testing.assert_array_equal(layer.weight, twin.weight)
    latents = theta[: other.num_edges]
    spread = np.sqrt((latents * latents).sum(keepdims=True) / other.num_edges)  # as the formula has it
    if partitions == 3:
        levels = 1.2 * spread * np.linspace(-1, 1, 3)
        expected = levels[np.abs(latents[:, None] - levels).argmin(axis=1)]
        np.testing.assert_allclose(edges_and_biases(other.expand(theta, design))[0], expected, rtol=1e-12)


def test_begun_from_a_run_the_weights_are_the_means_of_their_clusters():
    policy = start()
    for options in ({}, {"train_palette": True}):
        edges, biases = shipped(begun(policy, partitions=4, bias_partitions=2, **options))
        palette = centers(policy.weights.astype(np.float64), 4)
        np.testing.assert_allclose(np.unique(edges), palette, rtol=1e-6)
        np.testing.assert_allclose(edges, palette[np.abs(policy.weights[:, None] - palette).argmin(axis=1)], rtol=1e-6)
        assert len(np.unique(biases)) == 2
    assert np.unique(shipped(begun(policy, partitions=4))[1]).size == RELU.num_biases


def test_a_palette_a_layer_has_its_own_clusters():
    policy = start()
    edges, _ = shipped(begun(policy, partitions=3, palette_per_layer=True))
    begin = 0
    for outputs, inputs in RELU.shapes:
        part = slice(begin, begin + outputs * inputs)
        np.testing.assert_allclose(np.unique(edges[part]), centers(policy.weights[part].astype(float), 3), rtol=1e-6)
        begin += outputs * inputs


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_usual_noise_changes_as_many_edges_whatever_the_weights_are(scale):
    policy = start(Skeleton.relu((8, 16, 2)))
    policy = replace(policy, weights=policy.weights * scale, biases=policy.biases * scale)
    compression = begun(policy, partitions=8)
    theta, design = first(compression)
    noise = 2.25 / np.sqrt(len(theta)) * np.random.default_rng(2).standard_normal((64, len(theta)))
    changed = (compression.design_of(theta + noise) != design).mean()
    assert 0.1 < changed < 0.4


def test_a_batch_of_candidates_equals_each_alone():
    for options in (
        {},
        {"bias_partitions": 3},
        {"bias_partitions": 2, "palette_per_layer": True, "train_palette": True},
    ):
        compression = begun(partitions=4, **options)
        theta = first(compression)[0]
        thetas = theta + 0.3 * np.random.default_rng(3).standard_normal((5, len(theta)))
        designs = compression.design_of(thetas)
        together = compression.expand(thetas, designs)
        for row in range(5):
            alone = compression.expand(thetas[row], compression.design_of(thetas[row]))
            for layer, other in zip(together, alone, strict=True):
                np.testing.assert_array_equal(layer.weight[row], other.weight)
                np.testing.assert_array_equal(layer.bias[row], other.bias)


def test_settled_it_keeps_the_network_and_the_size():
    for options in (
        {},
        {"bias_partitions": 3},
        {"bias_partitions": 2, "palette_per_layer": True, "train_palette": True},
    ):
        compression = begun(partitions=4, **options)
        theta, design = first(compression)
        settled, numbers = compression.settle(theta, design)
        assert len(numbers) == settled.num_parameters == compression.size(design).parameters
        assert settled.size(NOTHING) == compression.size(design)
        for layer, other in zip(settled.expand(numbers, NOTHING), compression.expand(theta, design), strict=True):
            np.testing.assert_array_equal(layer.weight, other.weight)
            np.testing.assert_array_equal(layer.bias, other.bias)


def test_without_rounding_values_and_gradients_are_those_of_a_plain_network():
    policy = start()
    plain = Plain(RELU, PlainOptions())
    compression = begun(policy, partitions=RELU.num_edges, train_palette=True)
    theta = torch.tensor(first(compression)[0], requires_grad=True)
    dense = torch.tensor(interleaved(policy.layers).astype(np.float64), requires_grad=True)
    observations = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = compression.network(theta, NOTHING[None])(observations)
    expected = plain.network(dense.float(), NOTHING[None])(observations[None].float())[0]
    torch.testing.assert_close(outputs.float(), expected, rtol=1e-5, atol=1e-6)
    (of_theta,) = torch.autograd.grad(outputs.square().sum(), theta)
    layers = RELU.layers_of_interleaved(dense)
    value = observations
    for number, (weight, bias) in enumerate(layers):
        value = value @ weight.T + bias
        value = value.relu() if number < len(layers) - 1 else value
    (of_dense,) = torch.autograd.grad(value.square().sum(), dense)
    edges, biases = edges_and_biases(RELU.layers_of_interleaved(of_dense.numpy()))
    count = RELU.num_edges
    np.testing.assert_allclose(of_theta[:count], edges, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(of_theta[count : count + RELU.num_biases], biases, rtol=1e-6, atol=1e-9)
    palette = of_theta[count + RELU.num_biases :]
    np.testing.assert_allclose(palette, edges[np.argsort(policy.weights, kind="stable")], rtol=1e-6, atol=1e-9)


def test_a_shared_value_gets_the_gradients_of_all_its_edges():
    compression = begun(partitions=3, bias_partitions=2, train_palette=True)
    theta = torch.tensor(first(compression)[0], requires_grad=True)
    design = compression.design_of(theta)
    observations = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(compression.network(theta, NOTHING[None])(observations).square().sum(), theta)
    latents, palettes = gradient[: compression.num_latents].numpy(), gradient[compression.num_latents :].numpy()
    edges, biases = np.split(latents, [RELU.num_edges])
    np.testing.assert_allclose(palettes[:3], np.bincount(design[: RELU.num_edges], edges, minlength=3), rtol=1e-9)
    np.testing.assert_allclose(palettes[3:], np.bincount(design[RELU.num_edges :], biases, minlength=2), rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partitions": 44}, "--partitions 44: expected between 1 and the number of the network's edges, 43"),
        ({"partitions": 9, "palette_per_layer": True}, "--partitions 9: expected between 1 and .* smallest layer, 8"),
        ({"bias_partitions": 12}, "--bias-partitions 12: expected at most the number of the network's biases, 11"),
    ],
)
def test_more_values_than_there_are_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        begun(**options)


def test_a_run_with_another_network_is_refused():
    with pytest.raises(
        ValueError, match="a network 3-5-4-2 of relu, with output biases, and this search has 3-5-4-2 of"
    ):
        Shared(Skeleton.tanh(SIZES), SharedOptions()).begun_from(start())
