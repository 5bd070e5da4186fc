"""Figures of studies of critics' action gradients, as figure 3 of Keynan et al. 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.reports.style import FAINT, SERIES, blank, legend_below, steps_axis, styled
from compactrl.searches.studies import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def gradient_figure(studies: Mapping[str, Sequence[dict[str, Any]]]) -> Figure:
    """Draw mean cosines over steps, and the share of states above each cosine.

    Args:
        studies: of each run, by what it is called.
    """
    figure = blank(5.2)
    curves, shares = figure.subplots(2, 1)
    for number, (name, found) in enumerate(studies.items()):
        shade = SERIES[number % len(SERIES)]
        rows = [row for row in map(summary, found) if row["cosine_mean"] is not None]
        if not rows:
            continue
        steps, means = [row["env_steps"] for row in rows], np.array([row["cosine_mean"] for row in rows])
        errors = np.array([row["cosine_error"] or 0.0 for row in rows])
        curves.plot(steps, means, color=shade, label=name, marker="o", markersize=3.5)
        if len(rows) == 1:  # a band has no width there
            curves.errorbar(steps, means, errors, color=shade, linewidth=0, elinewidth=1, capsize=3)
        curves.fill_between(steps, means - errors, means + errors, color=shade, alpha=0.15, linewidth=0)
        cosines = np.sort([value for study in found for value in study["cosines"] if value is not None])
        above = 100 * (1 - np.arange(len(cosines) + 1) / len(cosines))  # just below each cosine, and beyond the last
        shares.plot([-1, *cosines, 1], [100, *above], color=shade, drawstyle="steps-pre")
    curves.axhline(0, color=FAINT, linewidth=0.8)
    curves.set_ylabel("mean cosine ± standard error")
    steps_axis(curves)
    shares.set(xlabel="cosine", ylabel="% of states above", xlim=(-1, 1), ylim=(0, 100), xticks=(-1, -0.5, 0, 0.5, 1))
    legend_below(figure, curves)
    return figure
