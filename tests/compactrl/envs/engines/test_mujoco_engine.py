"""The MuJoCo engine: a lane does the same alone, in any company, in any block, and as an environment of Gymnasium's."""

import re

import gymnasium
import numpy as np
import pytest
from evaluating import assert_equal, evaluator, make_trials, outcomes_of
from mujoco_tasks import Cart, cart  # noqa: F401

from compactrl.envs.engines.base import reset_seed
from compactrl.envs.engines.mujoco import MujocoEngine
from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.registry import describe
from compactrl.envs.tasks import SOONER, USUAL
from compactrl.errors import FaultError, InputError
from compactrl.policies.distributions import Deterministic
from compactrl.types import Exploration

ONE = np.arange(1)


def same(found, expected):
    assert_equal(found, expected)
    assert found.measures.keys() == expected.measures.keys()
    for name, values in expected.measures.items():
        np.testing.assert_array_equal(found.measures[name], values)


@pytest.mark.parametrize("fields", [(), ("xpos", "cfrc_ext")])
@pytest.mark.parametrize("tasks", [False, True])
def test_a_lane_alone_equals_a_lane_in_the_batch_and_an_environment_of_gymnasium(cart, fields, tasks):  # noqa: F811
    options = {"fields": fields}
    spec = describe(cart, kwargs=options)
    assert (spec.engine, spec.observation_size, spec.measures) == ("mujoco", 11 + 27 * bool(fields), ("lean",))
    assert (spec.action.low, spec.action.high) == ((-2.0, -np.inf), (3.0, np.inf))
    trials = make_trials(spec, 23)
    if tasks:
        trials = trials._replace(tasks=np.random.default_rng(0).normal(size=(23, 2)))
    together = outcomes_of(spec, 7, trials)
    same(outcomes_of(spec, 7, trials, blocks=7), together)
    same(outcomes_of(spec, 7, trials, threads=2), together)
    same(outcomes_of(describe(cart, "gymnasium", kwargs=options), 7, trials), together)
    assert np.isfinite(together.returns).all()
    assert 0 < (together.steps < 25).sum() < 23


@pytest.mark.parametrize("env", ["HalfCheetah-v5", "Hopper-v5", "Ant-v5", "Humanoid-v5", "Reacher-v5"])
def test_the_usual_tasks_do_the_same_alone_and_in_company(env):
    spec = describe(env, "mujoco", 12)
    trials = make_trials(spec, 8)
    together = outcomes_of(spec, 4, trials)
    same(outcomes_of(spec, 4, trials, blocks=4), together)
    assert np.isfinite(together.returns).all()


def test_the_usual_ids_go_to_the_engine_that_steps_them_soonest():
    assert {env for env in USUAL if describe(env).engine == "mujoco"} == SOONER
    assert describe("HalfCheetah-v5", "envpool").engine == "envpool"


@pytest.mark.filterwarnings("ignore:.*WARN")  # of unbounded boxes
def test_gymnasiums_own_checks_pass(cart):  # noqa: F811
    from gymnasium.utils.env_checker import check_env

    made = gymnasium.make(cart)
    check_env(made.unwrapped, skip_render_check=True)
    assert made.spec.max_episode_steps == 25
    made.reset(seed=3)
    first = made.reset()[0]
    made.reset(seed=3)
    np.testing.assert_array_equal(made.reset()[0], first)
    assert not np.array_equal(made.reset()[0], first)


def test_a_fresh_evaluator_goes_on_where_another_was(cart):  # noqa: F811
    spec = describe(cart)
    first, second = make_trials(spec, 9, seed=1), make_trials(spec, 9, seed=2)
    old, fresh = evaluator(spec, 4), evaluator(spec, 4, blocks=2)
    old.evaluate(first)
    fresh.load_state_dict(old.state_dict())
    same(fresh.evaluate(second), old.evaluate(second))


@pytest.mark.parametrize("fields", [(), ("xpos",)])
def test_episodes_are_those_of_a_naive_loop(fields):
    """MuJoCo's own step, seeds by lane and count of resets, cut by counting, in the plainest form."""
    import mujoco

    task = Cart(fields=fields)
    engine = MujocoEngine(task, [5, 6, 7], 25, 11 + 9 * len(fields))
    model, data = task.mj_model, mujoco.MjData(task.mj_model)
    lanes, generator = np.arange(3), np.random.default_rng(0)
    alone: list = [None] * 3
    counts, due, ends = [0, 0, 0], np.ones(3, bool), set()
    for _ in range(120):
        actions = generator.uniform(-1, 1, (3, 2))
        engine.send(lanes, actions, due)
        answer = engine.receive()
        assert not answer.errors
        for lane in lanes:
            if due[lane]:
                counts[lane] += 1
                qpos, qvel, _ = task.start(np.random.default_rng(reset_seed([5, 6, 7][lane], counts[lane])))
                mujoco.mj_resetData(model, data)
                data.qpos, data.qvel = qpos, qvel
                mujoco.mj_forward(model, data)
                alone[lane] = (qpos, qvel, np.zeros(2), 0)
                expected = [qpos, qvel, data.sensordata, np.zeros(2), np.zeros(2), *[data.xpos.ravel()] * len(fields)]
                np.testing.assert_array_equal(answer.observation[lane], np.concatenate(expected))
                assert not answer.done[lane]
                continue
            qpos, qvel, memory, taken = alone[lane]
            mujoco.mj_resetData(model, data)
            data.qpos, data.qvel, data.ctrl = qpos, qvel, actions[lane]
            mujoco.mj_step(model, data, 3)
            memory = memory + np.array([actions[lane, 0], 0.0])
            expected = [
                data.qpos,
                data.qvel,
                data.sensordata,
                actions[lane],
                memory,
                *[data.xpos.ravel()] * len(fields),
            ]
            np.testing.assert_allclose(answer.observation[lane], np.concatenate(expected), atol=1e-12)
            cost = 0.01 * np.square(actions[lane]).sum()
            assert answer.reward[lane] == pytest.approx(data.qpos[0] - qpos[0] - cost)
            ended = abs(data.qpos[1]) > 0.8
            assert answer.terminated[lane] == ended
            assert answer.done[lane] == (ended or taken + 1 == 25)
            if answer.done[lane]:
                assert answer.measures["lean"][lane] == pytest.approx(data.qpos[1])
                ends.add(bool(ended))
            alone[lane] = (data.qpos.copy(), data.qvel.copy(), memory, taken + 1)
        due = answer.done
    assert ends == {True, False}


