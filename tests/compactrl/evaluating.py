"""What the tests of evaluation share: trials of random policies, and outcomes compared."""

import numpy as np

from compactrl.envs.registry import describe
from compactrl.evaluation.local import LocalEvaluator
from compactrl.types import Layer, Normalizer, Stacked, Trials


def described(env, max_episode_steps=0):
    """An environment on the engine that most have: robots on EnvPool, whichever engine they have by default."""
    return describe(env, "envpool" if env.endswith("-v5") else "auto", max_episode_steps)


def make_trials(spec, count, seed=0, scale=0.3, hidden=5):
    """Random policies with one hidden layer."""
    generator = np.random.default_rng(seed)
    normal = generator.standard_normal
    layers = (
        Layer(
            (scale * normal((count, hidden, spec.observation_size))).astype(np.float32),
            normal((count, hidden)).astype(np.float32),
        ),
        Layer(normal((count, spec.action.size, hidden)).astype(np.float32), None),
    )
    normalizer = Normalizer(0.1 * normal(spec.observation_size), generator.uniform(0.5, 2, spec.observation_size))
    return Trials(Stacked(layers), normalizer, np.zeros((count, 0), np.int64))


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.returns, expected.returns)
    np.testing.assert_array_equal(found.steps, expected.steps)
    for part, other in zip(found.moments, expected.moments, strict=True):
        np.testing.assert_array_equal(part, other)
    assert found.failures == expected.failures


def evaluator(spec, lanes, threads=1, blocks=None, seed=7):
    return LocalEvaluator(spec, lanes, np.random.SeedSequence(seed), threads, blocks)


def outcomes_of(spec, lanes, trials, **how):
    one = evaluator(spec, lanes, **how)
    try:
        return one.evaluate(trials)
    finally:
        one.close()


def seeds_of(lanes, seed=7):
    return [int(state) for state in np.random.SeedSequence(seed).generate_state(lanes, np.uint32) >> 1]
