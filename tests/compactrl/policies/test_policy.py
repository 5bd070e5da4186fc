"""Plain MLPs, many at once and alone, against a loop that does one after the other."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compactrl.envs.engines.base import Answer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block, Results
from compactrl.networks.batched import BatchedMLP, normalize_into
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.types import Layer, Normalizer, Size, Stacked, Trials

SHAPES = [(3, 2), (17, 6), (11, 41, 3), (17, 41, 6), (5, 7, 4, 2), (111, 64, 64, 8)]
every_shape = pytest.mark.parametrize("sizes", SHAPES, ids=str)


def make_layers(count, sizes, seed=0):
    generator = np.random.default_rng(seed)
    last = len(sizes) - 2
    return tuple(
        Layer(
            generator.standard_normal((count, outputs, inputs)).astype(np.float32),
            None if index == last else generator.standard_normal((count, outputs)).astype(np.float32),
        )
        for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
    )


def make_policy(sizes, action, seed=0):
    generator = np.random.default_rng(seed)
    normalizer = Normalizer(generator.standard_normal(sizes[0]), generator.uniform(0.5, 2, sizes[0]))
    layers = tuple(Layer(weight[0], None if bias is None else bias[0]) for weight, bias in make_layers(1, sizes, seed))
    return Policy(layers, normalizer, action, "none", "none", Size(0, 0, 0, 0.0, 0))


def outputs_of(layers, observations, slots=None):
    """Outputs (slots, A) of a batch, an observation (O,) for each of its slots."""
    network = BatchedMLP(Stacked(layers), slots)
    network.input[:, : len(observations)] = observations.T
    return network.forward()[:, : len(observations)].T.copy()


def one_by_one(layers, observations):
    """Outputs (N, A) in single precision, one policy after the other."""
    answers = []
    for policy, observation in enumerate(observations):
        value = observation.astype(np.float32)
        for index, (weight, bias) in enumerate(layers):
            value = weight[policy] @ value + (0 if bias is None else bias[policy])
            if index < len(layers) - 1:
                value = np.tanh(value)
        answers.append(value)
    return np.array(answers)


@every_shape
@pytest.mark.parametrize("count", [1, 16, 37])
def test_a_batch_equals_a_loop_over_its_policies(sizes, count):
    layers = make_layers(count, sizes)
    observations = np.random.default_rng(1).standard_normal((count, sizes[0])).astype(np.float32)
    expected = one_by_one(layers, observations)
    # 1e-6 of the largest sum that a row can reach: outputs near zero are differences of larger numbers.
    scale = np.maximum(1.0, np.abs(layers[-1].weight).sum(axis=2))
    assert (np.abs(outputs_of(layers, observations) - expected) <= 1e-6 * scale).all()


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


def test_normalisation_is_done_in_double_precision():
    seen = np.array([[1e6 + 0.5, -3.0]])
    target = np.empty((2, 1), np.float32)
    normalize_into(target, seen, Normalizer(np.array([1e6, 0.0]), np.array([0.25, 2.0])))
    np.testing.assert_array_equal(target, [[2.0], [-1.5]])


def test_a_specification_knows_its_alive_bonus_by_family():
    assert EnvironmentSpec("Hopper-v5", "envpool", 11, BOX, 1000).alive_bonus == 1.0
    assert EnvironmentSpec("compactrl/Target-v0", "gymnasium", 3, BOX, 20).alive_bonus == 0.0
