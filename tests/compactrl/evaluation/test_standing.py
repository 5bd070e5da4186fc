"""Standing environments: what is collected is what one environment and policy at a time would have gone through."""

import numpy as np
import pytest
from collecting import LANES, assert_same, make_trials
from evaluating import described

from compactrl.envs.registry import describe
from compactrl.envs.toy import Target
from compactrl.evaluation.local import LocalEvaluator
from compactrl.evaluation.standing import explored
from compactrl.policies.distributions import Deterministic, SquashedGaussian
from compactrl.policies.policy import Policy
from compactrl.storage.files import load_state, save_state
from compactrl.types import Exploration, Mixed


def evaluator(spec, blocks=1, seed=7):
    return LocalEvaluator(spec, LANES, np.random.SeedSequence(seed), threads=1, blocks=blocks)


def naive(engines, spec, trials, steps):
    """A lane at a time, in numpy's plainest form."""
    lane, restart = np.zeros(1, np.int64), np.ones(1, bool)
    seen = {name: [] for name in ("observation", "action", "reward", "next_observation", "done")}
    for number, engine in enumerate(engines):
        rows = {name: [] for name in seen}
        done = True
        for step in range(steps):
            if done:
                engine.send(lane, None, restart)
                observation = engine.receive().observation[0]
            layers = trials.networks.policies[number]
            x = (observation - trials.normalizer.mean) / trials.normalizer.std
            for layer in layers[:-1]:
                x = np.maximum(layer.weight @ x + layer.bias, 0)
            out = layers[-1].weight @ x + layers[-1].bias
            size = spec.action.size
            noise, given = trials.exploration.noise[step, number], trials.exploration.actions[step, number]
            if len(out) == 2 * size:
                action = np.tanh(out[:size] + np.exp(np.clip(out[size:], -2.0, 0.5)) * noise)
            else:
                action = np.clip(np.tanh(out) + noise, -1, 1)
            action = np.where(np.isnan(given), action, given)
            low, high = np.array(spec.action.low), np.array(spec.action.high)
            engine.send(lane, (low + (action + 1) / 2 * (high - low))[None], ~restart)
            answer = engine.receive()
            done = bool(answer.done[0])
            values = (observation, action, answer.reward[0], answer.observation[0], done)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
            observation = answer.observation[0]
        for name, values in rows.items():
            seen[name].append(np.array(values))
    return {name: np.stack(values, axis=1) for name, values in seen.items()}


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize(("env", "limit"), [("compactrl/Target-v0", 0), ("Hopper-v5", 30), ("Pendulum-v1", 7)])
def test_it_is_what_environments_one_at_a_time_go_through(env, limit, heads):
    spec = described(env, max_episode_steps=limit)
    trials = make_trials(spec, 45, heads)
    made = evaluator(spec)
    found = made.collect(trials)
    made.close()
    alone = LocalEvaluator(spec, LANES, np.random.SeedSequence(7), threads=1, blocks=LANES)
    expected = naive([block.engine for block in alone._blocks], spec, trials, 45)
    alone.close()
    seen = found.transitions
    # Half a step of an unstable robot doubles a rounding error: only the first steps are equal to many digits.
    many = slice(None) if env != "Hopper-v5" else slice(0, 12)
    for name in ("observation", "action", "reward", "next_observation"):
        np.testing.assert_allclose(getattr(seen, name)[many], expected[name][many], rtol=1e-4, atol=1e-5)
    if env != "Hopper-v5":
        np.testing.assert_array_equal(seen.terminated | seen.truncated, expected["done"])
    assert seen.valid.all()
    assert (seen.terminated | seen.truncated).any()
    inside = seen.next_observation[:-1][~(seen.terminated | seen.truncated)[:-1]]
    np.testing.assert_array_equal(inside, seen.observation[1:][~(seen.terminated | seen.truncated)[:-1]])


def test_a_limit_of_steps_truncates_and_a_fall_terminates():
    spec = described("Hopper-v5", max_episode_steps=12)
    seen = evaluator(spec).collect(make_trials(spec, 120)).transitions
    assert seen.truncated.any()
    assert not (seen.truncated & seen.terminated).any()
    longer = described("Hopper-v5", max_episode_steps=400)
    seen = evaluator(longer).collect(make_trials(longer, 120)).transitions
    assert seen.terminated.any()


@pytest.mark.filterwarnings("ignore:.*not within the observation space")
def test_moments_far_from_zero_keep_their_digits(monkeypatch):
    look = Target._look
    monkeypatch.setattr(Target, "_look", lambda self: 6.4e6 + 0.05 * look(self))
    spec = describe("compactrl/Target-v0")
    found = evaluator(spec).collect(make_trials(spec, 30))
    expected = found.transitions.observation.astype(np.longdouble)
    np.testing.assert_allclose(found.moments.spread, 30 * expected.var(axis=0).astype(float), rtol=1e-6)


