"""What the tests of collecting share: trials of random policies that explore, and what was collected compared."""

from itertools import pairwise

import numpy as np

from compactrl.policies.distributions import Deterministic, SquashedGaussian
from compactrl.types import Exploration, Layer, Mixed, Normalizer, Trials

LANES = 4


def mlp(generator, sizes, scale=0.4):
    return tuple(
        Layer(
            (scale * generator.standard_normal((outputs, inputs))).astype(np.float32),
            generator.standard_normal(outputs).astype(np.float32),
        )
        for inputs, outputs in pairwise(sizes)
    )


def make_trials(spec, steps, heads=2, seed=0, shapes=((5,), (3, 7), (16, 4, 4))):
    generator = np.random.default_rng(seed)
    policies = tuple(
        mlp(generator, (spec.observation_size, *shapes[k % len(shapes)], heads * spec.action.size))
        for k in range(LANES)
    )
    given = np.full((steps, LANES, spec.action.size), np.nan)
    given[0, 1] = 0.5
    distribution = SquashedGaussian(-2.0, 0.5) if heads == 2 else Deterministic()
    exploration = Exploration(generator.standard_normal(given.shape), given, distribution)
    normalizer = Normalizer(0.1 * generator.standard_normal(spec.observation_size), np.full(spec.observation_size, 1.5))
    return Trials(Mixed(policies, np.arange(LANES)), normalizer, np.zeros((LANES, 0), np.int64), exploration)


def assert_same(found, expected):
    for mine, theirs in zip(found.transitions, expected.transitions, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(found.returns, expected.returns)
    np.testing.assert_array_equal(found.steps, expected.steps)
    assert found.failures == expected.failures
