"""Families of running robots: rewards by the formulas of the papers, in a naive loop over Gymnasium's environments."""

import gymnasium
import mujoco
import numpy as np
import pytest
from evaluating import assert_equal, evaluator, make_trials, outcomes_of

from compactrl.envs.family import families
from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.mujoco.task import TASKS
from compactrl.envs.registry import describe

FAMILIES = sorted(env for env in families().values() if env in TASKS)
TASKS_TRIED = {"direction": [[1.0], [-1.0], [1.0]], "velocity": [[0.0], [1.25], [3.0]]}


def contacts(env):
    return 5e-4 * np.square(np.clip(env.data.cfrc_ext, -1, 1)).sum()


NAIVE = {
    "HalfCheetah-FwdBack": ("HalfCheetah-v5", {}, lambda v, g, a, _: v * g - 0.05 * a @ a),
    "HalfCheetah-Vel": ("HalfCheetah-v5", {}, lambda v, g, a, _: -abs(v - g) - 0.05 * a @ a),
    "HalfCheetah-Vel-Medium": ("HalfCheetah-v5", {}, lambda v, g, a, _: -abs(v - g) - 0.05 * a @ a),
    "Ant-FwdBack": ("Ant-v5", {}, lambda v, g, a, env: v * g - 0.005 * a @ a - contacts(env) + 0.05),
    "Ant-Vel": ("Ant-v5", {}, lambda v, g, a, env: 1 - abs(v - g) - 0.005 * a @ a - contacts(env) + 0.05),
    "Walker2d-Vel": ("Walker2d-v5", {}, lambda v, g, a, env: 3 * env.is_healthy - abs(v - g) - 0.001 * a @ a),
}
"""Family → Gymnasium's environment, its options, and the reward of velocity, task and action."""


@pytest.mark.parametrize("name", NAIVE)
def test_rewards_are_the_formula_over_gymnasiums_environment(name):
    """Velocity is the way of the root in `qpos` over the time of a step."""
    pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments import it")
    base, options, formula = NAIVE[name]
    if base == "Ant-v5":
        options = {"include_cfrc_ext_in_observation": False}
    env = gymnasium.make(base, **options).unwrapped
    task = TASKS[families()[name]].make()
    lanes, every = TaskLanes(task, 3), np.arange(3)
    tasks = np.array(TASKS_TRIED[task.contexts.names[0]])
    generator = np.random.default_rng(0)
    starts = [generator.uniform(-0.2, 0.2, task.mj_model.nq) + task.init_qpos for _ in every]
    waiting = iter(starts)
    task.uniform = lambda *_: next(waiting) - task.init_qpos
    task.normal = lambda *_: np.zeros(task.mj_model.nv)
    if base == "Walker2d-v5":  # whose velocities are drawn by `uniform` too
        waiting = iter([each for start in starts for each in (start, task.init_qpos[: task.mj_model.nv])])
    for lane in every:
        assert not lanes.begin(int(lane), None, tasks[lane])
    actions = generator.uniform(*task.action_bounds, (8, 3, task.mj_model.nu))
    found = [lanes.step(every, action) for action in actions]
    for lane in every:
        mujoco.mj_resetData(env.model, env.data)
        env.set_state(starts[lane], np.zeros(task.mj_model.nv))
        for step, action in enumerate(actions[:, lane]):
            if base != "Ant-v5":
                env.data.qacc_warmstart[:] = 0
            x = env.data.qpos[0]
            observation, _, terminated, _, _ = env.step(action)
            expected = formula((env.data.qpos[0] - x) / env.dt, tasks[lane, 0], action, env)
            assert found[step].reward[lane] == pytest.approx(expected, abs=1e-9)
            assert found[step].terminated[lane] == terminated
            np.testing.assert_allclose(found[step].observation[lane], observation, rtol=0, atol=1e-9)
        mean = (env.data.qpos[0] - starts[lane][0]) / (8 * env.dt)
        assert lanes.measure(found[-1].state)["velocity"][lane] == pytest.approx(mean, abs=1e-9)
    env.close()