def test_returns_are_those_of_the_episodes_that_ended():
    spec = describe("compactrl/Target-v0")  # episodes of 20 steps
    made = evaluator(spec)
    found = made.collect(make_trials(spec, 50))
    episodes = found.transitions.reward[:40].reshape(2, 20, LANES).sum(axis=1)
    np.testing.assert_allclose(found.returns, episodes.mean(axis=0))
    assert (found.steps == 50).all()
    np.testing.assert_allclose(found.moments.mean, found.transitions.observation.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.moments.spread, 50 * found.transitions.observation.var(axis=0), atol=1e-12)
    assert found.moments.seen.sum() == 50 * LANES
    # The third episode goes on, without a word until it ends.
    assert np.isnan(made.collect(make_trials(spec, 5)).returns).all()
    assert np.isfinite(made.collect(make_trials(spec, 5)).returns).all()


@pytest.mark.parametrize("env", ["compactrl/Target-v0", "Hopper-v5", "HalfCheetah-v5"])
def test_blocks_change_no_bit(env):
    spec = described(env, max_episode_steps=25)
    trials = make_trials(spec, 60, shapes=((64, 64), (5,), (128, 17)))
    one, two = evaluator(spec, 1), evaluator(spec, 3)
    assert_same(one.collect(trials), two.collect(trials))
    one.close()
    two.close()


@pytest.mark.parametrize("env", ["compactrl/Target-v0", "Hopper-v5", "FetchReach-v4", "compactrl/BitFlip-v0"])
@pytest.mark.parametrize("steps", [10, 30])
def test_a_fresh_evaluator_goes_on_in_the_middle_of_episodes(env, steps):
    spec = described(env, max_episode_steps=23)
    first, second = make_trials(spec, steps), make_trials(spec, steps, seed=1)
    one, other = evaluator(spec, 2), evaluator(spec, 1)
    one.collect(first)
    state = one.state_dict()
    assert len(state["actions"]) > 0
    other.load_state_dict(state)
    assert_same(other.collect(second), one.collect(second))
    np.testing.assert_array_equal(one.resets, other.resets)
    one.close()
    other.close()


@pytest.mark.filterwarnings("ignore:.*not within the observation space")
@pytest.mark.parametrize("fault", ["raise", "nan", "huge", "size"])
def test_a_failing_lane_is_told_and_goes_on(fault):
    spec = describe("compactrl/Faulty-v0", max_episode_steps=20, kwargs={"fault": fault, "after": 5, "chance": 0.5})
    found = evaluator(spec, 2).collect(make_trials(spec, 48))
    seen = found.transitions
    assert sorted(found.failures) == np.flatnonzero(~seen.valid.all(axis=0)).tolist()
    assert not seen.valid.all()
    assert seen.valid.mean() > 0.8
    assert np.isfinite(seen.observation[seen.valid]).all()
    assert np.isfinite(seen.next_observation[seen.valid]).all()
    assert found.steps.sum() == seen.valid.sum()


def test_a_policy_without_finite_outputs_acts_nowhere():
    spec = describe("compactrl/Target-v0")
    trials = make_trials(spec, 10)
    trials.networks.policies[2][0].bias[:] = np.nan
    found = evaluator(spec).collect(trials)
    assert found.failures == {2: "the policy gave NaN or infinite outputs"}
    assert not found.transitions.valid[:, 2].any()
    assert found.transitions.valid[:, [0, 1, 3]].all()


def test_goals_are_in_the_observation_and_success_is_counted():
    spec = describe("FetchReach-v4")
    assert (spec.observation_size, spec.action.size, spec.goal.size) == (13, 4, 3)
    trials = make_trials(spec, 100, heads=1)
    found = evaluator(spec, 2).collect(trials)
    seen = found.transitions
    desired = seen.observation[..., -3:]
    np.testing.assert_array_equal(desired[0], desired[49])
    assert not np.array_equal(desired[49], desired[50])
    np.testing.assert_allclose(seen.reward, spec.goal.reward(seen.achieved, seen.next_observation[..., -3:]))
    assert ((found.measures["success"] >= 0) & (found.measures["success"] <= 1)).all()
    outcomes = evaluator(spec, 2).evaluate(
        trials._replace(networks=Mixed(trials.networks.policies[:1], np.zeros(4, np.int64)))
    )
    assert set(outcomes.measures["success"]) <= {0.0, 1.0}


def test_what_cannot_be_dealt_to_the_lanes_is_refused():
    spec = describe("compactrl/Target-v0")
    trials = make_trials(spec, 10)
    with pytest.raises(ValueError, match="a trial for each of the 4 lanes, and steps: got 3 trials"):
        evaluator(spec).collect(trials._replace(designs=trials.designs[:3]))
    with pytest.raises(ValueError, match="and 0 steps"):
        evaluator(spec).collect(trials._replace(exploration=None))


