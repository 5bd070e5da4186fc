"""Returns of every task over its context: tasks that trained and tasks that test, before and after adaptation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.errors import UnwritableError
from compactrl.reports.style import FAINT, SERIES, blank, legend_below, literal, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = {"train": ("o", "trained"), "test": ("^", "tested, never trained")}
SHOWN_DPI = 150


@styled
def task_figure(table: Mapping[str, Any]) -> Figure:
    """Draw the mean return of each task, with the 95 % interval of its mean, over each number of the context.

    Args:
        table: of `compactrl.evaluate_tasks`.
    """
    names = table["names"]
    figure = blank(2.8 * len(names))
    panels = np.atleast_1d(figure.subplots(len(names), 1))
    for place, (name, axes) in enumerate(zip(names, panels, strict=True)):
        for number, (split, (marker, label)) in enumerate(MARKERS.items()):
            for prefix, shade, words in (("before_", FAINT, ", before adaptation"), ("", SERIES[number], "")):
                known = [row for row in table.get(split, []) if row.get(f"{prefix}return_mean") is not None]
                if not known:
                    continue
                at = [row["context"][place] for row in known]
                means = [row[f"{prefix}return_mean"] for row in known]
                halves = [1.96 * (row[f"{prefix}return_std"] or 0.0) / row[f"{prefix}episodes"] ** 0.5 for row in known]
                axes.errorbar(
                    at, means, halves, color=shade, marker=marker, markersize=3.5, linewidth=0, elinewidth=0.8,
                    label=label + words,
                )  # fmt: skip
        axes.set(xlabel=literal(name), ylabel="return")
    legend_below(figure, panels[0])
    return figure


def save_task_figure(folder: Path, table: Mapping[str, Any], stem: str = "tasks") -> list[Path]:
    """Write `STEM.svg` and `STEM.png` in a folder; returns their paths, none where nothing can be drawn here.

    Raises:
        UnwritableError: a file cannot be written.
    """
    try:
        figure = task_figure(table)
    except ImportError as error:
        warnings.warn(f"no plot: {error}", stacklevel=2)
        return []
    targets = [folder / f"{stem}.{kind}" for kind in ("svg", "png")]
    for target in targets:
        try:
            figure.savefig(target, dpi=SHOWN_DPI)
        except OSError as error:
            raise UnwritableError(target, error) from error
    return targets
