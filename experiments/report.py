"""The report of real runs in `experiments/results/report`, and the figures that the README shows.

    python -m experiments.report runs/*-20000000

Writes `report.html` (the page), `report.json` (its numbers), and as SVG the return against bits and the learning curves
of `--env`. The runs are those that `experiments.returns` leaves under runs/; any others will do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import typer

import compactrl
from compactrl.reports import figures
from compactrl.reports.report import Report
from compactrl.reports.style import MOST, RC
from compactrl.storage.files import write_json
from compactrl.versions import versions

RESULTS = Path(__file__).parent / "results" / "report"
STANDALONE = {**RC, "svg.fonttype": "path"}
"""A picture of its own cannot borrow the page's fonts."""


def save_figures(report: Report, env: str, folder: Path) -> list[Path]:
    """Write the README's figures of one environment; returns their places."""
    settings = report.ranked(env)[:MOST]
    drawn = {
        "returns-against-bits": figures.returns_against(settings, "bits"),
        "learning-curves": figures.learning_curves(settings),
    }
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.svg")
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STANDALONE}):
            figure.savefig(paths[-1], facecolor="white", metadata={"Date": None, "Creator": None})
    return paths


def write(runs: list[str], env: str, folder: Path, command: str) -> list[Path]:
    """Write page, numbers and figures into a folder; returns their places."""
    report = compactrl.compare(runs)
    if env not in report.environments:
        sys.exit(f"none of these runs is of {env}: there are {', '.join(report.environments)}")
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"command": command, "versions": versions(), **json.loads(report.to_json())}
    write_json(folder / "report.json", content)
    return [report.save(folder / "report.html"), folder / "report.json", *save_figures(report, env, folder)]


def main(
    runs: Annotated[list[str], typer.Argument(help="Folders of runs, folders with runs in them, or patterns.")],
    env: Annotated[str, typer.Option(help="Environment of the README's figures.")] = "HalfCheetah-v5",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = RESULTS,
) -> None:
    """Write the report."""
    for path in write(runs, env, out, "python -m experiments.report runs/*"):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
