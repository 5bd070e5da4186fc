"""Figures of graph hypernetworks, which serve many architectures at once.

Hegde and Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (ICRA 2023), figures 3 and 4.
Their data are tables in the run, `architectures*.json`: `env_steps`, and a list `architectures` of objects with
`widths`, `parameters`, `memory_dimension` and `return_mean`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.reports.smallest import compared_column, smallest_row
from compactrl.reports.style import FAINT, INK, SERIES, blank, canvas, legend_below, log_axis, steps_axis, styled
from compactrl.reports.words import plural
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Table = dict[str, Any]
SHARES = (1.0, 0.9, 0.8)
CAPACITIES = {"parameters": "parameters", "memory_dimension": "memory dimension (bits)"}


def column(table: Table, name: str) -> Floats:
    """Return a number of each architecture, (K,); NaN where one has none."""
    values = [row.get(name) for row in table["architectures"]]
    return np.array([np.nan if value is None else float(value) for value in values])


def leading(table: Table, share: float) -> Mapping[str, Any] | None:
    """Return the smallest architecture with at least this share of the best; None where none has a return."""
    found = smallest_row(table["architectures"], share)
    return None if found is None else found[0]


@styled
def capacity_points(table: Table, capacity: str = "parameters", final: Sequence[int] | None = None) -> Figure:
    """Draw every architecture as a point: return, or success, against `parameters` or `memory_dimension` (figure 4).

    A colour is a number of hidden layers. The best architecture and the smallest with 90 % and 80 % of it are ringed
    and named; the line is the best of all architectures up to a size.

    Args:
        table: of all architectures of a run.
        capacity: a key of `CAPACITIES`.
        final: widths of the hidden layers of the run's final policy, which is named too.
    """
    figure, axes = canvas(3.4)
    compared = compared_column(table["architectures"])
    places, values = column(table, capacity), column(table, compared)
    depths = np.array([len(row.get("widths", ())) for row in table["architectures"]])
    valid = np.isfinite(places) & np.isfinite(values)
    area = float(np.clip(3000 / max(1, valid.sum()), 4, 36))
    for number, depth in enumerate(np.unique(depths[valid])):
        chosen = valid & (depths == depth)
        axes.scatter(
            places[chosen], values[chosen], s=area, color=SERIES[number % len(SERIES)], alpha=0.65, linewidths=0,
            rasterized=bool(valid.sum() > 2000), label=plural(int(depth), "hidden layer"),
        )  # fmt: skip
    order = np.lexsort((-values[valid], places[valid]))
    highest = np.maximum.accumulate(values[valid][order])
    axes.step(
        places[valid][order], highest, where="post", color=FAINT, linewidth=0.9, zorder=1, label="best up to this size"
    )
    log_axis(axes)
    axes.set(xlabel=f"{CAPACITIES[capacity]} (logarithmic)", ylabel=compared.removesuffix("_mean"))
    axes.margins(y=0.12)
    _ring(axes, table, capacity, compared)
    _mark_final(axes, table, capacity, compared, final)
    legend_below(figure, axes, columns=2)
    return figure


def _ring(axes: Axes, table: Table, capacity: str, compared: str) -> None:
    """Ring the best architecture and the smallest with a share of it; each once."""
    ringed: dict[int, list[str]] = {}
    rows = {id(row): row for row in table["architectures"]}
    for share in SHARES:
        row = leading(table, share)
        if row is not None and row.get(capacity) is not None:
            ringed.setdefault(id(row), []).append("best" if share == 1 else f"{100 * share:.0f} %")
    for (identity, names), shade in zip(ringed.items(), (INK, *SERIES[1:]), strict=False):
        row = rows[identity]
        label = f"{' and '.join(names)}: {'–'.join(map(str, row.get('widths', ()))) or 'linear'}"
        axes.scatter(
            [row[capacity]], [row[compared]], s=70, facecolors="none", edgecolors=shade, linewidths=1.4, zorder=4,
            label=label,
        )  # fmt: skip


def _mark_final(axes: Axes, table: Table, capacity: str, compared: str, final: Sequence[int] | None) -> None:
    """Cross the architecture of the run's final policy."""
    for row in table["architectures"]:
        if final is not None and list(final) == row.get("widths") and row.get(compared) is not None:
            name = "–".join(map(str, final)) or "linear"
            axes.scatter(
                [row[capacity]], [row[compared]], s=42, marker="x", color=INK, linewidths=1.3, zorder=5,
                label=f"final policy: {name}",
            )  # fmt: skip


@styled
def leading_architectures(tables: Sequence[Table]) -> Figure:
    """Draw returns and parameters of the max, 90 % and 80 % architectures over environment steps (figure 3)."""
    figure = blank(4.2)
    above, below = figure.subplots(2, 1, sharex=True)
    compared = compared_column(tables[-1]["architectures"])
    steps = np.array([float(table["env_steps"]) for table in tables])
    for share, shade in zip(SHARES, SERIES, strict=False):
        rows = [leading(table, share) for table in tables]
        label = "best" if share == 1 else f"smallest with {100 * share:.0f} % of it"
        for axes, name in ((above, compared), (below, "parameters")):
            heights = [np.nan if row is None or row.get(name) is None else row[name] for row in rows]
            axes.plot(steps, heights, color=shade, marker="o", markersize=3.5, label=label)
    above.set_ylabel(compared.removesuffix("_mean"))
    below.set_ylabel("parameters")
    log_axis(below, vertical=True)
    steps_axis(below)
    legend_below(figure, above)
    return figure
