"""Toy environments: their known answers."""

import numpy as np
from evaluating import outcomes_of

from compactrl.envs.registry import describe
from compactrl.envs.toy import Target
from compactrl.types import Layer, Normalizer, Stacked, Trials


def test_the_known_best_policy_of_the_toy_gets_its_known_return():
    spec = describe("compactrl/Target-v0")
    layers = (Layer(Target.MATRIX[None].repeat(5, axis=0).astype(np.float32), None),)
    trials = Trials(Stacked(layers), Normalizer(np.zeros(3), np.ones(3)), np.zeros((5, 0), np.int64))
    outcomes = outcomes_of(spec, 2, trials)
    assert (np.abs(outcomes.returns) < 1e-10).all()
    np.testing.assert_array_equal(outcomes.steps, 20)


def pushing(count, gain=1.0):
    """The linear policy that pushes by -gain · (offset + velocity / 2), but for the tanh at its end."""
    weights = -gain * np.concatenate([np.eye(2), np.eye(2) / 2], axis=1) / 2
    layers = (Layer(weights[None].repeat(count, axis=0).astype(np.float32), None),)
    return Trials(Stacked(layers), Normalizer(np.zeros(4), np.ones(4)), np.zeros((count, 0), np.int64))


def test_the_point_mass_has_its_known_answers():
    spec = describe("compactrl/PointMass-v0")
    assert spec.measures == ("distance", "success")
    nothing = outcomes_of(spec, 4, pushing(8, 0.0))
    np.testing.assert_allclose(nothing.returns, -20 * nothing.measures["distance"], rtol=1e-12)
    assert not nothing.measures["success"].any()
    found = outcomes_of(spec, 4, pushing(8))
    assert (found.measures["success"] == 1).all()
    assert (found.measures["distance"] < 1e-6).all()
    assert (found.returns <= 0).all()
    assert (found.returns > 0.1 * nothing.returns).all()  # a tanh bends the pushes: nearly there in one step


def test_the_goal_of_the_point_mass_is_its_task_or_the_origin():
    spec = describe("compactrl/PointMass-v0")
    goals = np.array([[0.0, 0.0], [1.5, -1.0], [0.0, -40.0]])
    plain, moved = (outcomes_of(spec, 3, pushing(3, 0.0)._replace(tasks=tasks)) for tasks in (None, goals))
    assert moved.returns[0] == plain.returns[0]
    assert (moved.measures["distance"][1:] > [0.5, 39]).all()
    assert (outcomes_of(spec, 3, pushing(3)._replace(tasks=goals)).measures["success"] == [1, 1, 0]).all()
