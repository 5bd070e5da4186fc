"""The picture of a fit: return against size of all that was tried, and of what ships."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactrl.fits.budgets import KINDS
from compactrl.fits.shipping import kind_of
from compactrl.fits.story import Story
from compactrl.quantities import a_return
from compactrl.reports.style import FAINT, INK, SERIES, canvas, legend_below, log_axis, styled
from compactrl.storage.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELLED = 6
"""Candidates of a race that are told apart, those that lasted longest."""
AXIS = {"bytes": "bytes of the policy's tables"}
METHODS = {"shared": SERIES[0], "chromatic": SERIES[1], "linear": SERIES[2], "toeplitz": SERIES[3],
           "circulant": SERIES[4], "unstructured": SERIES[5], "sac": SERIES[6],
           "ppo": SERIES[7], "distill": SERIES[8]}  # fmt: skip


@styled
def front_figure(front: dict[str, Any], env: str) -> Figure:
    """Return the figure of a fit's front.

    Args:
        front: what `shipping.front_of` returns.
        env: the environment's id.
    """
    kind = KINDS[kind_of(front)]
    figure, axes = canvas(3.6)
    labelled: set[str] = set()
    for row in front["candidates"]:
        if row[kind.name] is None:
            continue
        method = row["method"]
        label = {} if method in labelled else {"label": method}
        labelled.add(method)
        axes.scatter(row[kind.name], row["return_mean"], s=26, color=METHODS.get(method, FAINT), alpha=0.75, **label)
    shipped = front["shipped"]
    for row in shipped:
        low, high = row["return_interval"]
        axes.vlines(row[kind.name], low, high, color=INK, linewidth=1.2)
        axes.annotate(
            f"{a_return(row['return_mean'])} in {row[kind.name]:,}",
            (row[kind.name], row["return_mean"]),
            textcoords="offset points",
            xytext=(4, 7),
            fontsize=8,
        )
    axes.plot(
        [row[kind.name] for row in shipped],
        [row["return_mean"] for row in shipped],
        marker="D",
        markersize=5,
        color=INK,
        linewidth=1,
        label="what ships",
    )
    log_axis(axes)
    axes.set(xlabel=AXIS.get(kind.name, kind.unit), ylabel="mean return")
    axes.set_title(f"{env}: what was tried")
    legend_below(figure, axes, columns=3)
    return figure


@styled
def race_figure(story: Story) -> Figure:
    """Return the figure of a fit's race: each candidate's mean return at each comparison that it was in."""
    stages = [stage for stage in story.stages if not stage.last]
    figure, axes = canvas(3.6)
    names = list(dict.fromkeys(name for stage in stages for name in stage.returns))
    final = {name: max(place for place, stage in enumerate(stages) if name in stage.returns) for name in names}
    lasting = sorted(names, key=lambda name: (-final[name], -stages[final[name]].returns[name]))[:LABELLED]
    for name in names:
        places = [place for place, stage in enumerate(stages) if name in stage.returns]
        means = [stages[place].returns[name] for place in places]
        known = [(place, mean) for place, mean in zip(places, means, strict=True) if math.isfinite(mean)]
        if not known:
            continue
        shown = name in lasting
        color = SERIES[lasting.index(name)] if shown else FAINT
        width, label = (1.6, name) if shown else (0.8, f"_{name}")  # one that begins so is in no legend
        axes.plot(*zip(*known, strict=True), color=color, linewidth=width, marker="o", markersize=3, label=label)
    axes.set_xticks(range(len(stages)), [stage.name for stage in stages], rotation=30, ha="right")
    axes.set(ylabel="mean return")
    legend_below(figure, axes, columns=2)
    return figure


def save_figure(path: Path, front: dict[str, Any], env: str) -> None:
    """Write the picture as SVG."""
    buffer = io.BytesIO()
    front_figure(front, env).savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    write_atomically(path, buffer.getvalue())
