"""Figures over configurations: learning curves, return against size, performance profiles, improvement, masks' usage.

Each function returns a matplotlib figure; the page and users call the same ones. Configurations have the number and the
colour of their place in the list that is given, or of `places`, counted from 0: as in a ranking from `Report.ranked`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compactrl.reports.compare import front
from compactrl.reports.configurations import Configuration
from compactrl.reports.run_curves import curve, thinned
from compactrl.reports.statistics import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
    profile,
    profile_band,
)
from compactrl.reports.style import FAINT, MOST, SERIES, canvas, legend_below, log_axis, steps_axis, styled
from compactrl.reports.words import plural
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID_POINTS = 60
BESIDE = 1.035
"""Factor between points that cost the same, so that none hides another."""


def _look(configuration: Configuration, index: int, places: Sequence[int] | None) -> tuple[str, str]:
    """Return a configuration's colour, and its number and name."""
    place = index if places is None else places[index]
    return SERIES[place % len(SERIES)], f"{place + 1}. {_shortened(configuration.label)}"


@styled
def learning_curves(configurations: Sequence[Configuration], places: Sequence[int] | None = None) -> Figure:
    """Draw the final policy's mean return over environment steps: interquartile mean of the seeds, 95 % interval.

    The final policy is what the search would have given, had it ended there; it acts without noise.
    """
    figure, axes = canvas()
    for index, configuration in enumerate(configurations):
        curves = [curve(record) for record in configuration.records]
        curves = [(steps, values) for steps, values in curves if len(steps)]
        if not curves:
            continue
        shade, name = _look(configuration, index, places)
        grid, stacked = _together(curves)
        middle = interquartile_mean(stacked.T)
        marker = "o" if max(len(steps) for steps, _ in curves) == 1 else None
        label = f"{name} ({plural(len(curves), 'seed')})"
        axes.plot(grid, middle, color=shade, label=label, marker=marker, markersize=3.5)
        if len(curves) > 1:
            bounds = np.array([bootstrap_interval([column], resamples=500) for column in stacked.T])
            axes.fill_between(grid, bounds[:, 0], bounds[:, 1], color=shade, alpha=0.15, linewidth=0)
    steps_axis(axes)
    axes.set_ylabel("return of the final policy")
    legend_below(figure, axes)
    return figure


