"""`compactrl gradients`: whether critics know which way an action should go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json, whole_number
from compactrl.errors import InputError, UnwritableError

if TYPE_CHECKING:
    from compactrl.runs.run import Run

Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN…", help="Folders of runs whose method has critics.", show_default=False)
]
HEADINGS = ("run", "critic", "steps", "cosine", "± error", "> 0.25", "> 0.75", "R²", "split-half", "states")


def gradients(
    runs: Runs,
    states: Annotated[
        Optional[str],  # noqa: UP045  (typer reads it)
        typer.Option(metavar="COUNT", help="States of each study, 15 by default.", show_default=False),
    ] = None,
    trajectories: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="Trajectories from each state, 64 by default.", show_default=False),
    ] = None,
    preset: Annotated[str, typer.Option(help="default, or paper, with 15 trajectories.")] = "default",
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE",
            help="Figure, .svg, .png or .pdf; by default gradients.svg in the first run's folder.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold critics' action gradients against returns: cosines over training, as a table and a figure.

    Studies made beside the search (--gradient-interval) are shown, and what there are checkpoints of is studied.
    """
    from compactrl.runs.run import load
    from compactrl.searches.studies import study_of, summary
    from compactrl.searches.studying import study_run

    study = study_of(preset, whole_number("--states", states), whole_number("--trajectories", trajectories))
    opened = [load(path) for path in runs]
    target = _target(plot, opened[0])
    found = {}
    for run in opened:

        def watch(steps: int, run: Run = run) -> None:
            print(f"studying {run.path} after {steps:,} steps", file=sys.stderr, flush=True)

        found[str(run.path)] = study_run(run, study, watch)
    rows = [
        {"run": str(run.path), "critic": run.config.get("critic", "mlp"), **summary(each)}
        for run in opened
        for each in found[str(run.path)]
    ]
    _draw(target, {f"{run.path.name}: {run.config.get('critic', 'mlp')}": found[str(run.path)] for run in opened})
    if as_json:
        print_json(json.dumps({"rows": rows, "studies": found, "figure": str(target)}, indent=2))
    else:
        _show(rows)
        print(f"figure in {target}", file=sys.stderr)


def _target(plot: Path | None, first: Run) -> Path:
    """Return the figure's file.

    Raises:
        InputError: it is no kind of file that can be drawn.
    """
    target = plot or first.path / "gradients.svg"
    if target.suffix not in (".svg", ".png", ".pdf"):
        raise InputError(f"--plot {target}: expected a file that ends with .svg, .png or .pdf")
    if not target.parent.is_dir():
        raise InputError(f"--plot {target}: there is no folder {target.parent}")
    return target


def _draw(target: Path, studies: dict[str, Any]) -> None:
    from compactrl.reports.gradient_figures import gradient_figure

    try:
        gradient_figure(studies).savefig(target)
    except OSError as error:
        raise UnwritableError(target, error) from error


def _show(rows: list[dict[str, Any]]) -> None:
    from compactrl.cli.tables import print_table

    def number(value: float | None, digits: int = 2) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f} %"

    print_table(
        HEADINGS,
        [
            [
                row["run"], row["critic"], f"{row['env_steps']:,}", number(row["cosine_mean"]),
                number(row["cosine_error"]), percent(row["share_above"]["0.25"]), percent(row["share_above"]["0.75"]),
                number(row["r_squared_mean"]), number(row["split_half_mean"]), str(row["states"]),
            ]
            for row in rows
        ],
    )  # fmt: skip
