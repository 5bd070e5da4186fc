"""Lanes: what a trial returns depends on its lane's seed and its count of resets, and on nothing else."""

import numpy as np
import pytest
from evaluating import assert_equal, make_trials

from compactrl.envs.engines.base import Answer
from compactrl.envs.engines.envpool import EnvPoolEngine
from compactrl.envs.engines.gymnasium import GymnasiumEngine
from compactrl.envs.registry import describe, make_gymnasium
from compactrl.envs.spec import EnvironmentSpec
from compactrl.envs.toy import Target
from compactrl.errors import InputError
from compactrl.evaluation.lanes import Block, Results
from compactrl.evaluation.local import LocalEvaluator
from compactrl.networks.forward import some_of
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.types import Layer, Normalizer, Stacked, Trials

pytestmark = pytest.mark.filterwarnings("ignore:.*not within the observation space")  # toys that fail on purpose
WHOLE_STATE = {"exclude_current_positions_from_observation": False}


def policy_of(trials, k, spec):
    layers = tuple(Layer(weight[k], None if bias is None else bias[k]) for weight, bias in trials.networks.layers)
    return Policy.of_layers(layers, trials.normalizer, spec.action)


def evaluator(spec, lanes, threads=1, blocks=None, seed=7):
    return LocalEvaluator(spec, lanes, np.random.SeedSequence(seed), threads, blocks)


def outcomes_of(spec, lanes, trials, **how):
    one = evaluator(spec, lanes, **how)
    try:
        return one.evaluate(trials)
    finally:
        one.close()


def one_after_the_other(engines, trials, spec):
    """Returns, steps and observations of trials in lanes, an environment and a policy at a time."""
    returns, steps, visited = [], [], []
    for k in range(len(trials.networks.layers[0].weight)):
        engine, policy = engines[k % len(engines)], policy_of(trials, k, spec)
        lane, restart = np.zeros(1, np.int64), np.ones(1, bool)
        engine.send(lane, None, restart)
        seen, total, count, done = [engine.receive().observation[0]], 0.0, 0, False
        while not done:
            engine.send(lane, policy(seen[-1])[None], ~restart)
            answer = engine.receive()
            total, count, done = total + float(answer.reward[0]), count + 1, bool(answer.done[0])
            seen.append(answer.observation[0].copy())
        returns.append(total)
        steps.append(count)
        visited.append(np.array(seen[:-1]))  # the last one is acted on by nobody
    return np.array(returns), np.array(steps), visited


def seeds_of(lanes, seed=7):
    return [int(state) for state in np.random.SeedSequence(seed).generate_state(lanes, np.uint32) >> 1]


