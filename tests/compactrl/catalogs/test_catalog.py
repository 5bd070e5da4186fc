"""The table of all architectures: it can be interrupted and resumed; and the choice of one that fits."""

import json
import os
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from scipy.stats import spearmanr

from compactrl.catalogs import catalog, choice, evaluation, table
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import DamagedFileError, InputError
from compactrl.networks.mixed import padded
from compactrl.policies.architectures import enumerate_architectures, parameters
from compactrl.runs.run import Run
from compactrl.searches.api import resume, search
from compactrl.types import Normalizer

SMALL = {"method": "ghp", "widths": "4,8,16", "max_layers": 2, "steps": 800, "random_steps": 200, "rank": 4}
SMALL |= {"iteration_steps": 200, "graph_size": 8, "critic_hidden": 8, "batch_size": 16, "meta_batch": 4}
SMALL |= {"selection_episodes": 2}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("ghp") / "run"
    search(out=path, env="compactrl/Target-v0", **SMALL)
    return path


@pytest.fixture
def opened(finished):
    (finished / table.FILE).unlink(missing_ok=True)
    return catalog.open_catalog(Run(finished))


def test_every_architecture_has_a_row_in_order_of_size(opened):
    rows = evaluation.evaluate_all(opened, episodes=3)
    assert len(rows) == 12
    assert [row["parameters"] for row in rows] == sorted(row["parameters"] for row in rows)
    assert rows[0] == {
        **rows[0],
        "widths": [4],
        "parameters": 3 * 4 + 4 + 4 * 2 + 2,
        "memory_dimension": 24,
        "episodes": 3,
    }
    assert json.loads((opened.run.path / table.FILE).read_text())["architectures"] == rows


def test_rows_have_the_means_of_what_the_environment_measures(tmp_path):
    search(out=tmp_path / "run", env="compactrl/PointMass-v0", **SMALL)
    opened = catalog.open_catalog(Run(tmp_path / "run"))
    rows = evaluation.evaluate_all(opened, episodes=2)
    assert all(row["distance_mean"] > 0 and 0 <= row["success_mean"] <= 1 for row in rows)
    chosen = choice.select(opened, 100, "size")
    assert chosen["distance_mean"] == json.loads((tmp_path / "run" / "summary.json").read_text())["distance_mean"]


def test_architectures_in_turn_are_about_the_smallest_first_and_share_shapes():
    architectures = enumerate_architectures(17, 6)
    ordered = evaluation.in_turn(architectures, lambda widths: parameters(17, widths, 6))
    assert sorted(ordered) == sorted(architectures)
    rounds = [ordered[start : start + 16] for start in range(0, len(ordered), 16)]
    assert np.mean([len({padded(widths) for widths in part}) for part in rounds]) < 4  # in order of size, 14
    sizes = [parameters(17, widths, 6) for widths in ordered]
    assert spearmanr(sizes, np.arange(len(sizes))).statistic > 0.95


def test_an_interrupted_table_goes_on_where_it_was(opened, monkeypatch):
    monkeypatch.setattr(evaluation, "LANES", 9)
    monkeypatch.setattr(evaluation, "ROUNDS", 1)  # three architectures at a time
    whole = evaluation.evaluate_all(opened, episodes=3)
    (opened.run.path / table.FILE).unlink()

    def interrupt(done, _):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate_all(opened, episodes=3, on_rows=interrupt)
    calls = []
    assert evaluation.evaluate_all(opened, episodes=3, on_rows=lambda done, _: calls.append(done)) == whole
    assert calls == [6, 9, 12]
    assert evaluation.evaluate_all(opened, episodes=3, on_rows=lambda done, _: calls.append(done)) == whole
    assert calls == [6, 9, 12, 12]


def test_a_table_of_other_episodes_is_kept_aside_and_found_again(opened):
    three = evaluation.evaluate_all(opened, episodes=3)
    with pytest.warns(UserWarning, match=r"was of 3 episodes .* kept as architectures-\d+-3-episodes.json"):
        two = evaluation.evaluate_all(opened, episodes=2)
    assert {row["episodes"] for row in two} == {2}
    calls = []
    with pytest.warns(UserWarning, match="was of 2 episodes"):
        assert evaluation.evaluate_all(opened, episodes=3, on_rows=lambda *done: calls.append(done)) == three
    assert calls == [(12, 12)]  # all of it, at once
    assert table.table_of(opened.run.path)["architectures"] == three
    for kept in opened.run.path.glob("architectures-*.json"):
        kept.unlink()


@pytest.mark.parametrize("content", ['{"architectures": [{"foo": 1}]}', '{"architectures": ', "[]"])
def test_a_damaged_table_is_one_line(opened, content):
    (opened.run.path / table.FILE).write_text(content)
    with pytest.raises(DamagedFileError, match=r"architectures.json is not .* move it away, and evaluate again"):
        evaluation.evaluate_all(opened, episodes=3)
    with pytest.raises(DamagedFileError, match="move it away"):
        choice.select(opened, 100, "return")


