"""Searches in a family of tasks: named by `--tasks`, resumed bit for bit, and kept to one task where a policy is."""

import os
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from compactrl.cli.sentences import describe_evaluation
from compactrl.envs import register_batched
from compactrl.envs.toy_batched import HiddenPointMass
from compactrl.errors import InputError
from compactrl.exports.api import starts_of
from compactrl.exports.rollouts import roll_out
from compactrl.policies.files import save_policy
from compactrl.reports import film
from compactrl.runs.evaluation import run_episodes, seeds_behind_summary
from compactrl.runs.run import Run
from compactrl.searches.api import finish, resume, search, start
from compactrl.searches.baselines import baselines
from compactrl.searches.families import with_family

ENV = "compactrl/HiddenPointMass-v0"
TOY = {"threads": 1, "reevaluations": 2, "reevaluation_episodes": 2, "seed": 4}
LINEAR = {"method": "linear", "population": 8, "steps": 1200, **TOY}
GRADIENT = {"iteration_steps": 160, "batch_size": 16, "updates_per_step": 0.1}
RIGHT = np.array([1.0])


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A search by the family's name, whose policy knows of no task."""
    return search(out=tmp_path_factory.mktemp("family") / "run", tasks="HiddenPointMass", **LINEAR)


@pytest.fixture
def of_one_task(run, tmp_path):
    """The same run, were its policy the one for the goal on the right."""
    import shutil

    path = shutil.copytree(run.path, tmp_path / "right")
    save_policy(path / "policy", replace(run.policy, context=RIGHT))
    return Run(path)


def alone(policy, task, seeds):
    """Returns of episodes in one task, in a naive loop."""
    env, returns = gymnasium.make(ENV), []
    for seed in seeds:
        observation, _ = env.reset(seed=seed, options={"task": task})
        total = 0.0
        for _ in range(20):
            observation, reward, *_ = env.step(policy(observation))
            total += reward
        returns.append(total)
    return np.array(returns)


def test_a_family_by_its_name_is_its_environment(run, tmp_path):
    assert (run.config["tasks"], run.config["env"], run.config["engine"]) == ("HiddenPointMass", ENV, "batched")
    assert run.summary["env"] == ENV
    assert "context" not in run.summary
    by_env = search(env=ENV, out=tmp_path / "by_env", **LINEAR)
    assert (by_env.path / "policy.safetensors").read_bytes() == (run.path / "policy.safetensors").read_bytes()


@pytest.mark.parametrize(
    "options", [LINEAR, {"method": "sac", "hidden": (4,), "steps": 800, "learning_starts": 100, **GRADIENT, **TOY}]
)
def test_a_run_in_a_family_is_resumed_bit_for_bit(tmp_path, options):
    whole = search(out=tmp_path / "whole", tasks="HiddenPointMass", **options)
    running = start({**options, "tasks": "HiddenPointMass"}, tmp_path / "pieces")
    finish(running, should_stop=lambda: running.iteration == 2)
    pieces = resume(tmp_path / "pieces")
    assert (pieces.path / "policy.safetensors").read_bytes() == (whole.path / "policy.safetensors").read_bytes()
    assert pieces.summary["return_mean"] == whole.summary["return_mean"]


def test_a_policy_of_one_task_is_evaluated_driven_and_filmed_in_it(run, of_one_task):
    policy, seeds = of_one_task.policy, [int(seed) for seed in np.arange(8)]
    starts = starts_of(of_one_task, policy)
    assert starts.task.tolist() == [1.0]
    driven = roll_out(starts, policy, 8)
    engine_seeds = starts.seeds(8)
    assert len(set(engine_seeds)) == 8
    plain = roll_out(starts_of(run, run.policy), run.policy, 8)
    left = roll_out(starts._replace(task=-RIGHT), policy, 8)
    # Each episode without a task is one of the two: the test tasks are these.
    assert all(np.isclose(plain.returns, driven.returns) | np.isclose(plain.returns, left.returns))
    assert not np.allclose(driven.returns, left.returns)
    spread = of_one_task.evaluate(40).returns
    assert spread.mean() == pytest.approx(alone(policy, [1.0], range(200)).mean(), abs=6 * spread.std() / 40**0.5)
    told = {**of_one_task.report(of_one_task.evaluate(2)), "evaluation_seed": 0}
    assert told["context"] == [1.0]
    assert "linear policy for compactrl/HiddenPointMass-v0, task 1 (" in describe_evaluation(of_one_task, told)
    env, shown = gymnasium.make(ENV), Shown()
    total, steps = film._episode(env, policy, seeds[0], shown)
    assert (total, steps) == (pytest.approx(alone(policy, [1.0], [seeds[0]])[0]), 20)
    assert shown.task == "x 1"


