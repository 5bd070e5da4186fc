"""The usual tasks against Gymnasium's: what is seen, rewards, terminations, from the same states."""

import gymnasium
import mujoco
import numpy as np
import pytest

from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.tasks import USUAL, load_usual

STATES, STEPS, TRAJECTORIES = 1000, 20, 10
EXACT = ("Ant-v5", "Humanoid-v5", "InvertedDoublePendulum-v5", "Reacher-v5")
"""Those whose states have the solver's guess; the others' solver begins each step without one."""


def drawn(model, generator):
    """A pose near the model's own, and not at rest."""
    return model.qpos0 + generator.uniform(-0.2, 0.2, model.nq), generator.normal(size=model.nv)


@pytest.fixture(params=sorted(USUAL))
def pair(request):
    """A task with lanes, and Gymnasium's environment."""
    pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments import it")
    env = gymnasium.make(request.param).unwrapped
    yield request.param, load_usual(request.param)(), env
    env.close()


def begin(task, lanes, states):
    waiting = iter(states)
    task.start = lambda _: next(waiting)
    for lane in range(len(states)):
        assert not lanes.begin(lane, None)


def test_a_step_from_random_states_is_gymnasiums(pair):
    _, task, env = pair
    generator = np.random.default_rng(0)
    states = [drawn(task.mj_model, generator) for _ in range(STATES)]
    actions = generator.uniform(*task.action_bounds, (STATES, task.mj_model.nu))
    lanes, every = TaskLanes(task, STATES), np.arange(STATES)
    begin(task, lanes, states)
    looked = lanes.look(every)
    stepped = lanes.step(every, actions)
    seen, rewards, ended, first = [], [], [], []
    for (qpos, qvel), action in zip(states, actions, strict=True):
        mujoco.mj_resetData(env.model, env.data)
        env.set_state(qpos, qvel)
        first.append(env._get_obs())
        observation, reward, terminated, _, _ = env.step(action)
        seen.append(observation)
        rewards.append(reward)
        ended.append(terminated)
    np.testing.assert_allclose(looked, first, rtol=0, atol=1e-10)
    np.testing.assert_allclose(stepped.observation, seen, rtol=0, atol=1e-10)
    np.testing.assert_allclose(stepped.reward, rewards, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(stepped.terminated, ended)
    assert not stepped.warnings


def test_trajectories_are_gymnasiums(pair):
    name, task, env = pair
    generator = np.random.default_rng(1)
    states = [drawn(task.mj_model, generator) for _ in range(TRAJECTORIES)]
    actions = generator.uniform(*task.action_bounds, (STEPS, TRAJECTORIES, task.mj_model.nu))
    lanes, every = TaskLanes(task, TRAJECTORIES), np.arange(TRAJECTORIES)
    begin(task, lanes, states)
    found = [lanes.step(every, action) for action in actions]
    for lane, (qpos, qvel) in enumerate(states):
        env.reset(seed=0)
        env.set_state(qpos, qvel)
        for step, action in enumerate(actions[:, lane]):
            if name not in EXACT:
                env.data.qacc_warmstart[:] = 0
            observation, reward, terminated, _, _ = env.step(action)
            np.testing.assert_allclose(found[step].observation[lane], observation, rtol=0, atol=1e-10)
            assert abs(found[step].reward[lane] - reward) <= 1e-10
            assert found[step].terminated[lane] == terminated


@pytest.mark.parametrize("name", sorted(USUAL))
def test_starts_are_drawn_as_gymnasiums_are(name):
    """The same range of first observations, and the options' names and values."""
    pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments import it")
    env, task = gymnasium.make(name).unwrapped, load_usual(name)()
    lanes, every = TaskLanes(task, 300), np.arange(300)
    for lane in every:
        lanes.begin(lane, np.random.default_rng(lane))
    mine, theirs = lanes.look(every), np.array([env.reset(seed=seed)[0] for seed in range(300)])
    spread = theirs.std(axis=0)
    np.testing.assert_allclose(mine.mean(axis=0), theirs.mean(axis=0), atol=1e-9 + 0.4 * spread.max())
    assert (np.abs(mine.mean(axis=0) - theirs.mean(axis=0)) <= 1e-9 + 0.4 * spread).all()
    np.testing.assert_allclose(mine.std(axis=0), spread, rtol=0.25, atol=1e-9)
    for option, value in task.defaults.items():
        assert getattr(env, f"_{option}") == value, option
    assert task.episode_steps == gymnasium.spec(name).max_episode_steps
    assert task.frame_skip == env.frame_skip
    env.close()


def test_options_change_what_gymnasiums_change():
    options = {
        "exclude_current_positions_from_observation": False,
        "forward_reward_weight": 2.0,
        "ctrl_cost_weight": 0.0,
    }
    task = load_usual("HalfCheetah-v5")(frame_skip=2, **options)
    lanes = TaskLanes(task, 1)
    lanes.begin(0, np.random.default_rng(0))
    before = lanes.look(np.arange(1))
    stepped = lanes.step(np.arange(1), np.ones((1, 6)))
    assert before.shape == (1, 18)
    assert stepped.reward[0] == pytest.approx(2.0 * (stepped.observation[0, 0] - before[0, 0]) / task.dt)
    assert task.dt == pytest.approx(0.02)
