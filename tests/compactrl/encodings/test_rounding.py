"""Weights and normalisers that are rounded to bytes: by hand, by a loop, and stored without loss."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compactrl.encodings.dense import Int8
from compactrl.encodings.formats import AUTO, FORMATS, choose
from compactrl.encodings.inputs import PARTS, Inputs
from compactrl.encodings.plan import make_plan
from compactrl.encodings.rounding import rounded_normalizer, rounded_to_int8, with_rounded_normalizer
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


NORMALIZERS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-4, 1e4)), min_size=1, max_size=8).map(
    lambda pairs: Normalizer(*(np.array(part) for part in zip(*pairs, strict=True)))
)


@given(NORMALIZERS)
def test_a_rounded_normalizer_is_powers_of_two_and_whole_parts(normalizer):
    rounded = rounded_normalizer(normalizer)
    mean, std = rounded
    if (np.abs(normalizer.mean) > 5800 * normalizer.std).any():
        assert rounded is normalizer
        return
    assume((np.abs(normalizer.mean) < 2000 * normalizer.std).all())
    fractions, _ = np.frexp(std)
    parts = mean / std * PARTS
    assert (fractions == 0.5).all()
    np.testing.assert_array_equal(parts, np.rint(parts))
    assert (np.abs(mean - normalizer.mean) <= std / (2 * PARTS) * (1 + 1e-9)).all()
    ratio = std / normalizer.std
    assert (ratio <= 2**0.5 * (1 + 1e-9)).all()
    assert (ratio >= 2**-0.5 * (1 - 1e-9)).all()
    again = rounded_normalizer(rounded)
    np.testing.assert_array_equal(again.mean, mean)
    np.testing.assert_array_equal(again.std, std)


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.0, 6.4e6], [1.0, 0.05]), ([0.0, 1.0], [1.0, 1e-8]), ([0.0, 0.0], [1e-6, 1e6]), ([0.0, 0.0], [1e-40, 1e-41])],
    ids=str,
)
def test_a_normalizer_that_bytes_do_not_hold_stays_as_it_is(mean, std):
    normalizer = Normalizer(np.array(mean), np.array(std))
    assert rounded_normalizer(normalizer) is normalizer
    policy = replace(policy_of(0, (2, 8, 3)), normalizer=normalizer)
    assert with_rounded_normalizer(policy) is policy


@pytest.mark.parametrize("far", [1.0, 30.0, 100.0, 1000.0])
def test_an_observation_far_from_zero_leaves_the_weights_of_others_and_its_own_as_large(far):
    """Weights that share values would be rounded by the largest."""
    normalizer = Normalizer(np.array([far, 0, 0, 0, 0]), np.full(5, 1.1))
    policy = replace(policy_of(0), normalizer=normalizer)
    rounded = with_rounded_normalizer(policy)
    assert rounded.normalizer.std.tolist() == [1.0] * 5
    assert np.abs(rounded.layers[0].weight).max() <= np.abs(policy.layers[0].weight).max()
    tables = {table.name: table for table in make_plan(rounded, FORMATS["int8"]).inputs.tables()}
    assert "scale" not in tables


@pytest.mark.parametrize(
    ("mean", "std", "types"),
    [
        ([0.5, -0.25], [1.0, 1.0], {"mean": "int8_t"}),
        ([15.875, 0.0], [1.0, 2.0], {"mean": "int8_t", "scale": "uint8_t"}),
        ([16.0, 0.0], [1.0, 2.0], {"mean": "int16_t", "scale": "uint8_t"}),
        ([16.1, 0.0], [1.0, 2.0], {"mean": "float", "scale": "float"}),
        ([0.5, 0.0], [1.0, 3.0], {"mean": "float", "scale": "float"}),
    ],
    ids=str,
)
def test_what_is_kept_of_a_normalizer_takes_bytes_where_that_changes_nothing(mean, std, types):
    inputs = Inputs(mean=np.array(mean, np.float32), scale=None if std == [1, 1] else 1 / np.array(std, np.float32))
    assert {table.name: table.type for table in inputs.tables()} == types
    rows = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    if (small := inputs.in_bytes) is not None:
        shifts = np.zeros(2) if small.shifts is None else small.shifts
        scaled = rows * (np.exp2(shifts).astype(np.float32) * small.base) - small.parts.astype(np.float32) / PARTS
        np.testing.assert_array_equal(scaled.astype(np.float32), inputs(rows))


@pytest.mark.parametrize("seed", range(5))
def test_the_first_layer_makes_up_for_a_rounded_normalizer(seed):
    generator = np.random.default_rng(seed)
    normalizer = Normalizer(3 * generator.standard_normal(5), np.exp(2 * generator.standard_normal(5)))
    policy = replace(policy_of(seed), normalizer=normalizer)
    rounded = with_rounded_normalizer(policy)
    states = normalizer.mean + normalizer.std * generator.standard_normal((200, 5))
    np.testing.assert_allclose(rounded(states), policy(states), atol=2e-5)
    assert not np.allclose(rounded.layers[0].weight, policy.layers[0].weight)
    assert with_rounded_normalizer(rounded) is rounded


def test_a_rounded_normalizer_takes_a_byte_or_two_an_observation():
    generator = np.random.default_rng(0)
    index = generator.integers(0, 4, 5 * 8 + 8 * 3)
    normalizer = Normalizer(generator.standard_normal(5), np.exp(generator.standard_normal(5)))
    numbers = {"weights": np.array([-0.5, -0.1, 0.2, 0.7]), "index": index, "biases": generator.standard_normal(11)}
    policy = replace(policy_of(0), normalizer=normalizer, **numbers)
    rounded = replace(policy, normalizer=rounded_normalizer(normalizer))
    assert stored_bytes(policy) - stored_bytes(rounded) == (4 - 1) * 5  # means are in the biases, which stay floats
    shared = replace(rounded, biases=np.repeat([0.1, -0.2], [5, 6]))
    before = replace(shared, normalizer=normalizer)
    assert stored_bytes(before) - stored_bytes(shared) == (8 - 2) * 5  # few biases: means stay beside them


def test_without_biases_nothing_makes_up_for_rounding_a_normalizer():
    normalizer = Normalizer(np.full(5, 0.3), np.full(5, 0.7))
    layers = (Layer(np.ones((3, 5), np.float32), None),)
    policy = Policy.of_layers(layers, normalizer, ActionSpec("box", (-1.0,) * 3, (1.0,) * 3))
    with pytest.raises(ValueError, match="biases in the first layer"):
        with_rounded_normalizer(policy)