def same(found, expected):
    assert_equal(found, expected)
    for name, values in expected.measures.items():
        np.testing.assert_array_equal(found.measures[name], values)


@pytest.mark.parametrize("env", FAMILIES)
def test_a_lane_alone_equals_a_lane_in_the_batch_and_an_environment_of_gymnasium(env):
    """With tasks given, and with its own."""
    spec = describe(env, max_episode_steps=12)
    assert (spec.engine, spec.measures) == ("mujoco", ("velocity",))
    for seed in (0, None):
        trials = make_trials(spec, 8)
        if seed is not None:
            tasks = spec.contexts.train(np.random.default_rng(seed), 8)
            trials = trials._replace(tasks=tasks)
        together = outcomes_of(spec, 4, trials)
        same(outcomes_of(spec, 4, trials, blocks=4), together)
        same(outcomes_of(spec, 4, trials, threads=2), together)
        same(outcomes_of(describe(env, "gymnasium", 12), 4, trials), together)
        assert np.isfinite(together.returns).all()


def test_episodes_go_on_where_another_evaluator_was():
    spec = describe("compactrl/HalfCheetah-Vel-v0", max_episode_steps=9)
    first, second = make_trials(spec, 9, seed=1), make_trials(spec, 9, seed=2)
    old, fresh = evaluator(spec, 4), evaluator(spec, 4, blocks=2)
    old.evaluate(first)
    fresh.load_state_dict(old.state_dict())
    same(fresh.evaluate(second), old.evaluate(second))


def test_a_task_is_the_reward_alone():
    """The same seed begins in the same state whatever the task, given or drawn."""
    env = gymnasium.make("compactrl/HalfCheetah-FwdBack-v0")
    seen, info = env.reset(seed=5)
    drawn = info["task"]
    action = np.full(6, 0.3)
    own, reward, *_ = env.step(action)
    for task in ([1.0], [-1.0]):
        begun, info = env.reset(seed=5, options={"task": task})
        np.testing.assert_array_equal(begun, seen)
        observation, found, *_, info = env.step(action)
        assert info["task"].tolist() == task
        np.testing.assert_array_equal(observation, own)
        assert (found == reward) == (task == drawn.tolist())
    env.close()


@pytest.mark.parametrize(("env", "size", "steps"), [("Ant-Vel", 27, 200), ("HalfCheetah-Vel", 17, 200)])
def test_sizes_and_lengths_are_the_papers(env, size, steps):
    spec = describe(families()[env])
    assert (spec.observation_size, spec.max_episode_steps) == (size, steps)
    made = gymnasium.make(families()[env])
    assert made.unwrapped._task.dt == pytest.approx(0.05)
    made.close()


def test_medium_is_tested_beyond_what_is_trained():
    contexts = describe("compactrl/HalfCheetah-Vel-Medium-v0").contexts
    train, test = (draw(np.random.default_rng(0), 500) for draw in (contexts.train, contexts.test))
    assert (train.min(), train.max()) == pytest.approx((0, 2.5), abs=0.02)
    assert (test.min(), test.max()) == pytest.approx((2.5, 3), abs=0.01)


def test_standing_still_pays_more_than_falling_in_every_task_of_walker2d():
    """Else who is to run fast would do best to fall at once."""
    task = TASKS["compactrl/Walker2d-Vel-v0"].make()
    lanes, every = TaskLanes(task, 4), np.arange(4)
    for lane, wanted in enumerate((0.0, 1.0, 2.0, 3.0)):
        lanes.begin(lane, np.random.default_rng(0), np.array([wanted]))
    stepped = lanes.step(every, np.zeros((4, 6)))
    assert (stepped.reward > -0.05).all()
    assert not stepped.terminated.any()


@pytest.mark.filterwarnings("ignore:.*WARN")  # of unbounded boxes
@pytest.mark.parametrize("env", sorted(families().values()))
def test_gymnasiums_own_checks_pass(env):
    from gymnasium.utils.env_checker import check_env

    made = gymnasium.make(env)
    check_env(made.unwrapped, skip_render_check=True)
    made.close()
