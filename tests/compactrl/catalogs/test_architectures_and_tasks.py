"""A run with a policy for every architecture in every task: tables of one task, of one architecture, and the choice."""

import json
import os
import shutil

import numpy as np
import pytest

from compactrl.catalogs import choice, evaluation
from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.contexts import as_typed
from compactrl.catalogs.table import FILE, file_of, table_of
from compactrl.catalogs.task_table import evaluate_tasks
from compactrl.catalogs.tasks import open_tasks
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import InputError
from compactrl.exports import export
from compactrl.reports.reading import read_record
from compactrl.runs.run import Run
from compactrl.searches.api import resume, search, start

TINY = {
    "method": "hyperppo-tasks", "env": "compactrl/HiddenPointMass-v0", "widths": "4,8,16", "max_layers": 2, "rank": 4,
    "graph_size": 8, "meta_batch": 4, "num_envs": 8, "n_steps": 20, "n_epochs": 2, "batch_size": 40,
    "critic_hidden": (8,), "steps": 1600, "reevaluation_episodes": 2, "threads": 1, "seed": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return search(out=tmp_path_factory.mktemp("both") / "run", **TINY).path


@pytest.fixture
def run(made, tmp_path):
    """A run of its own for each test: what ships of it may be chosen anew, and tables saved."""
    return Run(shutil.copytree(made, tmp_path / "run"))


def test_without_a_context_a_catalogue_is_of_the_task_that_ships(run):
    catalog = open_catalog(run)
    assert not catalog.chosen
    assert (catalog.file, catalog.option) == (FILE, "")
    np.testing.assert_array_equal(catalog.context, run.policy.context)
    (policy,) = catalog.policies([run.policy.shape[1:-1]])
    np.testing.assert_array_equal(policy.design, run.policy.design)
    for layer, shipped in zip(policy.layers, run.policy.layers, strict=True):
        np.testing.assert_allclose(layer.weight, shipped.weight, rtol=1e-5, atol=1e-6)


def test_both_catalogues_have_one_policy_of_an_architecture_in_a_task(run):
    mine = open_catalog(run, "0.25").policy("16,8")
    other = open_tasks(run, architecture="16,8").policy("0.25")
    assert mine.context.tolist() == other.context.tolist() == [0.25]
    assert mine.shape == other.shape == (4, 16, 8, 2)
    for layer, its in zip(mine.layers, other.layers, strict=True):
        np.testing.assert_allclose(layer.weight, its.weight, rtol=1e-4, atol=1e-6)
    elsewhere = open_catalog(run, "-1").policy("16,8")
    assert open_catalog(run, "-1").file == FILE  # it is the one that ships
    assert not np.allclose(mine.layers[0].weight, elsewhere.layers[0].weight, rtol=1e-4, atol=1e-6)


def test_tables_of_tasks_stand_side_by_side_and_go_on_where_they_were(run, monkeypatch):
    monkeypatch.setattr(evaluation, "ROUNDS", 1)  # two architectures at a time, in 8 environments
    middle = evaluation.evaluate_all(open_catalog(run), episodes=3)
    catalog = open_catalog(run, "-0.5")
    assert catalog.file == "architectures-context--0.5.json"

    def interrupt(done, _):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate_all(catalog, episodes=3, on_rows=interrupt)
    calls = []
    rows = evaluation.evaluate_all(catalog, episodes=3, on_rows=lambda done, _: calls.append(done))
    assert calls == [6, 8, 10, 12]
    (run.path / catalog.file).unlink()
    assert evaluation.evaluate_all(catalog, episodes=3) == rows
    assert [row["return_mean"] for row in rows] != [row["return_mean"] for row in middle]
    assert table_of(run.path, catalog.file)["context"] == [-0.5]
    assert table_of(run.path)["architectures"] == middle


def test_a_row_is_of_episodes_in_the_task(run):
    catalog = open_catalog(run, "-1")
    rows = {tuple(row["widths"]): row for row in evaluation.evaluate_all(catalog, episodes=40)}
    apart = run.with_policy(catalog.policy("8")).evaluate(40, threads=1)
    assert rows[(8,)]["return_mean"] == pytest.approx(apart.mean_return, abs=4 * apart.std_return / 40**0.5)


def test_the_choice_for_a_task_is_by_its_own_table_and_ships_with_its_context(run):
    evaluation.evaluate_all(open_catalog(run), episodes=2)
    catalog = open_catalog(run, "1")
    with pytest.raises(InputError, match=r"first `compactrl evaluate .*/run --architectures all --context 1`"):
        choice.select(catalog, 128, "return", 512)
    rows = evaluation.evaluate_all(catalog, episodes=2)
    result = choice.select(catalog, 128, "return", 512)
    fitting = [row for row in rows if row["parameters"] <= 128]
    assert result["widths"] == max(fitting, key=lambda row: row["return_mean"])["widths"]
    shipped = Run(run.path)
    assert shipped.policy.context.tolist() == shipped.summary["context"] == result["context"] == [1.0]
    assert stored_bytes(shipped.policy) == result["bytes"] <= 512
    assert shipped.summary["return_mean"] == shipped.evaluate_for_summary(100).mean_return
    assert [table["context"] for table in read_record(run.path).architectures] == [[1.0]]  # not those of the middle


def test_a_table_without_a_context_in_its_name_is_of_the_task_that_ships(run):
    middle = evaluation.evaluate_all(open_catalog(run), episodes=2)
    assert {key: table_of(run.path)[key] for key in ("context", "names")} == {"context": [-1.0], "names": ["x"]}
    choice.select(open_catalog(run, "0.5"), 128, "size")
    assert not (run.path / FILE).exists()
    assert table_of(run.path, "architectures-context--1.json")["architectures"] == middle
    calls = []
    assert evaluation.evaluate_all(open_catalog(run), 2, on_rows=lambda *done: calls.append(done)) == middle
    assert calls == [(12, 12)]  # found by its context
    evaluation.evaluate_all(open_catalog(run, "0.5"), episodes=2)
    assert table_of(run.path)["context"] == Run(run.path).policy.context.tolist() == [0.5]
    best = max((row for row in middle if row["parameters"] <= 128), key=lambda row: row["return_mean"])
    assert choice.select(open_catalog(run), 128, "return")["widths"] == best["widths"]
    assert {path.name for path in run.path.glob("architectures*.json")} == {
        "architectures-context--1.json", "architectures-context-0.5.json"
    }  # fmt: skip
    assert [table["context"] for table in read_record(run.path).architectures] == [[-1.0]]


def test_what_is_kept_aside_of_one_task_is_not_another_s(run):
    for text in ("-1", "0.5"):
        choice.select(open_catalog(run, text), 128, "size")
        catalog = open_catalog(Run(run.path), text)
        assert catalog.file == FILE  # this task ships
        evaluation.evaluate_all(catalog, episodes=2)
        with pytest.warns(UserWarning, match=f"kept as architectures-context-{text}-"):
            evaluation.evaluate_all(catalog, episodes=3)
    tables = [table_of(run.path, path.name) for path in run.path.glob("*-2-episodes*.json")]
    assert sorted(table["context"] for table in tables) == [[-1.0], [0.5]]


def test_tables_that_an_earlier_version_left_are_found_by_their_context(run):
    """Where another task was chosen, `architectures.json` stayed that of the middle."""
    rows = {text: evaluation.evaluate_all(open_catalog(run, text), episodes=2) for text in ("-1", "0.5")}
    choice.select(open_catalog(run, "0.5"), 128, "size")
    (run.path / "architectures-context--1.json").replace(run.path / FILE)
    for text, expected in rows.items():
        catalog = open_catalog(run, text)
        assert table_of(run.path, catalog.file)["architectures"] == expected
        assert choice.select(catalog, 10**6, "return")["context"] == [float(text)]


def test_tasks_are_evaluated_with_the_architecture_that_ships_or_a_named_one(run):
    shipped = evaluate_tasks(run, "all", 3, threads=1)
    assert shipped["widths"] == list(run.policy.shape[1:-1])
    named = evaluate_tasks(run, "test", 3, architecture="16, 8", threads=1)
    assert named["widths"] == [16, 8]
    assert json.loads((run.path / "tasks-16-8.json").read_text())["test"] == named["test"]
    assert json.loads((run.path / "tasks.json").read_text())["test"] == shipped["test"]
    own = open_tasks(run).policies(run.policy.context[None])[0]
    for layer, its in zip(own.layers, run.policy.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, its.weight)
    choice.select(open_catalog(run), 30, "size")
    assert evaluate_tasks(Run(run.path), "test", 3, threads=1)["widths"] == [4]


def test_an_architecture_for_a_task_is_exported(run, tmp_path):
    exported = export(run, tmp_path / "one", architecture="8,4", context="-1")
    assert (exported.manifest["architecture"], exported.manifest["context"]) == ([8, 4], {"x": -1.0})
    grid = export(run, tmp_path / "grid", architecture="8,4", context_grid="-1,1,3")
    assert (grid.manifest["architecture"], grid.manifest["context_grid"]["networks"]) == ([8, 4], 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("2",), "--context 2: x 2 is outside of -1 … 1"),
        (("fast",), "--context fast: expected a number for x"),
    ],
)
def test_a_context_that_is_none_is_told(run, given, message):
    with pytest.raises(InputError, match=message):
        open_catalog(run, *given)
    assert open_catalog(run, "2", extrapolate=True).context.tolist() == [2.0]