class Shown:
    task = ""

    def show(self, *_):
        """Draw nothing."""


def test_doing_nothing_is_compared_with_in_the_same_task(run):
    from compactrl.envs.registry import environment_of

    spec = environment_of(run.config)
    sides = [baselines(spec, 0, 1, side * RIGHT)["zero"]["return_mean"] for side in (-1.0, 1.0)]
    for side, mean in zip((-1.0, 1.0), sides, strict=True):
        nothing = alone(lambda _: np.zeros(2), [side], range(200))
        assert mean == pytest.approx(nothing.mean(), abs=4 * nothing.std() / 10**0.5)
    assert sides[0] != sides[1]


def test_without_a_task_it_is_compared_with_in_the_episodes_of_the_summary(run):
    """Returns of ten episodes with other tasks told nothing: tasks differ by more than doing something and nothing."""
    from compactrl.envs.registry import environment_of

    spec, found = environment_of(run.config), run.summary["baselines"]
    still = replace(run.policy, weights=0.0 * run.policy.weights)
    evaluation = run_episodes(still, spec, 100, seeds_behind_summary(run.config["seed"]), 1)
    assert found["zero"] == {
        "return_mean": evaluation.mean_return,
        "return_std": evaluation.std_return,
        "episodes": 100,
    }
    assert found["random"]["episodes"] == 100


@pytest.mark.parametrize(
    "options",
    [
        {"method": "distill", "hidden": (4,), "steps": 800, "replay_size": 400, **GRADIENT},
        {"method": "shared", "partitions": 3, "steps": 800, **GRADIENT},
    ],
)
def test_who_imitates_a_policy_of_one_task_stays_in_it(tmp_path, of_one_task, options):
    running = start({**TOY, **options, "teacher": str(of_one_task.path)}, tmp_path / "student")
    designs = np.zeros((running.learner.num_designs, 0), np.int64)
    for _ in range(2):  # the teacher's turn, and perhaps the student's
        assert (running.learner.ask(designs).tasks == 1.0).all()
    running.close()
    found = search(out=tmp_path / "found", teacher=str(of_one_task.path), **options, **TOY)
    assert found.policy.context.tolist() == [1.0]
    assert found.summary["context"] == [1.0]


def test_the_task_of_a_policy_is_none_of_another_family(tmp_path, of_one_task):
    """Its numbers would be taken for something else: a place for a direction, here, or 1.5 m/s for 1.5 times one."""
    other = "Elsewhere-v0"
    register_batched(other, type("Elsewhere", (HiddenPointMass,), {}), max_episode_steps=20)
    for options, option in (
        ({"method": "distill", "hidden": (4,), "teacher": str(of_one_task.path)}, "--teacher"),
        ({"method": "shared", "partitions": 3, "start_from": str(of_one_task.path)}, "--start-from"),
    ):
        said = f"the policy of {option} is for the task 1 of {ENV}, which is none of {other}: use that environment"
        with pytest.raises(InputError, match=said):
            start({**TOY, **options, "steps": 800, "tasks": other}, tmp_path / "student")
    assert not (tmp_path / "student").exists()
    with pytest.raises(InputError, match=f"the policy is for the task 1 of {ENV}, which is none of {other}"):
        of_one_task.evaluate(2, env=other)


def test_what_is_begun_from_a_policy_of_one_task_stays_in_it_after_it_has_settled(tmp_path, of_one_task):
    options = {"method": "shared", "learner": "evolution", "partitions": 3, "population": 8, "steps": 1600, **TOY}
    found = search(out=tmp_path / "found", start_from=str(of_one_task.path), **options)
    assert found.policy.context.tolist() == [1.0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tasks": "HiddenPointMas"}, "unknown family of tasks 'HiddenPointMas'. Did you mean 'HiddenPointMass'"),
        (
            {"tasks": "HiddenPointMass", "env": "Hopper-v5"},
            "is the environment compactrl/HiddenPointMass-v0, and --env",
        ),
        ({"tasks": 3}, "--tasks 3: expected the name of a family"),
        ({"tasks": "Hopper-v5"}, "--tasks Hopper-v5: Hopper-v5 is no family of tasks; there are: Ant-FwdBack"),
    ],
)
def test_families_that_there_are_not(values, said, tmp_path):
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        start({**LINEAR, **values}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_search_without_tasks_is_as_it_was():
    assert with_family({"env": "Hopper-v5", "tasks": ""}) == {"env": "Hopper-v5", "tasks": ""}
    assert with_family({"tasks": "Ant-Vel", "env": "Ant-Vel"})["env"] == "compactrl/Ant-Vel-v0"