def test_actions_by_hand():
    noise, nan = np.array([[[1.0], [1.0], [1.0]]]), np.nan
    exploration = Exploration(noise, np.array([[[nan], [nan], [0.25]]]), SquashedGaussian(-1.0, 1.0))
    lanes = np.arange(3)
    outputs = np.array([[0.0, 1.0, 0.0], [0.0, 9.0, 0.0]], np.float32)
    expected = [[np.tanh(1)], [np.tanh(1 + np.e)], [0.25]]
    np.testing.assert_allclose(explored(outputs, exploration, 0, lanes), expected, rtol=1e-6)
    without = exploration._replace(distribution=Deterministic())
    np.testing.assert_allclose(explored(outputs[:1], without, 0, lanes), [[1], [1], [0.25]])


def test_a_relu_policy_acts_as_in_the_evaluator():
    spec = describe("compactrl/Target-v0")
    trials = make_trials(spec, 20, heads=1)
    layers = trials.networks.policies[1]
    policy = Policy.of_layers(layers, trials.normalizer, spec.action, "relu", "mixed")
    quiet = trials.exploration._replace(noise=np.zeros_like(trials.exploration.noise))
    quiet.actions[:] = np.nan
    found = evaluator(spec).collect(trials._replace(exploration=quiet)).transitions
    np.testing.assert_allclose(policy(found.observation[:, 1]), found.action[:, 1], rtol=1e-6)


def test_measures_are_means_over_the_episodes_that_ended():
    spec = describe("compactrl/PointMass-v0", max_episode_steps=10)
    found = evaluator(spec, 2).collect(make_trials(spec, 35))
    ends = found.transitions.next_observation[[9, 19, 29], :, :2]
    distances = np.sqrt((ends**2).sum(axis=-1))
    np.testing.assert_allclose(found.measures["distance"], distances.mean(axis=0))
    np.testing.assert_allclose(found.measures["success"], (distances <= 0.05).mean(axis=0))
    assert np.isnan(evaluator(spec).collect(make_trials(spec, 5)).measures["distance"]).all()


@pytest.mark.parametrize("engine", ["batched", "gymnasium"])
def test_an_episode_goes_on_with_its_task_and_ends_with_it_also_when_a_checkpoint_is_restored(engine):
    spec = describe("compactrl/PointMass-v0", engine, 8)
    tasks = 10 * np.random.default_rng(0).normal(size=(2, LANES, 2))
    tasks[1, :2] = tasks[0, :2]  # these lanes go on with what they were given
    first, second = (make_trials(spec, 12, seed=k)._replace(tasks=tasks[k]) for k in (0, 1))
    one, other = evaluator(spec, 2), evaluator(spec, 1)
    one.collect(first)
    state = one.state_dict()
    assert state["tasks"].keys() == state["actions"].keys() == {"0", "1", "2", "3"}
    other.load_state_dict(state)
    expected = one.collect(second)
    assert_same(other.collect(second), expected)
    assert_same(_through_files(state, spec).collect(second), expected)
    begun, seen = expected.transitions.begun, expected.transitions.observation
    assert begun[[0, 4]].tolist() == [[False, False, True, True], [True, True, False, False]]
    for lane, begins in enumerate(begun.argmax(axis=0)):
        assert np.abs(seen[begins, lane, :2] + tasks[1, lane]).max() <= 1  # at the start, seen from the goal
    without = {name: value for name, value in state.items() if name != "tasks"}
    lost = evaluator(spec, 1)
    lost.load_state_dict(without)
    assert not np.array_equal(lost.collect(second).transitions.observation[0], expected.transitions.observation[0])


def _through_files(state, spec):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder) / "state", state)
        made = evaluator(spec, 1)
        made.load_state_dict(load_state(Path(folder) / "state"))
    return made


def test_whole_episodes_in_its_lanes_cut_those_that_stand_and_the_next_step_says_so():
    spec = describe("compactrl/Target-v0")
    trials, one = make_trials(spec, 5, heads=1), evaluator(spec)
    assert one.collect(trials).transitions.begun.any(axis=1).tolist() == [True, False, False, False, False]
    whole = one.evaluate(trials._replace(exploration=None))
    assert (whole.steps == 20).all()
    found = one.collect(trials).transitions
    assert found.begun.any(axis=1).tolist() == [True, False, False, False, False]
    assert not found.truncated.any()
    np.testing.assert_array_equal(one.resets, 3)
    fresh = evaluator(spec)
    fresh.load_state_dict({"resets": np.full(LANES, 2)})
    assert_same(fresh.collect(trials), one_after(spec, trials))
    one.close()
    fresh.close()


def one_after(spec, trials):
    """What lanes collect after an episode that was cut, and a whole one."""
    other = evaluator(spec)
    other.collect(trials)
    other.evaluate(trials._replace(exploration=None))
    found = other.collect(trials)
    other.close()
    return found