def test_architectures_for_a_users_own_environment(tmp_path, monkeypatch):
    """As in a process of its own: the module is not imported yet."""
    (tmp_path / "elsewhere.py").write_text(
        "import gymnasium\ngymnasium.register('Elsewhere-v0', 'compactrl.envs.toy:Target', max_episode_steps=20)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    search(out=tmp_path / "run", env="Elsewhere-v0", env_module="elsewhere", **SMALL)
    del gymnasium.registry["Elsewhere-v0"], sys.modules["elsewhere"]
    opened = catalog.open_catalog(Run(tmp_path / "run"))
    assert len(evaluation.evaluate_all(opened, episodes=2)) == 12
    assert choice.select(opened, 100, "return")["parameters"] <= 100


def test_a_table_begun_in_another_order_is_begun_anew(opened, monkeypatch):
    monkeypatch.setattr(evaluation, "LANES", 9)
    monkeypatch.setattr(evaluation, "ROUNDS", 1)
    whole = evaluation.evaluate_all(opened, episodes=3)
    path = opened.run.path / table.FILE
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, "architectures": whole[::-1][:6]}))
    assert evaluation.evaluate_all(opened, episodes=3) == whole


@pytest.mark.parametrize("by", ["return", "memory", "size"])
def test_what_is_selected_fits_and_becomes_the_policy(opened, by):
    rows = evaluation.evaluate_all(opened, episodes=3)
    result = choice.select(opened, 100, by)
    fitting = [row for row in rows if row["parameters"] <= 100]
    best = max(fitting, key=lambda row: row["return_mean"])
    expected = {"return": best["widths"], "memory": [16], "size": fitting[-1]["widths"]}[by]
    assert result["widths"] == expected
    run = Run(opened.run.path)
    assert run.policy.size.parameters == result["parameters"] == len(run.policy.theta) <= 100
    assert run.policy.shape == (3, *expected, 2)
    assert run.summary["parameters"] == result["parameters"]
    assert run.summary["return_mean"] == result["return_mean"] == run.evaluate_for_summary(100).mean_return
    assert run.policy.activation == "relu"


def test_bytes_of_what_is_selected_are_those_of_its_tables(opened):
    result = choice.select(opened, 100, "size", max_bytes=400)
    run = Run(opened.run.path)
    assert result["bytes"] == stored_bytes(run.policy) == run.summary["bytes"] <= 400
    assert "left out" not in result["why"]


def test_where_the_normaliser_must_be_kept_the_next_that_fits_is_taken(opened):
    far = opened._replace(normalizer=Normalizer(np.full(3, 12345.678), np.full(3, 1e-2)))
    limit = 4 * 50  # [8] and [4, 4] would fit by their weights and biases
    result = choice.select(far, choice.parameters_in(limit), "size", limit)
    assert (result["widths"], result["parameters"]) == ([4], 26)
    assert 4 * 26 < result["bytes"] == stored_bytes(Run(opened.run.path).policy) <= limit
    assert result["why"].endswith("left out: 2 that must keep the observations' normaliser and would take more")
    with pytest.raises(InputError, match=r"no architecture's tables take at most 104 bytes: those of \[4\] take 140"):
        choice.select(far, 26, "size", 104)


def test_what_cannot_be_selected(opened):
    with pytest.raises(
        InputError, match=r"no architecture has at most 25 parameters: the smallest, \[4\], has 26 .104 bytes"
    ):
        choice.select(opened, 25, "size")
    with pytest.raises(InputError, match=r"first `compactrl evaluate .* --architectures all`"):
        choice.select(opened, 100, "return")
    with pytest.raises(InputError, match=r"--by luck: expected return, memory or size"):
        choice.select(opened, 100, "luck")
    with pytest.raises(InputError, match=r"--episodes 0"):
        evaluation.evaluate_all(opened, episodes=0)


def test_an_architecture_is_chosen_by_what_the_environment_measures(opened):
    """The highest mean of a measure, or the lowest where that is better; an unknown one is told what there is."""
    spec = replace(opened.spec, measures=("error", "reach"), lower_is_better=("error",))
    measured = opened._replace(spec=spec)
    evaluation.evaluate_all(opened, episodes=3)
    with pytest.raises(InputError, match=r"--by error needs the error of every architecture that fits"):
        choice.select(measured, 100, "error")
    path = opened.run.path / "architectures.json"
    table = json.loads(path.read_text())
    for place, row in enumerate(table["architectures"]):
        row |= {"error_mean": [0.3, 0.1, 0.1][place % 3], "reach_mean": [0.3, 0.1, None][place % 3]}
    path.write_text(json.dumps(table))
    rows = [row for row in table["architectures"] if row["parameters"] <= 100]
    for by, value, order in (("error", 0.1, "lowest"), ("reach", 0.3, "highest")):
        result = choice.select(measured, 100, by)
        first = next(row for row in rows if row[f"{by}_mean"] == value)
        assert result["widths"] == first["widths"]
        assert result["why"].startswith(f"the {order} mean {by} of the {len(rows)} that fit")
    with pytest.raises(InputError, match=r"--by eror: .* or error, reach, which .* measures. Did you mean 'error'"):
        choice.select(measured, 100, "eror")


def test_a_run_of_one_architecture_has_no_table(tmp_path):
    search(out=tmp_path / "run", method="linear", env="compactrl/Target-v0", population=4, steps=200, selections=1)
    with pytest.raises(InputError, match="is a run of --method linear, with one architecture"):
        catalog.open_catalog(Run(tmp_path / "run"))


def test_a_table_of_before_is_not_taken_for_that_of_now(opened):
    evaluation.evaluate_all(opened, episodes=3)
    resume(opened.run.path, steps=opened.env_steps + 400)
    again = catalog.open_catalog(Run(opened.run.path))
    with pytest.raises(InputError, match="have none from this checkpoint"):
        choice.select(again, 100, "return")
