"""The papers' robots: sizes as in their tables, lanes alone and in company, and what rewards and starts say."""

from typing import NamedTuple

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, make_trials, outcomes_of

from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.registry import describe
from compactrl.envs.robots import Minitaur, Striker, Thrower

TASKS = {"Striker-v0": (Striker, 23, 7), "Thrower-v0": (Thrower, 23, 7), "Minitaur-v0": (Minitaur, 7, 13)}
EVERY = np.arange(4)


class Taken(NamedTuple):
    """What came of a step, copied: lanes use their arrays again."""

    qpos: np.ndarray
    memory: np.ndarray
    reward: np.ndarray
    observation: np.ndarray
    terminated: np.ndarray


def take(lanes, action):
    step = lanes.step(EVERY, action)
    assert not step.warnings
    return Taken(step.state.qpos.copy(), step.state.memory.copy(), step.reward, step.observation, step.terminated)


def lanes_of(task, count=4):
    lanes = TaskLanes(task, count)
    for lane in range(count):
        assert not lanes.begin(lane, np.random.default_rng(lane))
    return lanes


@pytest.mark.parametrize("env", TASKS)
def test_sizes_are_those_of_the_tables_and_a_lane_does_the_same_in_any_company(env):
    spec = describe(env, max_episode_steps=15)
    assert (spec.engine, spec.observation_size, spec.action.size) == ("mujoco", *TASKS[env][1:])
    trials = make_trials(spec, 7)
    together = outcomes_of(spec, 3, trials)
    assert_equal(outcomes_of(spec, 3, trials, blocks=3), together)
    assert_equal(outcomes_of(describe(env, "gymnasium", 15), 3, trials), together)
    assert np.isfinite(together.returns).all()
    assert len(set(together.returns)) == 7


def test_the_papers_striker_policy_has_1230_edges():
    spec = describe("Striker-v0")
    assert (spec.observation_size + spec.action.size) * 41 == 1230


def test_a_ball_that_is_struck_rolls_and_stops_counting_the_way_to_it():
    lanes = lanes_of(Striker())
    swing = np.zeros((4, 7))
    swing[:, 0] = 1.5
    first = take(lanes, 0 * swing)
    np.testing.assert_allclose(first.memory[:, 1], 0)
    steps = [take(lanes, swing) for _ in range(60)]
    last = steps[-1]
    assert (last.memory[:, 1] == 1).all()
    assert (last.qpos[:, 8] > first.qpos[:, 8] + 0.2).all()
    ways = np.array([np.hypot(*(step.qpos[:, 7:9] - step.qpos[:, 9:11]).T) for step in (first, *steps)])
    np.testing.assert_allclose(last.memory[:, 0], ways.min(axis=0))
    np.testing.assert_allclose(last.reward, -3 * ways.min(axis=0) - 0.1 * 1.5**2)


def test_a_ball_that_is_thrown_counts_from_where_it_landed():
    lanes = lanes_of(Thrower())
    first = take(lanes, np.zeros((4, 7)))
    assert (first.memory[:, 0] == 0).all()
    toss = np.zeros((4, 7))
    toss[:, 1], toss[:, 3] = -3.0, -3.0
    steps = [take(lanes, toss) for _ in range(60)]
    landed = np.array([step.memory for step in steps])
    assert (landed[-1, :, 0] == 1).all()
    when = landed[:, :, 0].argmax(axis=0)
    for lane in EVERY:
        place = steps[when[lane]].qpos[lane, 7:9]
        np.testing.assert_array_equal(landed[when[lane] :, lane, 1:], np.tile(place, (60 - when[lane], 1)))
        way = np.hypot(*(place - steps[-1].qpos[lane, 10:12]))
        assert steps[-1].reward[lane] == pytest.approx(-way - 0.002 * 18)


def test_a_minitaur_trots_by_its_generator_alone():
    lanes = lanes_of(Minitaur())
    action = np.zeros((4, 13))
    steps = [take(lanes, action) for _ in range(150)]
    assert not steps[-1].terminated.any()
    assert (steps[-1].qpos[:, 0] > 0.2).all()
    assert np.abs(steps[-1].qpos[:, 1]).max() < 0.2
    np.testing.assert_allclose(np.square(steps[9].observation[:, 4:6]).sum(axis=1), 1)
    speed = (steps[9].qpos[:, 0] - steps[8].qpos[:, 0]) / 0.02
    assert steps[49].observation[0, 6] == pytest.approx(0.8 * 50 * 0.02 / 2.0)
    assert (steps[9].reward <= 0.8).all()
    assert np.isfinite(speed).all()


@pytest.mark.filterwarnings("ignore:.*WARN")
@pytest.mark.parametrize("env", TASKS)
def test_they_are_environments_of_gymnasiums(env):
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(env).unwrapped, skip_render_check=True)
