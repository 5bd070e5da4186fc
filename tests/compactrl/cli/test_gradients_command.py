"""`compactrl gradients`: its table, its JSON and its figure, and one clear line where there is nothing to study."""

import json
import sys

import pytest

import compactrl
from compactrl.cli import app as cli
from compactrl.searches.api import search

TINY = {"env": "compactrl/Target-v0", "steps": 300, "threads": 1, "reevaluation_episodes": 2}
LEARNING = {"hidden": (4,), "critic_hidden": (4,), "batch_size": 8, "learning_starts": 50, "updates_per_step": 0.1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    search(out=folder / "plain", method="td3", **TINY, **LEARNING)
    small = {**LEARNING, "critic": "d2rl", "critic_size": "small", "critic_hidden": None}
    search(out=folder / "dense", method="sac", **TINY, **small)
    search(out=folder / "evolved", method="linear", population=4, **TINY)
    return folder


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["compactrl", "gradients", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0, *capsys.readouterr()


def test_runs_stand_in_one_table_and_one_figure(monkeypatch, capsys, runs):
    few = ("--states", 3, "--trajectories", 8)
    status, out, err = call(monkeypatch, capsys, runs / "plain", runs / "dense", *few)
    assert status == 0, err
    headings, plain, dense = (line.split("\t") for line in out.splitlines())
    assert headings[:4] == ["run", "critic", "steps", "cosine"]
    assert (plain[1], dense[1]) == ("mlp", "d2rl")
    assert "<svg" in (runs / "plain" / "gradients.svg").read_text(encoding="utf-8")
    status, out, err = call(monkeypatch, capsys, runs / "plain", *few, "--json", "--plot", runs / "figure.png")
    assert "studying" not in err  # it was studied before
    found = json.loads(out)
    assert found["rows"][0]["critic"] == "mlp"
    assert len(found["studies"][str(runs / "plain")][0]["cosines"]) == 3
    assert (runs / "figure.png").stat().st_size > 1000
    in_python = compactrl.gradients(runs / "plain", states=3, trajectories=8)
    assert in_python == [{name: row[name] for name in in_python[0]} for row in found["rows"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evolved"], "has no critics: --method linear does not learn by them (sac, td3, ddpg and ghp do)"),
        (["nowhere"], "there is no such folder"),
        (["plain", "--preset", "papre"], "--preset papre: expected default or paper. Did you mean 'paper'?"),
        (["plain", "--trajectories", "3"], "--trajectories 3: 2 actions need 4 or more, from each state"),
        (["plain", "--states", "none"], "--states none: "),
        (["plain", "--plot", "figure.doc"], "--plot figure.doc: expected a file that ends with .svg, .png or .pdf"),
        (["plain", "--plot", "no/figure.svg"], "--plot no/figure.svg: there is no folder no"),
    ],
)
def test_what_cannot_be_studied_is_one_line(monkeypatch, capsys, runs, arguments, message):
    monkeypatch.chdir(runs)
    status, out, err = call(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
