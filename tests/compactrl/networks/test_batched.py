"""MLPs of one shape, many at once, against a loop that does one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_drawn import make_layers

from compactrl.networks.batched import BatchedMLP, normalize_into
from compactrl.types import Normalizer, Stacked

SHAPES = [(3, 2), (17, 6), (11, 41, 3), (17, 41, 6), (5, 7, 4, 2), (111, 64, 64, 8)]
every_shape = pytest.mark.parametrize("sizes", SHAPES, ids=str)


def outputs_of(layers, observations, slots=None, activation="tanh"):
    """Outputs (slots, A) of a batch, an observation (O,) for each of its slots."""
    network = BatchedMLP(Stacked(layers, activation), slots)
    network.input[:, : len(observations)] = observations.T
    return network.forward()[:, : len(observations)].T.copy()


def one_by_one(layers, observations, activation=np.tanh):
    """Outputs (N, A) in single precision, one policy after the other."""
    outputs = []
    for policy, observation in enumerate(observations):
        value = observation.astype(np.float32)
        for index, (weight, bias) in enumerate(layers):
            value = weight[policy] @ value + (0 if bias is None else bias[policy])
            if index < len(layers) - 1:
                value = activation(value)
        outputs.append(value)
    return np.array(outputs)


@every_shape
@pytest.mark.parametrize("count", [1, 16, 37])
def test_a_batch_equals_a_loop_over_its_policies(sizes, count):
    layers = make_layers(count, sizes)
    observations = np.random.default_rng(1).standard_normal((count, sizes[0])).astype(np.float32)
    expected = one_by_one(layers, observations)
    # 1e-6 of the largest sum that a row can reach: outputs near zero are differences of larger numbers.
    scale = np.maximum(1.0, np.abs(layers[-1].weight).sum(axis=2))
    assert (np.abs(outputs_of(layers, observations) - expected) <= 1e-6 * scale).all()


@every_shape
def test_hidden_layers_may_be_rectified(sizes):
    layers = make_layers(37, sizes)
    observations = np.random.default_rng(1).standard_normal((37, sizes[0])).astype(np.float32)
    expected = one_by_one(layers, observations, lambda values: np.maximum(values, 0))
    outputs = outputs_of(layers, observations, activation="relu")
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
    if len(sizes) > 2:
        assert not np.allclose(outputs, outputs_of(layers, observations), atol=0.1)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_policy_has_the_same_bits_wherever_it_is_in_whatever_batch(data):
    sizes = data.draw(st.sampled_from(SHAPES[:5]))
    count = data.draw(st.integers(2, 70))
    layers = make_layers(count, sizes, seed=count)
    observations = np.random.default_rng(count).standard_normal((count, sizes[0])).astype(np.float32)
    alone = np.concatenate([outputs_of(layers, observations[[k]], np.array([k])) for k in range(count)])
    chosen = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=90)))
    np.testing.assert_array_equal(outputs_of(layers, observations[chosen], chosen), alone[chosen])


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_compacting_and_replacing_leave_the_bits_of_the_others(data):
    sizes, count = (5, 7, 4, 2), data.draw(st.integers(2, 50))
    layers = make_layers(count, sizes, seed=3)
    observations = np.random.default_rng(4).standard_normal((count, sizes[0])).astype(np.float32)
    alone = outputs_of(layers, observations)
    kept = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True)))
    slot, policy = data.draw(st.integers(0, len(kept) - 1)), data.draw(st.integers(0, count - 1))

    network = BatchedMLP(Stacked(layers))
    network.input[:, :count] = observations.T
    network.compact(kept)
    np.testing.assert_array_equal(network.forward()[:, : len(kept)].T, alone[kept])

    network.replace(slot, Stacked(layers), policy)
    network.input[:, slot] = observations[policy]
    expected = alone[kept].copy()
    expected[slot] = alone[policy]
    np.testing.assert_array_equal(network.forward()[:, : len(kept)].T, expected)


def test_normalisation_is_done_in_double_precision():
    seen = np.array([[1e6 + 0.5, -3.0]])
    target = np.empty((2, 1), np.float32)
    normalize_into(target, seen, Normalizer(np.array([1e6, 0.0]), np.array([0.25, 2.0])))
    np.testing.assert_array_equal(target, [[2.0], [-1.5]])
