"""Weights that are rounded to bytes: by hand, by a loop, and stored without loss."""

from itertools import pairwise

import numpy as np
import pytest

from compactrl.encodings.dense import Int8
from compactrl.encodings.formats import AUTO, choose
from compactrl.encodings.rounding import rounded_to_int8
from compactrl.encodings.storage import stored_bytes
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Layer, Normalizer

NOTHING_NORMALIZED = Normalizer(np.zeros(5), np.ones(5))


def policy_of(seed, sizes=(5, 8, 3)):
    generator = np.random.default_rng(seed)
    layers = tuple(
        Layer(generator.standard_normal((outputs, inputs)).astype(np.float32), np.ones(outputs, np.float32))
        for inputs, outputs in pairwise(sizes)
    )
    return Policy.of_layers(layers, NOTHING_NORMALIZED, ActionSpec("box", (-1.0,) * 3, (1.0,) * 3), "relu")


@pytest.mark.parametrize("seed", range(20))
def test_a_rounded_policy_is_stored_in_bytes_without_loss(seed):
    policy = policy_of(seed)
    rounded = rounded_to_int8(policy)
    assert choose(AUTO, policy.sharing).name == "float32"
    assert choose(AUTO, rounded.sharing).name == "int8"
    for stored, layer in zip(Int8(rounded.sharing).matrices(), rounded.layers, strict=True):
        np.testing.assert_array_equal(stored, layer.weight)
    assert rounded_to_int8(rounded) is rounded
    edges, rows = 5 * 8 + 8 * 3, 8 + 3
    assert stored_bytes(policy) == 4 * (edges + rows)
    assert stored_bytes(rounded) == edges + 4 * rows + 4 * rows  # a byte an edge, a scale and a bias a row


def test_each_weight_moves_by_at_most_half_a_step_of_its_row():
    policy = policy_of(3)
    for before, after in zip(policy.layers, rounded_to_int8(policy).layers, strict=True):
        for row, moved in zip(before.weight, after.weight, strict=True):
            step = max(abs(float(weight)) for weight in row) / 127
            for weight, other in zip(row, moved, strict=True):
                assert abs(float(weight) - float(other)) <= 0.5001 * step
        np.testing.assert_array_equal(before.bias, after.bias)


def test_shared_weights_stay_as_they_are():
    action = ActionSpec("box", (-1.0,), (1.0,))
    index = np.array([0, 1, 0, 1, 1])
    policy = Policy(Skeleton.tanh((5, 1)), np.array([0.3, -1.7]), index, None, np.zeros(0), NOTHING_NORMALIZED, action)
    assert rounded_to_int8(policy) is policy
