"""Candidates of several episodes are judged by their mean; where they begin alike, only their weights differ."""

import numpy as np
import pytest
from evaluating import make_trials

from compactrl.envs.registry import describe
from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.evolution import EvolutionLearner
from compactrl.networks.forward import some_of
from compactrl.searches.api import resume, search, start

SMALL = {"env": "compactrl/Target-v0", "method": "linear", "population": 8, "steps": 3000, "seed": 0, "threads": 1}


def first_generation(tmp_path, **options):
    """Return the learner, its first trials and what came of them."""
    made = start({**SMALL, **options}, tmp_path / "run")
    learner = made.learner
    assert isinstance(learner, EvolutionLearner)
    trials = learner.ask(np.zeros((learner.num_designs, 0), np.int64))
    outcomes = made.evaluator.evaluate(trials)
    made.writer.close()
    return made, learner, trials, outcomes


@pytest.mark.parametrize("env", ["compactrl/Target-v0", "compactrl/PointMass-v0", "Swimmer-v5", "CartPole-v1"])
def test_candidates_that_are_alike_differ_by_their_starts_alone_and_by_nothing_where_they_begin_alike(env):
    spec = describe(env, max_episode_steps=20)
    trials = make_trials(spec, 4)
    one = some_of(trials.networks, np.zeros(8, np.int64))  # the first policy, twice in each lane
    alike = trials._replace(networks=one, designs=np.zeros((8, 0), np.int64))
    found = []
    for lanes_alike in (4, 1):
        evaluator = LocalEvaluator(spec, 4, np.random.SeedSequence(3), 2, alike=lanes_alike)
        found.append(evaluator.evaluate(alike).moments.mean.reshape(2, 4, -1))
        evaluator.close()
    common, own = found
    assert (common == common[:, :1]).all()
    assert not np.array_equal(common[0], common[1])  # the next episodes begin elsewhere
    assert not (own == own[:, :1]).all()


def test_what_candidates_are_judged_by_is_the_mean_of_their_episodes(tmp_path):
    _, learner, trials, outcomes = first_generation(tmp_path, episodes_per_candidate=3)
    assert len(outcomes.returns) == 24
    np.testing.assert_array_equal(trials.networks.layers[0].weight[:8], trials.networks.layers[0].weight[16:])
    by_hand = outcomes.returns.reshape(3, 8).mean(axis=0)
    np.testing.assert_allclose(learner._objective(trials, outcomes, 0.0), by_hand)
    failed = outcomes.returns.copy()
    failed[[0, 1, 9, 17]] = np.nan
    found = learner._objective(trials, outcomes._replace(returns=failed), 0.0)
    np.testing.assert_allclose(found[0], failed[[8, 16]].mean())
    assert np.isnan(found[1])


def test_with_environments_of_the_users_number_they_cannot_begin_alike(tmp_path):
    with pytest.raises(InputError, match="leave out --num-envs 8"):
        start({**SMALL, "common_starts": True, "num_envs": 8}, tmp_path / "run")


def test_a_search_with_common_starts_resumes_to_the_same_policy(tmp_path):
    options = {**SMALL, "common_starts": True, "episodes_per_candidate": 2, "progress": False, "steps": 12_000}
    whole = search(out=tmp_path / "whole", **options)
    stopped = search(out=tmp_path / "stopped", **options, callback=lambda record: record["iteration"] < 3)
    going_on = resume(stopped.path, steps=options["steps"], progress=False)
    np.testing.assert_array_equal(going_on.policy.theta, whole.policy.theta)
