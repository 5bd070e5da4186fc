"""Every task of a run, and any context: the policy is theta's, tables are kept, one that adapts is brought back."""

import json
import os

import numpy as np
import pytest

from compactrl.catalogs.task_table import BEFORE, FILE, evaluate_tasks, summarize, table_of
from compactrl.catalogs.tasks import open_tasks, read_context
from compactrl.errors import DamagedFileError, InputError
from compactrl.exports import export
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.reports.task_figures import save_task_figure
from compactrl.runs.run import Run
from compactrl.searches.api import search

TINY = {
    "env": "compactrl/HiddenPointMass-v0", "hidden": (4,), "meta_batch": 2, "num_envs": 4, "n_steps": 20,
    "batch_size": 40, "critic_hidden": (8,), "steps": 400, "reevaluation_episodes": 2, "threads": 1, "seed": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return search(out=tmp_path_factory.mktemp("tasks") / "run", method="context-tasks", n_epochs=1, **TINY)


@pytest.fixture(scope="module")
def adapting(tmp_path_factory):
    options = {**TINY, "n_epochs": 1, "adaptation_episodes": 2}
    return search(out=tmp_path_factory.mktemp("tasks") / "maml", method="maml", **options)


def same_layers(one, other):
    for layer, its in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, its.weight)
        np.testing.assert_array_equal(layer.bias, its.bias)


def test_the_policy_of_the_shipped_task_is_the_runs_bit_for_bit(run):
    shipped = run.policy
    catalog = open_tasks(run)
    (policy,) = catalog.policies(shipped.context[None])
    same_layers(policy, shipped)
    np.testing.assert_array_equal(policy.normalizer.mean, shipped.normalizer.mean)
    np.testing.assert_array_equal(policy.normalizer.std, shipped.normalizer.std)
    assert (policy.size, policy.env, policy.container) == (shipped.size, shipped.env, shipped.container)
    np.testing.assert_array_equal(policy.context, shipped.context)
    between = catalog.policy("0.25")
    assert between.context.tolist() == [0.25]
    assert not np.array_equal(between.layers[0].bias, policy.layers[0].bias)
    evaluation = run.with_policy(between).evaluate(2, threads=1)
    assert evaluation.episodes == 2
    assert run.policy is shipped


def test_a_table_has_every_task_and_is_made_once(run, monkeypatch):
    table = evaluate_tasks(run, "test", 3, threads=1)
    assert "train" not in table
    whole = evaluate_tasks(run.path, "all", 3, threads=1)
    assert [row["context"] for row in whole["train"]] == [[-1.0], [1.0]]
    assert whole["test"] == table["test"]
    assert all(row["episodes"] == 3 and np.isfinite(row["return_mean"]) for row in whole["train"])
    assert whole["summary"]["train"]["return_mean"] == np.mean([row["return_mean"] for row in whole["train"]])
    assert json.loads((run.path / FILE).read_text(encoding="utf-8"))["names"] == ["x"]
    monkeypatch.setattr("compactrl.catalogs.task_table.evaluate", None)  # nothing is evaluated again
    assert evaluate_tasks(run, "all", 3, threads=1) == whole
    with pytest.raises(TypeError):
        evaluate_tasks(run, "all", 2, threads=1)
    figures = save_task_figure(run.path, whole)
    assert [path.name for path in figures] == ["tasks.svg", "tasks.png"]
    assert all(path.stat().st_size > 1000 for path in figures)


def test_a_task_is_evaluated_in_itself(run):
    """Episodes of the table are those of the policy in its own task: other returns than in the other task."""
    catalog = open_tasks(run)
    policies = catalog.policies(catalog.contexts("train"))
    assert [policy.tasks(1).tolist() for policy in policies] == [[[-1.0]], [[1.0]]]
    table = evaluate_tasks(run, "train", 40, threads=1)
    for policy, row in zip(policies, table["train"], strict=True):
        evaluation = run.with_policy(policy).evaluate(40, threads=1)
        assert row["return_mean"] == pytest.approx(evaluation.mean_return, abs=4 * evaluation.std_return / 40**0.5)