def test_an_architecture_that_is_none_is_told(run):
    with pytest.raises(InputError, match=r"--architecture 7 is not one of .* 1 to 2 of 4, 8, 16 units"):
        open_tasks(run, architecture="7")


def test_runs_of_tasks_or_of_architectures_alone_are_told(tmp_path):
    small = {name: value for name, value in TINY.items() if name not in ("widths", "max_layers", "rank", "graph_size")}
    tasks = search(out=tmp_path / "tasks", **{**small, "method": "plain-tasks", "hidden": (4,), "steps": 200})
    for call in (lambda: open_catalog(tasks), lambda: open_catalog(tasks, "1")):
        with pytest.raises(InputError, match="is a run of --method plain-tasks, with one architecture: this is for"):
            call()
    with pytest.raises(InputError, match=r"--architecture: .* is a run of --method plain-tasks, with one architecture"):
        evaluate_tasks(tasks, architecture="4")
    options = {**TINY, "method": "hyperppo", "env": "compactrl/Target-v0", "steps": 200}
    alone = search(out=tmp_path / "architectures", **options)
    for call in (lambda: open_catalog(alone, "1"), lambda: open_tasks(alone, "--context", architecture="4")):
        with pytest.raises(InputError, match=r"--context: .* is a run of --method hyperppo, whose policy is for no f"):
            call()


