"""What a return is held against, by loops over Gymnasium's own environments and by known returns."""

import gymnasium
import numpy as np
import pytest

from compactrl.envs.engines.base import reset_seed
from compactrl.envs.registry import describe
from compactrl.evaluation.local import LocalEvaluator, lane_seeds
from compactrl.policies.actions import ActionSpec
from compactrl.searches import baselines as module
from compactrl.searches.api import search
from compactrl.searches.baselines import baselines, comparisons, nothing, random_actions, reward_threshold
from compactrl.types import Layer, Normalizer, Stacked, Trials


def one_by_one(spec, lanes, seed, actions):
    """Returns of episodes with these actions (N, T, …), one environment after the other."""
    seeds, returns = lane_seeds(seed, lanes).tolist(), []
    env = gymnasium.make(spec.id)
    for trial, row in enumerate(actions):
        env.reset(seed=reset_seed(seeds[trial % lanes], trial // lanes + 1))
        total, done, step = 0.0, False, 0
        while not done:
            _, reward, terminated, truncated, _ = env.step(row[step % len(row)])
            total, done, step = total + reward, terminated or truncated, step + 1
        returns.append(total)
    return returns


@pytest.mark.parametrize("env", ["compactrl/Target-v0", "compactrl/PointMass-v0", "CartPole-v1"])
@pytest.mark.parametrize(("threads", "lanes"), [(1, 3), (2, 7)])
def test_actions_are_done_in_place_of_the_policys_whatever_the_threads(env, threads, lanes):
    spec = describe(env, "batched" if "Point" in env else "gymnasium")
    actions = random_actions(spec.action, episodes=11, steps=6, seed=1)
    layers = (Layer(np.zeros((11, spec.action.size, spec.observation_size), np.float32), None),)
    unchanged = Normalizer(np.zeros(spec.observation_size), np.ones(spec.observation_size))
    evaluator = LocalEvaluator(spec, lanes, np.random.SeedSequence(5), threads, blocks=threads)
    trials = Trials(Stacked(layers), unchanged, np.zeros((11, 0), np.int64), actions=actions)
    found = evaluator.evaluate(trials).returns
    evaluator.close()
    np.testing.assert_allclose(found, one_by_one(spec, lanes, np.random.SeedSequence(5), actions), rtol=1e-12)


def test_baselines_of_toys_are_the_known_ones():
    pays_one_a_step = describe("compactrl/Faulty-v0", max_episode_steps=20, kwargs={"fault": "none"})
    found = baselines(pays_one_a_step, seed=0, threads=1)
    assert found == {kind: {"return_mean": 20.0, "return_std": 0.0, "episodes": 10} for kind in ("random", "zero")}
    target = baselines(describe("compactrl/Target-v0"), seed=0, threads=1)
    assert target["zero"]["return_mean"] == pytest.approx(-11, abs=1.5)  # as the environment says of itself
    # A uniform action, of variance 1/3, misses by as much more in each of 2 actions and 20 steps.
    assert target["random"]["return_mean"] == pytest.approx(target["zero"]["return_mean"] - 20 * 2 / 3, abs=2.5)


def test_random_actions_differ_by_the_seed_of_the_search_and_are_the_same_for_one():
    spec = describe("compactrl/Target-v0")
    assert baselines(spec, 1, threads=1) == baselines(spec, 1, threads=2)
    assert baselines(spec, 1, threads=1) != baselines(spec, 2, threads=1)


def test_failing_environments_have_no_baselines_and_raise_nothing():
    spec = describe("compactrl/Faulty-v0", max_episode_steps=20)
    expected = {"return_mean": None, "return_std": None, "episodes": 0}
    assert baselines(spec, 0, threads=1) == {"random": expected, "zero": expected}


@pytest.mark.parametrize(
    "action",
    [
        ActionSpec("box", (-1.0, 2.0), (1.0, 6.0)),
        ActionSpec("box", (-np.inf, 0.0), (np.inf, np.inf)),
        ActionSpec("box", (-2.0, 0.0), (1.0, 3.0), dtype="int32"),
        ActionSpec("box", (-np.inf,), (np.inf,), dtype="int64"),
        ActionSpec("discrete", choices=3, start=-1),
    ],
    ids=str,
)
def test_random_actions_are_within_the_bounds_and_reach_them(action):
    drawn = random_actions(action, episodes=40, steps=50, seed=0)
    if action.kind == "discrete":
        assert drawn.shape == (40, 50)
        assert np.unique(drawn).tolist() == [-1, 0, 1]
        assert nothing(action) == -1
        return
    assert drawn.shape == (40, 50, action.size)
    low, high = action.limits
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert drawn.dtype == (action.dtype or "float64")
    for place in np.flatnonzero(action.squashed):
        values, size = drawn[..., place], high[place] - low[place]
        assert values.min() <= low[place] + 0.01 * size
        assert values.max() >= high[place] - 0.01 * size
        assert values.mean() == pytest.approx((low[place] + high[place]) / 2, abs=0.05 * size)
    np.testing.assert_array_equal(nothing(action), np.clip(0, low, high))


def test_gymnasium_says_from_which_return_on_an_environment_is_solved():
    describe("compactrl/Target-v0")
    assert [reward_threshold(env) for env in ("CartPole-v1", "compactrl/Target-v0", "Pong-v5")] == [475.0, None, None]


def test_an_environment_that_exists_once_is_not_shaken(monkeypatch):
    monkeypatch.setattr(module, "baselines", lambda *_: pytest.fail("it may be a robot"))
    assert comparisons(describe("CartPole-v1"), True, 0) == {"baselines": None, "reward_threshold": 475.0}


def test_a_summary_has_baselines_and_one_lane_alone_has_none(tmp_path):
    options = {
        "env": "compactrl/Target-v0",
        "method": "linear",
        "population": 8,
        "steps": 400,
        "reevaluation_episodes": 2,
    }
    many = search(out=tmp_path / "many", **options)
    assert many.summary["baselines"] == baselines(describe("compactrl/Target-v0"), 0)
    assert search(out=tmp_path / "one", **options, num_envs=1).summary["baselines"] is None
