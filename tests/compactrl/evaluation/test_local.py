"""Lanes: what a trial returns depends on its lane's seed and its count of resets, and on nothing else."""

import numpy as np
import pytest
from evaluating import assert_equal, described, evaluator, make_trials, outcomes_of, seeds_of

from compactrl.envs.engines import make_engine
from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.results import Results
from compactrl.learners.moments import joined
from compactrl.networks.forward import some_of
from compactrl.policies.policy import Policy
from compactrl.types import Layer, Trials

pytestmark = pytest.mark.filterwarnings("ignore:.*not within the observation space")  # toys that fail on purpose


def policy_of(trials, k, spec):
    layers = tuple(Layer(weight[k], None if bias is None else bias[k]) for weight, bias in trials.networks.layers)
    return Policy.of_layers(layers, trials.normalizer, spec.action)


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


@pytest.mark.parametrize("env", ["Hopper-v5", "CartPole-v1", "compactrl/Target-v0"])
def test_lanes_equal_environments_run_one_after_the_other(env):
    """Hopper and CartPole fall early, at different times: slots are refilled, retired and compacted."""
    spec = described(env)
    lanes, count = 7, 24
    trials = make_trials(spec, count)
    outcomes = outcomes_of(spec, lanes, trials, blocks=2)
    engines = [make_engine(spec, [seed], 1) for seed in seeds_of(lanes)]
    returns, steps, visited = one_after_the_other(engines, trials, spec)
    np.testing.assert_array_equal(outcomes.steps, steps)
    np.testing.assert_allclose(outcomes.returns, returns, rtol=1e-12)
    assert not outcomes.failures
    # Moments are those of what the policies saw.
    np.testing.assert_array_equal(outcomes.moments.seen, steps)
    seen = np.concatenate(visited)
    moments = joined(outcomes.moments)
    np.testing.assert_allclose(moments.mean, seen.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moments.std, seen.std(axis=0), rtol=1e-12, atol=1e-12)
    for k in range(count):
        np.testing.assert_allclose(outcomes.moments.mean[k], visited[k].mean(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(outcomes.moments.spread[k], len(visited[k]) * visited[k].var(axis=0), atol=1e-12)


@pytest.mark.parametrize("env", ["Hopper-v5", "HalfCheetah-v5"])
def test_threads_and_blocks_change_no_bit(env):
    spec = described(env, max_episode_steps=100)
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
    spec = described(env, max_episode_steps=30)
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
        engine = make_engine(spec, [seeds_of(lanes)[lane]], 1)
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
    spec = described(env, max_episode_steps=15)
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


def faulty(fault, after=5, chance=1.0, limit=20):
    return describe("compactrl/Faulty-v0", "auto", limit, {"fault": fault, "after": after, "chance": chance})


REASONS = {
    "raise": "the environment raised RuntimeError: the toy failed on purpose after 5 steps",
    "nan": "NaN, infinite or huge observations",
    "huge": "NaN, infinite or huge observations",
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
    assert (outcomes.moments.mean[failed] == 0).all()
    assert np.isfinite(outcomes.moments.spread).all()
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
    spec = described(env, max_episode_steps=20)
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