def test_what_races_is_in_the_task_that_ships(run):
    """So is what a resumed search ships."""
    more = resume(run.path, steps=6000)
    assert more.policy.context.tolist() == run.policy.context.tolist()
    assert more.policy.design[-1] == run.policy.design[-1]


def test_who_acted_in_the_task_that_ships_leads_and_the_others_follow_whatever_their_scores(tmp_path):
    running = start(TINY, tmp_path / "run")
    ships = running.learner.compression.shipped_task
    designs = np.array([[1, 0, 1 - ships], [2, 0, ships], [3, 0, 1 - ships], [2, 0, 1 - ships], [3, 3, ships]])
    running._note_leaders(designs, np.array([9.0, 1.0, 8.0, 7.0, np.nan]))
    leaders = running.shipping.leaders
    assert leaders.designs.tolist() == [[2, 0, ships], [1, 0, ships], [3, 0, ships]]
    assert leaders.rewards.tolist() == [1.0, -np.inf, -np.inf]
    running.close()


def test_contexts_are_typed_in_as_few_digits_as_tell_them():
    assert as_typed(np.array([1.5, -2.0, 1e-5])) == "1.5,-2,0.00001"
    assert file_of(as_typed(np.array([0.1 + 0.2]))) == "architectures-context-0.30000000000000004.json"
