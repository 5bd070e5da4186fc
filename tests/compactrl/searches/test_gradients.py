"""Studies of critics: against a known gradient, beside a search without a trace, on checkpoints, and refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from compactrl.envs.registry import describe
from compactrl.envs.toy import Target
from compactrl.errors import InputError
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, search
from compactrl.searches.gradients import Lanes, of_learner
from compactrl.searches.prepare import prepare
from compactrl.searches.studies import Study, check, studies, summary
from compactrl.searches.studying import study_run

ENV = "compactrl/Target-v0"
OPTIONS = {
    "method": "td3", "env": ENV, "hidden": (8,), "critic_hidden": (8,), "iteration_steps": 100, "batch_size": 16,
    "learning_starts": 100, "steps": 400, "reevaluation_episodes": 2, "threads": 1, "updates_per_step": 0.1,
}  # fmt: skip
FEW = Study(states=4, trajectories=32)
SEED = np.random.SeedSequence(0)


def learner_of(**options):
    return prepare({**OPTIONS, **options}).learner


@pytest.mark.parametrize("env", [ENV, "compactrl/PointMass-v0", "Pendulum-v1"])
def test_lanes_come_to_one_state_and_part_there(env):
    learner = learner_of(env=env)
    lanes = Lanes(learner, describe(env), 3, 8, 1)
    one = Lanes(learner, describe(env), 3, 1, 1)
    noise = 0.3 * np.random.default_rng(0).standard_normal((8, learner.actions))
    found = [lanes.sample(1, noise, 0.9, 4) for _ in range(2)]
    for sample in found:
        start = one._begin()
        start = one._step(one._every, one._act(start)).observation
        np.testing.assert_array_equal(sample.observation, start[0])
        assert len(set(sample.returns.tolist())) > 4
    assert not np.array_equal(found[0].observation, found[1].observation)
    lanes.close()
    one.close()


def test_a_critic_that_knows_the_gradient_has_a_cosine_of_one(monkeypatch):
    """With gamma 0 the return is -|a - tanh(A s)|², whose gradient is known."""
    learner, spec = learner_of(gamma=0.0), describe(ENV)
    monkeypatch.setattr(learner, "action_gradient", lambda seen, action: 2 * (np.tanh(seen @ Target.MATRIX.T) - action))
    found = of_learner(learner, spec, Study(states=6, trajectories=256, noise=0.1), SEED, threads=1)
    assert min(found["cosines"]) > 0.98
    assert min(found["r_squared"]) > 0.8
    monkeypatch.setattr(learner, "action_gradient", lambda seen, action: action - np.tanh(seen @ Target.MATRIX.T))
    assert summary({"env_steps": 1, **of_learner(learner, spec, FEW, SEED, threads=1)})["share_above"]["0.0"] == 0


@pytest.mark.parametrize("method", ["sac", "td3", "ddpg", "ghp"])
def test_the_gradient_is_that_of_the_value_that_policies_climb(method):
    of_ghp = {"widths": "4,8", "max_layers": 2, "rank": 4, "graph_size": 8, "hidden": None} if method == "ghp" else {}
    learner = learner_of(method=method, **of_ghp)
    seen = np.random.default_rng(0).normal(size=(3, 3))
    action = np.random.default_rng(1).uniform(-0.5, 0.5, (3, learner.actions))
    found = learner.action_gradient(seen, action)

    def value(actions):
        rows = [learner._tensor(part.astype(np.float32))[None] for part in (seen, actions)]
        values = learner.critics(*rows, learner._told(learner.studied)).detach().double()
        return (values.amin(0) if method in ("sac", "ghp") else values[0]).numpy()

    for number in range(learner.actions):
        shift = 1e-3 * np.eye(learner.actions)[number]
        np.testing.assert_allclose(
            found[:, number], (value(action + shift) - value(action - shift)) / 2e-3, rtol=0.05, atol=2e-3
        )


def test_a_search_is_the_same_with_its_critics_studied(tmp_path):
    plain = search(out=tmp_path / "plain", **OPTIONS)
    studied = search(out=tmp_path / "studied", **OPTIONS, gradient_interval=100)
    np.testing.assert_array_equal(plain.policy.theta, studied.policy.theta)
    assert [row["env_steps"] for row in plain.metrics] == [row["env_steps"] for row in studied.metrics]
    found = studies(studied.path)
    assert [each["iteration"] for each in found] == [2, 3, 4, 5]  # those that pass a multiple of the interval
    assert all(len(each["cosines"]) == 15 for each in found)
    assert not studies(plain.path)


def test_a_search_that_goes_on_has_the_studies_of_one_that_was_not_interrupted(tmp_path):
    whole = search(out=tmp_path / "whole", **OPTIONS, gradient_interval=100)
    ended = []

    def stop(record):
        ended.append(record)
        return len(ended) < 2

    search(out=tmp_path / "cut", callback=stop, **OPTIONS, gradient_interval=100)
    with open(tmp_path / "cut" / "gradients.jsonl", "a", encoding="utf-8") as file:  # from after the checkpoint
        file.write(json.dumps({**studies(whole.path)[2], "noise": 5.0}) + "\n")
    finish(reopen(tmp_path / "cut"))
    assert studies(tmp_path / "cut") == studies(whole.path)


def test_checkpoints_are_studied_once(tmp_path):
    run = search(out=tmp_path / "run", **OPTIONS)
    steps = []
    (found,) = study_run(run, FEW, steps.append)
    assert steps == [found["env_steps"]]
    assert study_run(Run(run.path), FEW, steps.append) == [found]
    assert len(steps) == 1
    beside = search(out=tmp_path / "beside", **OPTIONS, gradient_interval=100)
    assert study_run(beside, Study())[-1]["cosines"] == studies(beside.path)[-1]["cosines"]


def test_what_cannot_be_studied_is_refused(tmp_path):
    spec = describe(ENV)
    for changed, message in (
        ({"repeats": False}, "does not do the same for the same seed"),
        ({"resumes_exactly": False}, "does not do the same for the same seed"),
        ({"environments": 2}, "64 environments of its own, and --num-envs 2"),
    ):
        with pytest.raises(InputError, match=message):
            check(Study(), replace(spec, **changed))
    with pytest.raises(InputError, match="--trajectories 3: 2 actions need 4 or more"):
        check(Study(trajectories=3), spec)
    with pytest.raises(InputError, match="--num-envs 2"):
        prepare({**OPTIONS, "gradient_interval": 100, "num_envs": 2, "max_envs": 2})
    evolved = search(out=tmp_path / "evolved", env=ENV, method="linear", population=4, steps=200, threads=1)
    with pytest.raises(InputError, match="has no critics: --method linear does not learn by them"):
        study_run(evolved, Study())
    record = Run(evolved.path)
    record.config |= {"method": "ppo", "learner": "ppo", "critic_hidden": (8,)}
    with pytest.raises(InputError, match="has no critics: --method ppo does not learn by them"):
        study_run(record, Study())
    random = search(out=tmp_path / "random", **{**OPTIONS, "learning_starts": 390})
    for study in studies(random.path):
        assert study["env_steps"] > 390
