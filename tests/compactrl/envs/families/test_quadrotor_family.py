"""The family of quadrotors: a task is what the equation of motion has, and lanes are each other's strangers."""

import re

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, make_trials, outcomes_of

from compactrl.envs.families.quadrotor import QuadrotorAirframe
from compactrl.envs.registry import describe
from compactrl.envs.robots.quadrotor import Quadrotor
from compactrl.errors import InputError

ENV = "compactrl/Quadrotor-Airframe-v0"
GRAVITY = 9.81


def quiet(kind, lanes, **options):
    return kind(lanes, scenario="static", noise=False, spread=0.0, **options)


def test_motors_push_as_many_times_the_weight_as_the_task_says():
    env, lanes = quiet(QuadrotorAirframe, 3), np.arange(3)
    tasks = np.array([[0.028, 1.9], [0.042, 1.5], [0.025, 2.5]])
    env.reset(lanes, lanes, tasks)
    before = env.state[5].copy()
    for _ in range(100):  # until the motors turn as fast as they can
        before = env.state[5].copy()
        env.step(lanes, np.ones((3, 4)))
    np.testing.assert_allclose((env.state[5] - before) * 100, (tasks[:, 1] - 1) * GRAVITY, rtol=1e-3)


def test_the_nominal_task_is_the_ordinary_quadrotor_to_the_bit():
    family, plain, lane = quiet(QuadrotorAirframe, 2), quiet(Quadrotor, 1), np.arange(1)
    family.reset(np.arange(2), np.array([7, 3]), np.array([[0.04, 2.4], [0.028, 1.9]]))
    plain.reset(lane, np.array([3]), None)
    generator = np.random.default_rng(0)
    for _ in range(50):
        action = generator.uniform(-1, 1, (1, 4))
        seen, reward, *_ = family.step(np.array([1]), action)
        expected, worth, *_ = plain.step(lane, action)
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(reward, worth)


def test_a_lane_alone_equals_a_lane_in_the_batch_and_an_environment_of_gymnasium():
    spec = describe(ENV, max_episode_steps=40)
    assert spec.engine == "batched"
    trials = make_trials(spec, 7)
    for given in (None, spec.contexts.train(np.random.default_rng(0), 7)):
        trials = trials._replace(tasks=given)
        together = outcomes_of(spec, 3, trials)
        assert_equal(outcomes_of(spec, 3, trials, blocks=3), together)
        assert_equal(outcomes_of(describe(ENV, "gymnasium", 40), 3, trials), together)


@pytest.mark.parametrize("option", ["mass", "thrust_to_weight", "randomise"])
def test_what_the_task_decides_is_no_option(option):
    with pytest.raises(InputError, match=f"no option '{option}': its task decides"):
        describe(ENV, kwargs={option: 0.5})


def test_a_quadrotor_that_cannot_rise_is_refused():
    env = gymnasium.make(ENV)
    with pytest.raises(InputError, match=re.escape("thrust_to_weight 0.9 is outside of 1.5 … 2.5, the range of this")):
        env.reset(options={"task": [0.03, 0.9]})
    with pytest.raises(InputError, match=re.escape("0.03 kg with motors that push 0.9 times its weight cannot rise")):
        env.reset(options={"task": [0.03, 0.9], "extrapolate": True})
    with pytest.raises(InputError, match=r"a task is \(mass, thrust_to_weight\), 2 numbers, and what was given is"):
        env.reset(options={"task": [0.03]})