def test_policies_that_adapt_have_returns_before_and_after(adapting):
    catalog = open_tasks(adapting)
    assert catalog.learner is not None
    table = evaluate_tasks(adapting, "all", 3, threads=1)
    assert table["adaptation_episodes"] == 2
    for row in table["test"]:
        assert np.isfinite(row["return_mean"])
        assert row[f"{BEFORE}return_mean"] != row["return_mean"]
    assert table["summary"]["test"].keys() >= {"before_return_mean", "return_mean"}
    again, same = (open_tasks(adapting).policy("0.5") for _ in range(2))
    same_layers(again, same)
    before = catalog.policies(np.array([[0.5]]))[0]
    assert not np.array_equal(before.layers[0].weight, again.layers[0].weight)


def test_a_summary_has_the_interval_that_episodes_leave():
    rows = [
        {"context": [0.0], "return_mean": 1.0, "return_std": 2.0, "episodes": 4, "speed_mean": 3.0},
        {"context": [1.0], "return_mean": 5.0, "return_std": 0.0, "episodes": 4, "speed_mean": None},
        {"context": [2.0], "return_mean": None, "return_std": None, "episodes": 0, "speed_mean": None},
    ]
    summary = summarize(rows)
    assert summary["return_mean"] == 3.0
    assert summary["return_std"] == pytest.approx(8**0.5)
    assert summary["return_interval"] == pytest.approx([3 - 1.96 / 2, 3 + 1.96 / 2])
    assert (summary["tasks"], summary["failed"], summary["speed_mean"]) == (3, 1, 3.0)
    assert summarize([])["return_mean"] is None


BOX = Uniform((0.0, -1.0), (3.0, 1.0))
PLANE = Contexts(("velocity", "slope"), (0.0, -1.0), (3.0, 1.0), BOX, BOX)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", "--context fast: expected 2 numbers with commas between them for velocity, slope, such as 1.5,0"),
        ("1", "expected 2 numbers"),
        ("1,nan", "expected 2 numbers"),
        ("1,2", "--context 1,2: slope 2 is outside of -1 … 1, the range of this family"),
    ],
)
def test_a_context_that_is_none_of_the_family_is_told(text, message):
    with pytest.raises(InputError) as caught:
        read_context(text, PLANE)
    assert message in str(caught.value)
    assert read_context("3,-1", PLANE).tolist() == [3, -1]
    assert read_context("9,5", PLANE, extrapolate=True).tolist() == [9, 5]


def test_what_has_no_tasks_or_other_ones_is_told(run, tmp_path):
    with pytest.raises(InputError, match=r"--tasks tset: expected train, test or all\. Did you mean 'test'"):
        evaluate_tasks(run, "tset")
    with pytest.raises(InputError, match="--episodes 0: expected at least 1"):
        evaluate_tasks(run, episodes=0)
    with pytest.raises(InputError, match="--context : expected a number for x, such as 0"):
        export(run, tmp_path / "c", context="")
    other = search(out=tmp_path / "ppo", method="linear", env="compactrl/Target-v0", steps=320, population=8, threads=1)
    with pytest.raises(InputError, match=r"--context: .* is a run of --method linear, whose policy is for no family"):
        open_tasks(other, "--context")
    settled = search(out=tmp_path / "one", method="plain-tasks", n_epochs=1, fine_tune_share=0.5, test_tasks=0, **TINY)
    with pytest.raises(InputError, match="has settled on one task"):
        open_tasks(settled)
    (run.path / FILE).write_text('{"train": [1]}', encoding="utf-8")
    with pytest.raises(DamagedFileError, match=r"tasks.json is not a table of tasks: move it away"):
        table_of(run.path)
    (run.path / FILE).unlink()


def test_no_test_tasks_is_told(tmp_path):
    run = search(out=tmp_path / "run", method="plain-tasks", n_epochs=1, test_tasks=0, **TINY)
    assert Run(run.path).config["test_contexts"] == []
    with pytest.raises(InputError, match=r"--tasks test: .* has no test tasks: its search was given --test-tasks 0"):
        evaluate_tasks(run, "test", 1, threads=1)
    assert "test" not in evaluate_tasks(run, "all", 1, threads=1)