def _together(curves: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return common steps (G,) and the curves (seeds, G) interpolated there, no further than all of them reach."""
    first, last = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
    grid = np.linspace(first, max(first, last), GRID_POINTS)
    return grid, np.stack([np.interp(grid, steps, values) for steps, values in curves])


@styled
def returns_against(
    configurations: Sequence[Configuration], cost: str = "bits", places: Sequence[int] | None = None
) -> Figure:
    """Draw return against `bits` or `parameters`: point and interval per configuration, dot per seed, Pareto front."""
    figure, axes = canvas(3.1)
    drawn = [
        (index, configuration)
        for index, configuration in enumerate(configurations)
        if np.isfinite(configuration.largest(cost))
    ]
    for index, configuration in drawn:
        shade, name = _look(configuration, index, places)
        before = [other.largest(cost) for number, other in drawn if number < index]
        place, values = (
            configuration.largest(cost) * BESIDE ** before.count(configuration.largest(cost)),
            configuration.values,
        )
        middle = float(interquartile_mean(values))
        axes.scatter(np.full(len(values), place), values, s=9, color=shade, alpha=0.55, linewidths=0)
        if len(values) > 1:
            axes.plot([place, place], bootstrap_interval([values]), color=shade, linewidth=1.2)
        axes.scatter([place], [middle], s=38, color=shade, zorder=3, label=f"{name} ({plural(len(values), 'seed')})")
    best = front([configuration for _, configuration in drawn], cost)
    costs = [configuration.largest(cost) for configuration in best]
    heights = [float(interquartile_mean(configuration.values)) for configuration in best]
    if best:
        axes.step(
            costs, heights, where="post", color=FAINT, linewidth=1, linestyle="--", zorder=1, label="Pareto front"
        )
    log_axis(axes)
    axes.set(xlabel=f"{cost} (logarithmic)", ylabel="return")
    legend_below(figure, axes)
    return figure


@styled
def performance_profiles(configurations: Sequence[Configuration], places: Sequence[int] | None = None) -> Figure:
    """Draw the share of seeds with a return above each threshold, with pointwise 95 % intervals."""
    figure, axes = canvas(2.8)
    everything = np.concatenate([configuration.values for configuration in configurations])
    margin = 0.04 * (np.ptp(everything) or 1.0)
    thresholds = np.linspace(everything.min() - margin, everything.max() + margin, 200)
    for index, configuration in enumerate(configurations):
        shade, name = _look(configuration, index, places)
        values = configuration.values
        label = f"{name} ({plural(len(values), 'seed')})"
        axes.step(thresholds, profile(values, thresholds), where="post", color=shade, label=label)
        if len(values) > 1:
            low, high = profile_band(values, thresholds, resamples=1000)
            axes.fill_between(thresholds, low, high, step="post", color=shade, alpha=0.1, linewidth=0)
    axes.set(xlabel="return", ylabel="share of seeds above it", ylim=(-0.03, 1.03))
    legend_below(figure, axes)
    return figure


@styled
def improvement_matrix(configurations: Sequence[Configuration], places: Sequence[int] | None = None) -> Figure:
    """Draw the probability that a row's configuration has a higher return than a column's; empty for one seed."""
    count = min(MOST, len(configurations))
    figure, axes = canvas(max(1.9, 0.6 + 0.35 * count))
    for row, one in enumerate(configurations[:count]):
        shade, name = _look(one, row, places)
        axes.plot(
            [], [], linestyle="none", marker="s", color=shade, label=f"{name} ({plural(len(one.scores), 'seed')})"
        )
        for column, other in enumerate(configurations[:count]):
            if row == column or min(len(one.scores), len(other.scores)) < 2:
                continue
            chance = probability_of_improvement(one.scores, other.scores, resamples=1).probability
            shade = SERIES[0] if chance > 0.5 else SERIES[1]
            strength = abs(chance - 0.5) * 1.1
            axes.fill_between([column, column + 1], row, row + 1, color=shade, alpha=strength, linewidth=0)
            axes.text(column + 0.5, row + 0.5, f"{chance:.2f}", ha="center", va="center", fontsize=8.5)
    numbers = [str((places[place] if places else place) + 1) for place in range(count)]
    middles = np.arange(count) + 0.5
    axes.set(xlim=(0, count), ylim=(count, 0), ylabel="this one is better …", xlabel="… than this one")
    axes.set_xticks(middles, numbers)
    axes.set_yticks(middles, numbers)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    legend_below(figure, axes)
    return figure


@styled
def usage_curves(configurations: Sequence[Configuration], places: Sequence[int] | None = None) -> Figure:
    """Draw masked runs: the share of edges in use (solid) and the candidates' return (thin) over environment steps."""
    figure, axes = canvas(3.0)
    other = axes.twinx()
    for index, configuration in enumerate(configurations):
        shade, name = _look(configuration, index, places)
        for number, record in enumerate(configuration.records):
            steps, usage = record.metrics["env_steps"], record.metrics["usage"]
            valid = np.isfinite(usage)
            label = f"{name} ({plural(len(configuration.records), 'seed')})" if not number else None
            axes.plot(steps[valid][thinned(valid)], usage[valid][thinned(valid)], color=shade, label=label)
            thin = thinned(np.isfinite(steps))
            other.plot(steps[thin], record.metrics["return_mean"][thin], color=shade, alpha=0.45, linewidth=0.8)
    steps_axis(axes)
    axes.set(ylabel="share of edges in use (thick)", ylim=(0, None))
    other.set_ylabel("candidates' mean return (thin)")
    other.grid(visible=False)
    other.spines["right"].set_visible(True)
    legend_below(figure, axes)
    return figure


def _shortened(label: str, most: int = 46) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
