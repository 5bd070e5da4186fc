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
