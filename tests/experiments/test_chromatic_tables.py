"""The paper's tables at a tiny share of the budget: run, not run again, written."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # experiments is no installed package

from experiments import chromatic_tables, report


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


OPTIONS = ["population=8", "selections=1", "selection_episodes=2", "threads=1", "max_episode_steps=20"]


def run(folder, **given):
    chromatic_tables.main(
        scale=5e-6, part=["table-1"], seeds="0", preset="default", given=OPTIONS, runs=folder / "runs",
        out=folder / "out", **given,
    )  # fmt: skip


def test_every_row_of_the_paper_is_there():
    assert [len(rows) for rows in chromatic_tables.PARTS.values()] == [16, 20, 3]
    for rows in chromatic_tables.PARTS.values():
        assert all(row.label.startswith(row.options["env"]) for row in rows)


def test_tables_and_report_are_written_and_nothing_is_repeated(tmp_path, monkeypatch):
    rows = [row for row in chromatic_tables.TABLE_1 if row.label.startswith(("Swimmer", "Reacher"))]
    monkeypatch.setattr(chromatic_tables, "PARTS", {"table-1": rows})
    run(tmp_path)
    text = (tmp_path / "out" / "tables.md").read_text()
    assert text.count("| **") == 2
    tables = json.loads((tmp_path / "out" / "tables.json").read_text())
    assert tables["settings"]["steps"] == 100
    assert "Swimmer-v5" in (tmp_path / "out" / "report.html").read_text()
    monkeypatch.setattr("compactrl.searches.api.search", lambda **_: pytest.fail("it is done already"))
    run(tmp_path)
    assert (tmp_path / "out" / "tables.md").read_text() == text

    written = report.write([str(tmp_path / "runs")], "Swimmer-v5", tmp_path / "report", "command")
    assert {path.name for path in written} == {
        "report.html", "report.json", "returns-against-bits.svg", "learning-curves.svg",
    }  # fmt: skip
    assert all(path.stat().st_size < 1_000_000 for path in written)
    assert str(tmp_path) not in (tmp_path / "report" / "report.json").read_text()
