"""Figures of graph hyper policies, which serve many architectures at once.

Hegde and Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (ICRA 2023), figures 3 and 4.
Their data are tables in the run, `architectures*.json`: `env_steps`, and a list `architectures` of objects with
`widths`, `parameters`, `memory_dimension` and `return_mean`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.catalogs.shares import MIN_TO_MAX, OF_MAXIMUM, smallest_with
from compactrl.reports.style import SERIES, canvas, legend_below, styled
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = dict[str, Any]
SHARES = (1.0, 0.9, 0.8)
CAPACITIES = {"parameters": "parameters", "memory_dimension": "lossless memory dimension (bits)"}


def column(table: Table, name: str) -> Floats:
    """Return a number of each architecture, (K,); NaN where one has none."""
    values = [row.get(name) for row in table["architectures"]]
    return np.array([np.nan if value is None else float(value) for value in values])


def leading(table: Table, share: float) -> Mapping[str, Any] | None:
    """Return the smallest architecture with at least this share of the highest return; None where none has a return.

    Where no return is positive, it is a share of the way from the lowest return to the highest.
    """
    known = [row for row in table["architectures"] if row.get("return_mean") is not None]
    smallest = smallest_with(known, share, OF_MAXIMUM, "return_mean")
    return smallest or smallest_with(known, share, MIN_TO_MAX, "return_mean")


@styled
def capacity_points(table: Table, capacity: str = "parameters") -> Figure:
    """Draw every architecture as a point: return against `parameters` or `memory_dimension` (figure 4)."""
    figure, axes = canvas(3.0)
    places, returns = column(table, capacity), column(table, "return_mean")
    valid = np.isfinite(places) & np.isfinite(returns)
    axes.scatter(
        places[valid], returns[valid], s=4, color=SERIES[0], alpha=0.35, linewidths=0, rasterized=valid.sum() > 2000
    )
    axes.set_xscale("log")
    axes.set(xlabel=f"{CAPACITIES[capacity]} (logarithmic)", ylabel="return")
    return figure


@styled
def leading_architectures(tables: Sequence[Table]) -> Figure:
    """Draw returns and parameters of the max, 90 % and 80 % architectures over environment steps (figure 3)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.3, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    steps = np.array([float(table["env_steps"]) for table in tables]) / 1e6
    for share, shade in zip(SHARES, SERIES, strict=False):
        rows = [leading(table, share) for table in tables]
        label = "highest return" if share == 1 else f"smallest with {100 * share:.0f} % of it"
        for axes, name in ((above, "return_mean"), (below, "parameters")):
            axes.plot(
                steps,
                [np.nan if row is None else row[name] for row in rows],
                color=shade,
                marker="o",
                markersize=3.5,
                label=label,
            )
    above.set_ylabel("return")
    below.set(ylabel="parameters", yscale="log", xlabel="environment steps (millions)")
    legend_below(figure, above)
    return figure
