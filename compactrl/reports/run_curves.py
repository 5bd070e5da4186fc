"""Curves of one run: what would have been its final policy, its candidates, and where another design took over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compactrl.reports.reading import Record
from compactrl.reports.style import FAINT, INK, SERIES, blank, legend_below, steps_axis, styled
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from compactrl.runs.history import Trace

FEW = 20
"""Points of a line below which each is marked."""
LINE_POINTS = 400
"""Points of a line at most: more cannot be seen."""


def curve(record: Record) -> tuple[Floats, Floats]:
    """Return environment steps (K,) and mean returns (K,) of the final policy so far, at re-evaluations, if any.

    Older runs recorded the return of each re-evaluation's winner alone, which is taken in its place.
    """
    for column in ("shipped_return_mean", "policy_return_mean"):
        values = record.metrics[column]
        valid = np.isfinite(values)
        if valid.any():
            return record.metrics["env_steps"][valid], values[valid]
    return np.zeros(0), np.zeros(0)


@styled
def run_curve(record: Record) -> Figure:
    """Draw one run: returns of the final policy so far and of its candidates, and where another design took over.

    Bars below, where a design is a colour or a bit per edge: the share of edges at which the leading design differs
    from the leading design noted before.
    """
    trace = record.trace if record.designs_are_of_edges else None
    figure = blank(3.2 if trace else 2.8)
    if trace:
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    else:
        axes = strip = figure.subplots()
    _draw_returns(axes, record)
    _draw_marks(axes, record)
    if trace and len(trace.designs) > 1:
        _draw_changes(strip, trace)
    axes.set_ylabel("return")
    steps_axis(strip)
    legend_below(figure, axes, columns=2)
    return figure


def _draw_returns(axes: Axes, record: Record) -> None:
    metrics = record.metrics
    valid = np.isfinite(metrics["return_mean"])
    steps = metrics["env_steps"][valid]
    thin = thinned(valid)
    for column, shade, width, label in (
        ("return_max", SERIES[5], 0.6, "best candidate"),
        ("return_mean", SERIES[0], 1.1, "candidates' mean"),
    ):
        if len(steps):
            few = "o" if len(steps) < FEW else None
            axes.plot(
                steps[thin],
                metrics[column][valid][thin],
                color=shade,
                linewidth=width,
                marker=few,
                markersize=2.5,
                label=label,
            )
    steps, values = curve(record)
    if len(steps):
        axes.plot(steps, values, color=SERIES[1], marker="o", markersize=3.5, label="final policy so far")


def _draw_marks(axes: Axes, record: Record) -> None:
    """Draw lines where the final policy had another design than before, and where fine-tuning began."""
    steps = record.metrics["env_steps"]
    changes = steps[record.metrics["shipped_design_changed"] == 1][1:]  # the first is not in place of another
    name = "design" if record.designs_are_of_edges else "architecture"
    for number, mark in enumerate(changes if record.has_designs else ()):
        label = f"another {name} is better" if not number else None
        axes.axvline(mark, color=INK, linewidth=0.7, label=label)
    tuned = np.flatnonzero(record.metrics["settled"] == 1)
    if len(tuned) and tuned[0]:
        axes.axvline(steps[tuned[0]], color=FAINT, linewidth=1, linestyle=":", label="fine-tuning begins")


def _draw_changes(axes: Axes, trace: Trace) -> None:
    """Draw bars: the share of edges that changed from one leading design to the next."""
    changed = (trace.designs[1:] != trace.designs[:-1]).mean(axis=1)
    axes.vlines(trace.env_steps[1:], 0, changed, color=INK, linewidth=0.6)
    highest = float(np.ceil(100 * max(0.01, changed.max(initial=0.0))) / 100)
    axes.set(ylabel="edges\nchanged", ylim=(0, highest))
    axes.set_yticks((0, highest), ("0", f"{100 * highest:.0f} %"))


def thinned(valid: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> slice:
    """Return a slice that keeps at most so many points of those that are valid."""
    return slice(None, None, max(1, int(valid.sum()) // LINE_POINTS))
