"""What an environment reports beside the return, from a search to its run's summary; in batched environments too."""

import json
import sys

import numpy as np
import pytest

from compactrl.errors import InputError
from compactrl.runs.evaluation import Evaluation
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, search, start

POINT = {"env": "compactrl/PointMass-v0", "method": "linear", "population": 16, "steps": 20000, "seed": 1}
SAC = {
    "env": "compactrl/PointMass-v0", "method": "sac", "hidden": (8,), "steps": 1500, "random_steps": 300,
    "iteration_steps": 300, "updates_per_step": 0.2, "batch_size": 16, "save_replay": True, "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return search(out=tmp_path_factory.mktemp("runs") / "point", **POINT)


def test_means_of_measures_are_in_metrics_and_summary(run):
    first, last = run.metrics[0], run.metrics[-1]
    assert last["distance_mean"] < first["distance_mean"]
    assert 0 <= last["success_mean"] <= 1
    summary = json.loads((run.path / "summary.json").read_text())
    evaluation = run.evaluate_for_summary(100)
    assert summary["distance_mean"] == evaluation.measures["distance"].mean()
    assert summary["success_mean"] == evaluation.successes.mean()
    assert run.report(evaluation)["distance_mean"] == summary["distance_mean"]


def test_engines_and_threads_change_no_number(run):
    expected = run.evaluate(20, 1)
    config = json.loads((run.path / "config.json").read_text())
    assert config["options"]["engine"] == "batched"
    other = Run(run.path)
    other.config = {**other.config, "engine": "gymnasium"}
    for found in (run.evaluate(20, 2), other.evaluate(20)):
        np.testing.assert_array_equal(found.returns, expected.returns)
        np.testing.assert_array_equal(found.measures["distance"], expected.measures["distance"])


@pytest.mark.parametrize("options", [POINT, SAC], ids=["evolution", "gradient"])
def test_a_search_in_a_batched_environment_resumes_bit_for_bit(tmp_path, options):
    whole = finish(start(options, tmp_path / "whole"))
    cut = start({**options, "checkpoint_seconds": 0}, tmp_path / "cut")
    finish(cut, should_stop=lambda: cut.iteration >= 2)
    resumed = finish(reopen(tmp_path / "cut"))
    read = [(each.path / "policy.safetensors").read_bytes() for each in (whole, resumed)]
    assert read[0] == read[1]
    assert all(isinstance(record["distance_mean"], float) for record in whole.metrics)


def test_a_mean_of_nothing_is_null():
    unknown = Evaluation(np.ones(2), np.ones(2, int), {}, {"far": np.full(2, np.nan), "near": np.array([np.nan, 3.0])})
    assert unknown.measure_means == {"far_mean": None, "near_mean": 3.0}
    assert unknown.successes is None


MODULE = '''
import gymnasium, numpy as np
from compactrl.envs import register_batched

class Follow:
    """Pays for doing what was seen."""
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, num_lanes, scale=1.0):
        self.seen, self.scale = np.zeros((num_lanes, 1)), scale
        self.generators = [None] * num_lanes

    def reset(self, lanes, seeds, tasks):
        for lane, seed in zip(lanes, seeds):
            self.generators[lane] = np.random.default_rng(seed)
        return self.look(lanes)

    def step(self, lanes, actions):
        reward = self.scale * np.where(actions == (self.seen[lanes, 0] > 0), 1.0, 0.0)
        return self.look(lanes), reward, np.zeros(len(lanes), bool)

    def look(self, lanes):
        self.seen[lanes, 0] = [self.generators[lane].uniform(-1, 1) for lane in lanes]
        return self.seen[lanes]

register_batched("Follow-v0", Follow, max_episode_steps=10)
'''


def test_a_module_of_ones_own_may_register_a_batched_environment(tmp_path, monkeypatch):
    (tmp_path / "following.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = {"env": "Follow-v0", "env_module": "following", "env_options": {"scale": 2.0}, "method": "linear"}
    run = search(out=tmp_path / "run", **options, population=16, steps=8000, seed=0)
    assert run.config["engine"] == "batched"
    assert run.config["max_episode_steps"] == 10
    assert run.evaluate(50).mean_return > 17
    assert "success_mean" not in run.summary
    with pytest.raises(InputError, match="unexpected keyword argument 'size'"):
        start({**options, "env_options": {"size": 3}}, tmp_path / "other")
    del sys.modules["following"]


def test_an_evaluation_has_episodes_that_the_summary_has_not_and_the_same_for_a_seed(run):
    own, again = run.evaluate(20), run.evaluate(20, seed=run.config["seed"])
    np.testing.assert_array_equal(own.returns, again.returns)
    assert own.seed == run.config["seed"]
    behind = run.evaluate_for_summary(100)
    assert behind.mean_return == run.summary["return_mean"]
    other = run.evaluate(100, seed=9)
    for evaluation in (own, other):
        assert not np.isin(evaluation.returns, behind.returns).any()
    assert not np.isin(own.returns, other.returns).any()
    np.testing.assert_array_equal(run.evaluate(None, None, seed=9).returns, other.returns)
    moved = Run(run.path)
    moved.config = {**moved.config, "seed": 77}
    np.testing.assert_array_equal(moved.evaluate(100, seed=9).returns, other.returns)
    with pytest.raises(InputError, match="--seed -1: expected a whole number"):
        run.evaluate(2, seed=-1)