def test_warm_starts_are_part_of_the_state_of_lanes_that_are_stepped_singly():
    """Two lanes by turns, against two simulations of MuJoCo's that each go on by themselves."""
    import mujoco

    task = Cart(fields=("xpos",))
    lanes = TaskLanes(task, 2)
    datas = [mujoco.MjData(task.mj_model) for _ in range(2)]
    for lane, data in enumerate(datas):
        assert not lanes.begin(lane, np.random.default_rng(lane))
        data.qpos, data.qvel, _ = task.start(np.random.default_rng(lane))
    for action in np.random.default_rng(9).uniform(-1, 1, (30, 2)):
        found = lanes.step(np.arange(2), np.stack([action, -action]))
        for lane, (data, own) in enumerate(zip(datas, (action, -action), strict=True)):
            data.ctrl = own
            mujoco.mj_step(task.mj_model, data, 3)
            np.testing.assert_array_equal(found.observation[lane, :2], data.qpos)
            np.testing.assert_array_equal(found.state.xpos[lane], data.xpos)


@pytest.mark.parametrize("fields", [(), ("xpos",)])
def test_what_mujoco_warns_of_fails_that_lane_alone_and_leaves_no_file(cart, fields, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    spec = describe(cart, kwargs={"fields": fields})
    sound = outcomes_of(spec, 5, make_trials(spec, 15))
    monkeypatch.setattr(Cart, "start", started_too_fast(Cart.start))
    found = outcomes_of(spec, 5, make_trials(spec, 15))
    failed = np.isnan(found.returns)
    assert 0 < failed.sum() < 15
    np.testing.assert_array_equal(found.returns[~failed], sound.returns[~failed])
    pattern = r"MuJoCo, in step 1: Nan, Inf or huge value in Q\w+ at DOF \d\. The simulation is unstable\. Time = \S+"
    assert all(re.fullmatch(pattern, reason) for reason in found.failures.values()), found.failures
    assert not list(tmp_path.iterdir())


def started_too_fast(start):
    def changed(task, generator, given=None):
        qpos, qvel, memory = start(task, generator, given)
        return qpos, qvel if qpos[0] <= 0.05 else np.array([qvel[0], 9e9]), memory

    return changed


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("nan", r"the environment's reward is nan, where its observation is finite"),
        ("raise", r"^in terminated, mujoco_tasks.py line \d+: RuntimeError: it went too far$"),
    ],
)
@pytest.mark.parametrize("engine", ["mujoco", "gymnasium"])
def test_what_goes_wrong_amid_an_episode_fails_trials_with_the_reason(cart, engine, fault, reason):  # noqa: F811
    spec = describe(cart, engine, kwargs={"fault": fault})
    found = outcomes_of(spec, 5, make_trials(spec, 15))
    assert found.failures
    assert all(re.search(reason, said) for said in found.failures.values())


@pytest.mark.parametrize("engine", ["mujoco", "gymnasium"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_width_that_changes_amid_an_episode_is_a_fault_of_the_code(cart, engine, blocks):  # noqa: F811
    spec = describe(cart, engine, kwargs={"fault": "width"})
    with pytest.raises(FaultError, match=r"^the observation changed its width from 11 to 13 numbers$"):
        outcomes_of(spec, 5, make_trials(spec, 15), blocks=blocks)


def test_tasks_need_a_start_that_takes_them():
    spec = describe("HalfCheetah-v5", "mujoco", 3)
    with pytest.raises(InputError, match=r"HalfCheetah takes no tasks: give its start a second argument"):
        outcomes_of(spec, 2, make_trials(spec, 2)._replace(tasks=np.zeros((2, 1))))


def test_standing_lanes_are_restored_from_their_actions(cart):  # noqa: F811
    spec = describe(cart, max_episode_steps=8)
    trials = make_trials(spec, 4)
    noise = np.zeros((11, 4, 2))
    trials = trials._replace(exploration=Exploration(noise, np.full(noise.shape, np.nan), Deterministic()))
    trials = trials._replace(tasks=np.random.default_rng(0).normal(size=(4, 2)))
    one, other = evaluator(spec, 4, blocks=2), evaluator(spec, 4)
    one.collect(trials)
    other.load_state_dict(one.state_dict())
    found, expected = other.collect(trials), one.collect(trials)
    for mine, theirs in zip(found.transitions, expected.transitions, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert expected.transitions.valid.all()
    assert expected.transitions.truncated.any()