@pytest.mark.parametrize("env", ["Hopper-v5", "CartPole-v1", "compactrl/Target-v0"])
def test_lanes_equal_environments_run_one_after_the_other(env):
    """Hopper and CartPole fall early, at different times: slots are refilled, retired and compacted."""
    spec = describe(env)
    lanes, count = 7, 24
    trials = make_trials(spec, count)
    outcomes = outcomes_of(spec, lanes, trials, blocks=2)
    if spec.engine == "envpool":
        engines = [EnvPoolEngine(env, [seed], 1, spec.kwargs) for seed in seeds_of(lanes)]
    else:
        engines = [GymnasiumEngine(env, [seed], spec.kwargs) for seed in seeds_of(lanes)]
    returns, steps, visited = one_after_the_other(engines, trials, spec)
    np.testing.assert_array_equal(outcomes.steps, steps)
    np.testing.assert_allclose(outcomes.returns, returns, rtol=1e-12)
    assert not outcomes.failures
    # Moments are those of what the policies saw.
    np.testing.assert_array_equal(outcomes.moments.seen, steps)
    seen = np.concatenate(visited)
    mean = outcomes.moments.total.sum(axis=0) / len(seen)
    variance = outcomes.moments.square.sum(axis=0) / len(seen) - mean**2
    np.testing.assert_allclose(mean, seen.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(variance, seen.var(axis=0), rtol=1e-6, atol=1e-12)
    for k in (0, count - 1):
        np.testing.assert_allclose(outcomes.moments.total[k], visited[k].sum(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("env", ["Hopper-v5", "HalfCheetah-v5"])
def test_threads_and_blocks_change_no_bit(env):
    spec = describe(env, max_episode_steps=100)
    trials = make_trials(spec, 23)
    expected = outcomes_of(spec, 10, trials)
    for threads, blocks in [(1, 2), (2, None), (2, 1), (3, 5), (2, 10)]:
        assert_equal(outcomes_of(spec, 10, trials, threads=threads, blocks=blocks), expected)


def test_blocks_change_no_bit_with_gymnasium():
    spec = describe("compactrl/Target-v0")
    trials = make_trials(spec, 23)
    expected = outcomes_of(spec, 10, trials)
    for blocks in (2, 3, 10):
        assert_equal(outcomes_of(spec, 10, trials, blocks=blocks), expected)


@pytest.mark.parametrize("env", ["Hopper-v5", "compactrl/Target-v0"])
@pytest.mark.parametrize(("lanes", "count"), [(4, 11), (4, 3), (4, 4), (1, 3), (5, 1)])
def test_trial_k_runs_in_lane_k_modulo_the_lanes(env, lanes, count):
    spec = describe(env, max_episode_steps=30)
    trials = make_trials(spec, count)
    one = evaluator(spec, lanes)
    outcomes = one.evaluate(trials)
    np.testing.assert_array_equal(one.resets, np.bincount(np.arange(count) % lanes, minlength=lanes))
    one.close()
    for lane in range(min(lanes, count)):
        # A lane's queue, alone in an evaluator that has only this lane's seed.
        mine = np.arange(lane, count, lanes)
        queue = Trials(
            some_of(trials.networks, mine),
            trials.normalizer,
            trials.designs[mine],
        )
        make = EnvPoolEngine if spec.engine == "envpool" else GymnasiumEngine
        threads = (1,) if spec.engine == "envpool" else ()
        engine = make(env, [seeds_of(lanes)[lane]], *threads, spec.kwargs)
        block = Block(engine, 0, 1, 1, spec.action)
        results = Results.empty(len(mine), spec.observation_size)
        block.start(queue, results)
        while block.advance():
            pass
        np.testing.assert_array_equal(results.returns, outcomes.returns[mine])


@pytest.mark.parametrize("env", ["Hopper-v5", "Pendulum-v1", "compactrl/Target-v0"])
@pytest.mark.parametrize("count", [3, 4, 10])
def test_a_fresh_evaluator_goes_on_where_another_was(env, count):
    """Also where the environment draws random numbers in its steps, as Target does."""
    spec = describe(env, max_episode_steps=15)
    first, second = make_trials(spec, count, seed=1), make_trials(spec, 9, seed=2)
    old = evaluator(spec, 4)
    old.evaluate(first)
    state = old.state_dict()
    expected = old.evaluate(second)
    old.close()

    fresh = evaluator(spec, 4, threads=2, blocks=2)
    fresh.load_state_dict(state)
    assert_equal(fresh.evaluate(second), expected)
    fresh.close()
    assert not np.array_equal(outcomes_of(spec, 4, second).returns, expected.returns)  # it did matter


def test_resets_of_other_lanes_are_refused():
    one = evaluator(describe("compactrl/Target-v0"), 4)
    with pytest.raises(ValueError, match=r"expected resets of 4 lanes, got shape \(5,\)"):
        one.load_state_dict({"resets": np.zeros(5)})


def test_lanes_have_different_episodes_and_so_do_resets():
    spec = describe("compactrl/Target-v0")
    same = make_trials(spec, 1)
    trials = Trials(
        some_of(same.networks, np.zeros(12, np.int64)),
        same.normalizer,
        np.zeros((12, 0), np.int64),
    )
    assert len(np.unique(outcomes_of(spec, 4, trials).returns)) == 12


def test_the_known_best_policy_of_the_toy_gets_its_known_return():
    spec = describe("compactrl/Target-v0")
    layers = (Layer(Target.MATRIX[None].repeat(5, axis=0).astype(np.float32), None),)
    trials = Trials(Stacked(layers), Normalizer(np.zeros(3), np.ones(3)), np.zeros((5, 0), np.int64))
    outcomes = outcomes_of(spec, 2, trials)
    assert (np.abs(outcomes.returns) < 1e-10).all()
    np.testing.assert_array_equal(outcomes.steps, 20)


POSITIONS = {"HalfCheetah-v5": 9, "Hopper-v5": 6, "Walker2d-v5": 9, "Swimmer-v5": 5}


@pytest.mark.parametrize(
    ("env", "steps"), [("HalfCheetah-v5", 10), ("Hopper-v5", 100), ("Walker2d-v5", 100), ("Swimmer-v5", 100)]
)
def test_envpool_and_gymnasium_agree_from_the_same_state(env, steps):
    pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments import it")
    lanes = 4
    options = {**WHOLE_STATE, "max_episode_steps": 1000}
    if env in ("Hopper-v5", "Walker2d-v5"):
        options["terminate_when_unhealthy"] = False
    pool, envs = EnvPoolEngine(env, list(range(lanes)), 1, options), GymnasiumEngine(env, list(range(lanes)), options)
    everyone, restart = np.arange(lanes), np.ones(lanes, bool)
    for engine in (pool, envs):
        engine.send(everyone, None, restart)
    start = pool.receive().observation
    envs.receive()
    for one, state in zip(envs._envs, start, strict=True):
        one.unwrapped.set_state(state[: POSITIONS[env]], state[POSITIONS[env] :])
    generator = np.random.default_rng(0)
    size = envs._envs[0].action_space.shape[0]
    for _ in range(steps):
        # Gymnasium's action space is single precision, EnvPool's double: give both what both can hold.
        actions = generator.uniform(-1, 1, (lanes, size)).astype(np.float32).astype(np.float64)
        for engine in (pool, envs):
            engine.send(everyone, actions, ~restart)
        mine, theirs = pool.receive(), envs.receive()
        np.testing.assert_allclose(mine.observation, theirs.observation, rtol=0, atol=1e-9)
        np.testing.assert_allclose(mine.reward, theirs.reward, rtol=1e-6, atol=1e-6)  # EnvPool's are single
        np.testing.assert_array_equal(mine.done, theirs.done)
    pool.close()
    envs.close()


def faulty(fault, after=5, chance=1.0, limit=20):
    return describe("compactrl/Faulty-v0", "auto", limit, {"fault": fault, "after": after, "chance": chance})


REASONS = {
    "raise": "the environment raised RuntimeError: the toy failed on purpose after 5 steps",
    "nan": "NaN, infinite or huge numbers",
    "huge": "NaN, infinite or huge numbers",
    "size": "changed its observation size from 3 to 5",
}


@pytest.mark.parametrize("fault", REASONS)
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_failed_evaluation_is_nan_with_its_reason_and_its_lane_goes_on(fault, blocks):
    spec = faulty(fault, chance=0.5)
    outcomes = outcomes_of(spec, 4, make_trials(spec, 30), blocks=blocks)
    failed = np.isnan(outcomes.returns)
    assert 5 < failed.sum() < 25
    assert list(outcomes.failures) == np.flatnonzero(failed).tolist()
    assert all(REASONS[fault] in reason for reason in outcomes.failures.values())
    np.testing.assert_array_equal(outcomes.returns[~failed], 20)
    np.testing.assert_array_equal(outcomes.steps, np.where(failed, 5, 20))
    np.testing.assert_array_equal(outcomes.moments.seen, np.where(failed, 0, 20))
    assert (outcomes.moments.total[failed] == 0).all()
    assert np.isfinite(outcomes.moments.square).all()
    assert (failed[:-4] & ~failed[4:]).sum() > 3  # lanes had whole episodes after failed ones


@pytest.mark.parametrize("fault", ["raise", "nan", "huge", "size"])
def test_a_reset_may_fail_too(fault):
    spec = faulty("none")
    broken = EnvironmentSpec(**{**vars(spec), "kwargs": {**spec.kwargs, "fault": fault, "after": 0, "chance": 0.5}})
    if fault == "size":  # the size of the first environment is what the others are held to
        broken = EnvironmentSpec(**{**vars(broken), "kwargs": {**broken.kwargs, "after": 1}})
    outcomes = outcomes_of(broken, 3, make_trials(broken, 20))
    failed = np.isnan(outcomes.returns)
    assert 3 < failed.sum() < 17
    np.testing.assert_array_equal(outcomes.returns[~failed], 20)
    assert (outcomes.steps[failed] <= 1).all()


def test_all_may_fail():
    spec = faulty("raise", after=1)
    outcomes = outcomes_of(spec, 3, make_trials(spec, 8))
    assert np.isnan(outcomes.returns).all()
    assert len(outcomes.failures) == 8


def test_lanes_go_on_after_failures_as_they_would_have_in_a_fresh_evaluator():
    spec = faulty("raise", chance=0.5)
    old = evaluator(spec, 3)
    old.evaluate(make_trials(spec, 10))
    state = old.state_dict()
    expected = old.evaluate(make_trials(spec, 10, seed=1))
    fresh = evaluator(spec, 3)
    fresh.load_state_dict(state)
    assert_equal(fresh.evaluate(make_trials(spec, 10, seed=1)), expected)


def test_an_episode_without_end_is_cut_at_the_limit():
    spec = faulty("endless", after=0, limit=50)
    outcomes = outcomes_of(spec, 2, make_trials(spec, 3))
    np.testing.assert_array_equal(outcomes.steps, 50)
    np.testing.assert_array_equal(outcomes.returns, 50)


@pytest.mark.parametrize("env", ["Hopper-v5", "HalfCheetah-v5", "CartPole-v1", "Pendulum-v1", "compactrl/Target-v0"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_policy_without_finite_outputs_fails_and_disturbs_no_other(env, value, layer):
    spec = describe(env, max_episode_steps=20)
    trials = make_trials(spec, 12)
    sound = outcomes_of(spec, 4, trials, blocks=2)
    broken = np.array([0, 1, 5, 11])
    trials.networks.layers[layer].weight[broken] = value
    if layer == 0:
        trials.networks.layers[0].weight[broken, :, 0] = -value  # inf - inf
    outcomes = outcomes_of(spec, 4, trials, blocks=2)
    if layer == 0 and np.isinf(value):
        broken = np.array(list(outcomes.failures))  # (a tanh may bring infinity back to ±1)
    assert list(outcomes.failures) == broken.tolist()
    assert all("the policy gave NaN or infinite outputs" in reason for reason in outcomes.failures.values())
    assert np.isnan(outcomes.returns[broken]).all()
    # Lanes have their own streams: others are where they would have been.
    others = np.setdiff1d(np.arange(12), [0, 1, 5, 11])
    np.testing.assert_array_equal(outcomes.returns[others], sound.returns[others])


class Scripted:
    """An engine whose answers follow a script: lane → episodes → rewards; NaN is a simulation that diverged."""

    def __init__(self, script):
        self.script, self.log = script, []
        self.episode, self.time = dict.fromkeys(script, -1), dict.fromkeys(script, 0)

    def send(self, lanes, actions, restart):
        self.log.append((lanes.tolist(), restart.tolist()))
        assert actions is None or np.isfinite(actions).all()
        self.command = (lanes, restart)

    def receive(self):
        lanes, restart = self.command
        reward, done = np.zeros(len(lanes)), np.zeros(len(lanes), bool)
        for position, lane in enumerate(lanes.tolist()):
            if restart[position]:
                self.episode[lane], self.time[lane] = self.episode[lane] + 1, 0
                continue
            rewards = self.script[lane][self.episode[lane]]
            reward[position] = rewards[self.time[lane]]
            self.time[lane] += 1
            done[position] = self.time[lane] == len(rewards)
        return Answer(np.zeros((len(lanes), 2)), reward, done, {})

    def close(self):
        pass


def test_a_failed_lane_restarts_at_the_next_command_while_the_others_step():
    engine = Scripted({0: [[1, np.nan, 1, 1], [2, 2]], 1: [[1, 1, 1, 1, 1]]})
    block = Block(engine, 0, 2, 2, ActionSpec("box", (-1.0,), (1.0,)))
    layers = (Layer(np.ones((3, 1, 2), np.float32), None),)
    results = Results.empty(3, 2)
    block.start(Trials(Stacked(layers), Normalizer(np.zeros(2), np.ones(2)), np.zeros((3, 0), np.int64)), results)
    while block.advance():
        pass
    outcomes = results.outcomes()
    np.testing.assert_array_equal(outcomes.returns, [np.nan, 5, 4])
    np.testing.assert_array_equal(outcomes.steps, [2, 5, 2])
    assert "diverged" in outcomes.failures[0]
    step, restart = False, True
    assert engine.log == [
        ([0, 1], [restart, restart]),
        ([0, 1], [step, step]),
        ([0, 1], [step, step]),
        ([0, 1], [restart, step]),
        ([0, 1], [step, step]),
        ([0, 1], [step, step]),
    ]


def test_envpool_restarts_a_lane_amid_its_episode_while_the_others_step():
    """The forced restart is a reset like any other: the lane's next start state is that of its second reset."""
    options = {"max_episode_steps": 100}
    lanes = np.arange(3)
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 3, 6))

    def pool():
        return EnvPoolEngine("HalfCheetah-v5", [1, 2, 3], 2, options)

    engine, twin = pool(), pool()
    for each in (engine, twin):
        each.send(lanes, None, np.ones(3, bool))
        each.receive()
        each.send(lanes, actions[0], np.zeros(3, bool))
        each.receive()
    engine.send(lanes, actions[1], np.array([False, True, False]))
    found = engine.receive()
    twin.send(np.array([0, 2]), actions[1][[0, 2]], np.zeros(2, bool))
    stepped = twin.receive()
    twin.send(np.array([1]), None, np.ones(1, bool))
    restarted = twin.receive()
    np.testing.assert_array_equal(found.observation[[0, 2]], stepped.observation)
    np.testing.assert_array_equal(found.reward[[0, 2]], stepped.reward)
    np.testing.assert_array_equal(found.observation[1], restarted.observation[0])
    assert not found.done.any()
    for each in (engine, twin):
        each.send(lanes, actions[2], np.zeros(3, bool))
    np.testing.assert_array_equal(engine.receive().observation, twin.receive().observation)
    engine.close()
    twin.close()


@pytest.mark.parametrize(
    "env", ["LunarLanderContinuous-v3", "BipedalWalker-v3", "Acrobot-v1", "MountainCarContinuous-v0"]
)
def test_actions_have_the_shape_that_each_of_envpools_families_wants(env):
    spec = describe(env, max_episode_steps=10)
    assert spec.engine == "envpool"
    assert not outcomes_of(spec, 3, make_trials(spec, 5)).failures


def test_gymnasium_environments_get_actions_of_their_own_type():
    made = make_gymnasium("Pendulum-v1", {})
    spec = describe("Pendulum-v1", "gymnasium")
    assert spec.engine == "gymnasium"
    assert made.action_space.dtype == np.float32
    assert not outcomes_of(spec, 2, make_trials(spec, 2)).failures


def test_an_environment_with_other_observations_is_not_called_unknown():
    with pytest.raises(InputError, match=r"HandReach-v3 has no flat observations in EnvPool"):
        describe("HandReach-v3")


def test_an_unknown_environment_gets_the_nearest_names():
    with pytest.raises(InputError, match=r"unknown environment 'HalfCheeta-v5'. Did you mean 'HalfCheetah-v5'"):
        describe("HalfCheeta-v5")
    with pytest.raises(InputError, match=r"Did you mean 'compactrl/Target-v0'"):
        describe("compactrl/Targt-v0")
