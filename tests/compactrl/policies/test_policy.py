"""A policy alone: observations to actions, as the evaluators act."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from compactrl.envs.engines.base import Answer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block, Results
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy, copies
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


@pytest.mark.parametrize("action", [BOX, ActionSpec("discrete", choices=3)], ids=["box", "discrete"])
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
