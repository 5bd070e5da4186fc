"""A policy alone: observations to actions, as the evaluators act."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from compactrl.envs.engines.base import Answer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.results import Results
from compactrl.policies.actions import ActionSpec
from compactrl.policies.batches import copies
from compactrl.policies.files import load_policy, save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import shared_edges
from compactrl.types import Layer, Normalizer, Trials


def make_policy(sizes, action, seed=0):
    generator = np.random.default_rng(seed)
    normalizer = Normalizer(generator.standard_normal(sizes[0]), generator.uniform(0.5, 2, sizes[0]))
    layers = [
        Layer(
            generator.standard_normal((outputs, inputs)).astype(np.float32),
            generator.standard_normal(outputs).astype(np.float32),
        )
        for inputs, outputs in itertools.pairwise(sizes)
    ]
    layers[-1] = layers[-1]._replace(bias=None)
    return Policy.of_layers(tuple(layers), normalizer, action)


BOX = ActionSpec("box", (-1.0, 0.0, -3.0), (1.0, 2.0, 5.0))


def test_one_observation_gives_one_action_and_rows_give_rows():
    policy = make_policy((4, 5, 3), BOX)
    rows = np.random.default_rng(0).standard_normal((7, 4))
    assert policy(rows[0]).shape == (3,)
    assert policy(rows).shape == (7, 3)
    np.testing.assert_array_equal(policy(rows), [policy(row) for row in rows])
    assert policy.shape == (4, 5, 3)


def test_a_discrete_policy_gives_the_number_of_its_largest_output():
    policy = make_policy((4, 3), ActionSpec("discrete", choices=3, start=5))
    rows = np.random.default_rng(0).standard_normal((50, 4))
    normal = (rows - policy.normalizer.mean) / policy.normalizer.std
    np.testing.assert_array_equal(policy(rows), 5 + np.argmax(normal @ policy.layers[0].weight.T, axis=1))
    assert policy(rows[0]).shape == ()
    assert np.issubdtype(policy(rows).dtype, np.integer)


def test_actions_fill_their_bounds_and_never_leave_them():
    outputs = np.array([[-100.0, 0.0, 100.0]] * 3, np.float32)
    np.testing.assert_allclose(BOX.act(outputs), [[-1, 0, -3], [0, 1, 1], [1, 2, 5]])


def test_an_unbounded_box_gets_the_outputs_as_they_are():
    outputs = np.array([[-100.0, 7.0]], np.float32)
    np.testing.assert_array_equal(ActionSpec("box", (-np.inf,), (np.inf,)).act(outputs), [[-100.0], [7.0]])


SIDES = ActionSpec("box", (-1.0, 0.5, -np.inf, -np.inf), (1.0, np.inf, -2.0, np.inf))
"""Bounded on both sides, below, above, nowhere."""


def test_each_action_is_squashed_clipped_or_left_by_its_own_bounds():
    outputs = np.array([[7.8, -7.8, 0.25], [7.8, -7.8, 0.25], [7.8, -7.8, 0.25], [7.8, -7.8, 0.25]], np.float32)
    squashed = np.tanh(np.float32([7.8, -7.8, 0.25]))
    expected = [squashed, [np.float32(7.8), 0.5, 0.5], [-2.0, np.float32(-7.8), -2.0], np.float32([7.8, -7.8, 0.25])]
    acted = SIDES.act(outputs)
    np.testing.assert_array_equal(acted, np.transpose(expected))
    assert acted.dtype == np.float64
    assert acted.flags.c_contiguous
    np.testing.assert_array_equal(
        SIDES.scaled(np.array([[0.5] * 4, [-0.5] * 4])), [[0.5, 0.5, -2, 0.5], [-0.5, 0.5, -2, -0.5]]
    )
    assert SIDES.bounds is None
    assert SIDES.warning() == "action 3 has no bounds: the policy's outputs are sent as they are, however large"
    assert BOX.warning() == ActionSpec("discrete", choices=3).warning() == ""


def test_a_bounded_action_has_the_same_bits_beside_a_free_one():
    outputs = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    beside = ActionSpec("box", (*BOX.low, -np.inf), (*BOX.high, np.inf))
    np.testing.assert_array_equal(beside.act(np.concatenate([outputs, outputs[:1]]))[:, :3], BOX.act(outputs))


WHOLE = ActionSpec("box", (-2.0, 0.0, -128.0), (2.0, 3.0, 127.0), dtype="int8")


def test_integers_are_the_nearest_and_the_whole_range_is_reached():
    outputs = np.arctanh(np.linspace(-0.999999, 0.999999, 4001)).astype(np.float32)
    acted = WHOLE.act(np.stack([outputs] * 3))
    assert acted.dtype == np.int8
    for column, (low, high) in enumerate(zip(WHOLE.low, WHOLE.high, strict=True)):
        values, counts = np.unique(acted[:, column], return_counts=True)
        np.testing.assert_array_equal(values, np.arange(low, high + 1))
        share = 4001 / (high - low)
        np.testing.assert_allclose(counts, share * np.where(np.isin(values, [low, high]), 0.5, 1), atol=2)
    squashed = np.linspace(-1, 1, 9)[:, None]
    scaled = ActionSpec("box", (-2.0,), (2.0,), dtype="int32").scaled(squashed)
    np.testing.assert_array_equal(scaled[:, 0], [-2, -2, -1, 0, 0, 0, 1, 2, 2])
    assert scaled.dtype == np.int32


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_integers_without_bounds_stay_in_their_type(dtype):
    held = np.iinfo(dtype)
    outputs = np.array([[-1e30, -3.4, 2.6, 1e30]], np.float32)
    for action in (
        ActionSpec("box", (-np.inf,), (np.inf,), dtype=dtype),
        ActionSpec("box", (0.0,), (np.inf,), dtype=dtype),
    ):
        acted = action.act(outputs)[:, 0]
        low = 0 if action.low[0] == 0 else held.min
        assert acted.dtype == dtype
        assert acted.tolist()[:3] == [low, max(low, -3), 3]
        assert held.max - acted.tolist()[3] <= held.max / 2**52


def test_a_policy_of_integers_gives_integers_and_its_files_say_so(tmp_path):
    policy = make_policy((4, 5, 3), WHOLE)
    rows = np.random.default_rng(0).standard_normal((7, 4))
    assert policy(rows).dtype == policy(rows[0]).dtype == np.int8
    save_policy(tmp_path / "policy", policy)
    loaded = load_policy(tmp_path / "policy")
    assert loaded.action == WHOLE
    np.testing.assert_array_equal(loaded(rows), policy(rows))
    assert "dtype" not in make_policy((4, 5, 3), BOX).state_dict()["action"]


@pytest.mark.parametrize("huge", [np.finfo(np.float64).max, np.finfo(np.float32).max, 1e39])
def test_bounds_beyond_single_precision_are_none_and_nothing_overflows(huge):
    outputs = np.array([[7.8, -7.8]], np.float32)
    with np.errstate(all="raise"):
        for low, high in ((-huge, huge), (-huge, np.inf), (-np.inf, huge)):
            action = ActionSpec("box", (float(low),), (float(high),))
            np.testing.assert_array_equal(action.act(outputs), outputs.T.astype(np.float64))
            assert action.bounds is None
        half = ActionSpec("box", (0.0,), (float(huge),))
        np.testing.assert_array_equal(half.act(outputs), [[np.float32(7.8)], [0.0]])
    large = ActionSpec("box", (-3e38,), (3e38,))
    np.testing.assert_allclose(large.act(np.array([[-50.0, 0.0, 50.0]], np.float32)), [[-3e38], [0], [3e38]])


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 2, 4), ()])
def test_a_wrong_observation_is_told_what_was_expected(shape):
    expected = f"expected an observation with shape (4,) or (B, 4), got {shape}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        make_policy((4, 3), BOX)(np.zeros(shape))


class Recorder:
    """An engine that shows set observations and keeps the actions it is sent."""

    def __init__(self, observations):
        self.observations, self.actions, self.time = observations, [], 0

    def send(self, lanes, actions, restart, tasks=None):  # noqa: ARG002
        self.count = len(lanes)
        if not restart.any():
            self.actions.append(actions.copy())

    def receive(self):
        seen = self.observations[self.time, : self.count]
        self.time += 1
        done = np.full(self.count, self.time == len(self.observations))
        return Answer(seen, np.zeros(self.count), done, {})

    def close(self):
        pass


@pytest.mark.parametrize(
    "action",
    [BOX, ActionSpec("box", SIDES.low[:3], SIDES.high[:3]), WHOLE, ActionSpec("discrete", choices=3)],
    ids=["box", "sides", "whole", "discrete"],
)
@pytest.mark.parametrize("lanes", [1, 5, 16, 33])
def test_evaluators_act_as_the_policy_that_ships(action, lanes):
    policy = make_policy((17, 41, 3), action)
    engine = Recorder(np.random.default_rng(2).standard_normal((6, lanes, 17)) * 3)
    block = Block(engine, 0, lanes, lanes, action)
    trials = Trials(policy.batched(lanes), policy.normalizer, np.zeros((lanes, 0), np.int64))
    block.start(trials, Results.empty(lanes, 17))
    while block.advance():
        pass
    assert len(engine.actions) == 5
    for seen, acted in zip(engine.observations, engine.actions, strict=False):
        np.testing.assert_array_equal(policy(seen), acted)


def test_a_specification_knows_its_alive_bonus_by_family():
    assert EnvironmentSpec("Hopper-v5", "envpool", 11, BOX, 1000).alive_bonus == 1.0
    assert EnvironmentSpec("compactrl/Target-v0", "gymnasium", 3, BOX, 20).alive_bonus == 0.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mask": np.ones(20, np.int64)}, "expected an index map beside the mask"),
        ({"weights": np.zeros(3)}, "expected a weight for each of 20 edges, got 3"),
        ({"index": np.zeros(3, np.int64)}, "expected an index for each of 20 edges"),
        ({"biases": np.zeros(3)}, "expected 4 biases, got 3"),
        ({"container": "bag"}, "expected a container of stacked, mixed"),
    ],
)
def test_numbers_that_do_not_belong_together_are_refused(change, expected):
    with pytest.raises(ValueError, match=expected):
        replace(make_policy((3, 4, 2), BOX), **change)


def test_policies_that_are_evaluated_in_different_ways_are_not_mixed():
    policy = make_policy((3, 4, 2), BOX)
    with pytest.raises(ValueError, match="expected policies of one activation"):
        copies([policy, replace(policy, container="mixed")], 2)


def test_an_infinite_weight_of_a_dropped_edge_stays_out():
    mask = np.array([1, 0, 1])
    edges = shared_edges(np.array([np.inf, 2.0]), np.array([1, 0, 1]), mask)
    np.testing.assert_array_equal(edges, [2.0, 0.0, 2.0])
