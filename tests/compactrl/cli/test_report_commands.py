"""The commands that look at runs: what they print, and one clear line where they cannot."""

import json
import sys
import time
import warnings

import pytest

from compactrl.cli import app as cli
from compactrl.searches.api import search

TINY = {
    "env": "compactrl/Target-v0", "population": 8, "steps": 1200, "selections": 2, "selection_episodes": 2,
    "threads": 1, "hidden": (4,), "partitions": 3, "controller": "random",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches") / "runs"
    for seed in (0, 1):
        search(out=folder / f"three-{seed}", seed=seed, **TINY)
        search(out=folder / f"two-{seed}", seed=seed, **{**TINY, "partitions": 2})
    search(out=folder / "plain-0", **{**TINY, "method": "toeplitz", "partitions": None, "controller": None})
    return folder


@pytest.fixture
def call(monkeypatch, capsys, runs):
    """Run the command line beside the runs; returns exit status, standard output and error."""
    monkeypatch.chdir(runs.parent)
    show = warnings.showwarning

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compactrl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    yield run
    warnings.showwarning = show


def test_a_report_is_a_table_with_warnings_beside_it(call):
    status, out, error = call("report", "runs")
    assert status == 0
    lines = out.splitlines()
    assert lines[:2] == ["compactrl/Target-v0", "configuration\tweights\tbits\tbytes\tseeds\treturn\t95 % interval"]
    assert {line.split("\t")[0] for line in lines[2:5]} == {
        "chromatic · random · 3 weights", "chromatic · random · 2 weights", "toeplitz",
    }  # fmt: skip
    assert " ".join(" ".join(lines[5:]).split()).startswith(
        "configurations: smallest that goes 90 % of the way from the worst return to the best: "
    )
    assert "warning: compactrl/Target-v0: one seed says little, no interval: toeplitz." in " ".join(error.split())
    assert max(map(len, error.splitlines())) <= max(60, *(len(line.expandtabs(1)) for line in lines))


def test_a_pattern_in_quotes_and_a_page(call, tmp_path):
    page = tmp_path / "new" / "report.html"
    status, _, error = call("report", "runs/three-*", "--html", page)
    assert status == 0
    assert f"report in {page}" in error
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("kind", ["markdown", "latex", "json"])
def test_a_report_as_text(call, kind):
    status, out, _ = call("report", "runs", f"--{kind}")
    assert status == 0
    if kind == "json":
        assert {row["weights"] for row in json.loads(out)["configurations"]} == {2, 3, 11}
    else:
        assert ("| configuration |" if kind == "markdown" else r"\begin{tabular}") in out


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["report", "nowhere"], "no runs to report on (nowhere: there is no such folder)"),
        (["report"], "Missing argument 'RUN…'"),
        (["report", "runs", "--json", "--latex"], "--markdown, --latex and --json: choose one"),
        (["report", "runs", "--watch", "--json"], "--watch writes a page: leave"),
        (["report", "runs", "--html", "/proc/nowhere/page.html"], "cannot write to /proc/nowhere/page.html"),
        (["report", "runs", "--htm", "page.html"], "unknown option --htm"),
        (["analyze", "nowhere"], "nowhere holds no run"),
        (["play", "runs/two-0", "--video", "film.webm"], "expected a name that ends in .mp4 or .gif"),
        (["play", "runs/two-0", "--episodes", "0"], "--episodes 0: expected at least 1"),
    ],
)
def test_bad_input_is_one_line(call, command, expected):
    status, out, error = call(*command)
    assert (status, out) == (2, "")
    assert error.startswith("error: ")
    assert expected in error
    assert error.count("\n") == 1


def test_an_analysis_is_sentences_or_json(call):
    status, out, _ = call("analyze", "runs/three-0")
    assert status == 0
    assert "20 of 20 edges in use, 3 of 3 weights" in out
    assert "displacement rank of layer 1 (4 × 3, at most 3): Toeplitz" in out
    assert "RandIndex: " in out
    analysis = json.loads(call("analyze", "runs/three-0", "--json")[1])
    assert len(analysis["similarity"]["rand_index"]) == len(analysis["similarity"]["entropies"]) - 1 > 1
    toeplitz = call("analyze", "runs/plain-0")[1]
    assert "layer 1 (4 × 3, at most 3): Toeplitz 2 " in toeplitz
    assert "its search has recorded no designs" in toeplitz


def test_a_watched_page_is_written_anew_when_a_run_goes_on(call, runs, tmp_path, monkeypatch):
    page, seen = tmp_path / "live.html", []
    metrics = runs / "two-1" / "metrics.jsonl"
    before = metrics.read_text()

    def wait(_):
        seen.append(page.stat().st_mtime_ns)
        if len(seen) == 1:
            assert 'content="1"' in page.read_text()
        if len(seen) == 2:  # nothing had happened
            metrics.write_text(before + before.splitlines()[-1] + "\n")
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    status, _, error = call("report", "runs", "--watch", "--every", 1, "--html", page)
    metrics.write_text(before)
    assert status == 0
    assert seen[0] == seen[1] < seen[2]
    assert "http-equiv" not in page.read_text()  # the last one stays as it is
    assert f"report in {page}" in error


def test_watching_waits_for_the_first_run(call, runs, tmp_path, monkeypatch):
    place, seen = tmp_path / "later", []

    def wait(_):
        seen.append(place.exists())
        if len(seen) == 2:
            place.symlink_to(runs / "two-0")
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    status, _, error = call("report", place, "--watch", "--html", tmp_path / "page.html")
    assert (status, seen) == (0, [False, False, True])
    assert error.count("waiting: no runs to report on") == 1
