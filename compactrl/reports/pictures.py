"""What a policy looks like: its weight matrices as coloured grids, and the network with coloured edges.

Song et al. 2020, figure 2. Edges that share a weight have one colour: blue where it is negative, orange where it is
positive, the stronger the further from zero, which is grey. Edges that a mask has dropped are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compactrl.policies.policy import Policy
from compactrl.reports.coloring import NO_EDGE, Coloring, coloring_of
from compactrl.reports.style import FAINT, GRID, INK, blank, canvas, diverging, styled
from compactrl.reports.words import plural
from compactrl.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LISTED = 20
"""Weights with a label each in the legend; of more, only the extremes are labelled."""
SEPARATED = 4000
"""Edges of a drawing at most: beyond that only every second, third … is drawn."""


@styled
def coloring_grid(policy: Policy) -> Figure:
    """Draw each weight matrix as a grid, inputs from left to right and outputs from top to bottom, and the weights."""
    coloring = coloring_of(policy)
    matrices = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T for matrix in coloring.matrices]
    turned = [matrix.shape[0] > matrix.shape[1] for matrix in coloring.matrices]
    heights = [float(np.clip(4.0 * matrix.shape[0] / matrix.shape[1], 0.35, 2.4)) for matrix in matrices]
    figure = blank(sum(heights) + 0.45 * len(matrices) + 0.75)
    rows = figure.subplots(len(matrices) + 1, 1, squeeze=False, height_ratios=[*heights, 0.28])[:, 0]
    shades = diverging(coloring.weights)
    for number, (axes, matrix, turn) in enumerate(zip(rows, matrices, turned, strict=False), 1):
        image = np.ones((*matrix.shape, 4))
        image[..., :3] = shades[matrix]
        image[matrix == NO_EDGE] = 0.0
        axes.imshow(image, interpolation="none", aspect="auto")
        inputs, outputs = "input" if number == 1 else "unit", "unit" if number < len(matrices) else "output"
        across, down = (outputs, inputs) if turn else (inputs, outputs)
        axes.set(xlabel=plural(matrix.shape[1], across), ylabel=plural(matrix.shape[0], down), xticks=(), yticks=())
        axes.set_title(f"layer {number}")
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set(visible=True, color=GRID)
    _weight_strip(rows[-1], coloring, shades)
    return figure


@styled
def network_drawing(policy: Policy) -> Figure:
    """Draw the network: one column of units per layer, from the inputs on the left to the outputs on the right."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    coloring = coloring_of(policy)
    figure, axes = canvas(3.6)
    sizes = policy.shape
    columns = [np.column_stack([np.full(size, float(place)), _spread(size)]) for place, size in enumerate(sizes)]
    shades = diverging(coloring.weights)
    segments: dict[int, list[tuple[Floats, Floats]]] = {}
    step = max(1, len(coloring.colors) // SEPARATED)
    for place, matrix in enumerate(coloring.matrices):
        for edge in range(0, matrix.size, step):
            row, column = divmod(edge, matrix.shape[1])
            if matrix[row, column] != NO_EDGE:
                ends = (columns[place][column], columns[place + 1][row])
                segments.setdefault(int(matrix[row, column]), []).append(ends)
    width = float(np.clip(400 / max(1, len(coloring.colors)), 0.3, 1.6))
    share = np.abs(coloring.weights) / (np.abs(coloring.weights).max(initial=0.0) or 1.0)
    # One path per colour, so that a page of many drawings stays small; heavy edges are thick, and lie on top.
    for number in sorted(segments, key=lambda color: float(share[color])):
        points = np.array(segments[number]).reshape(-1, 2).round(3)
        codes = np.tile([Path.MOVETO, Path.LINETO], len(segments[number]))
        lines = PathCollection(
            [Path(points, codes)],
            facecolors="none",
            edgecolors=[shades[number]],
            linewidths=width * (0.4 + share[number]),
        )
        axes.add_collection(lines)
    for place, units in enumerate(columns):
        axes.scatter(units[:, 0], units[:, 1], s=9, color=INK, zorder=3, linewidths=0)
        name = "input" if not place else "output" if place == len(columns) - 1 else "unit"
        axes.text(place, -0.06, plural(len(units), name), ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.25, len(columns) - 0.75), ylim=(-0.14, 1.03))
    axes.set_axis_off()
    return figure


def _spread(size: int) -> Floats:
    """Return heights (size,) of units, from the top down, over the same height whatever their number."""
    if size == 1:
        return np.array([0.5])
    reach = min(1.0, 0.15 * (size - 1))
    return np.linspace(0.5 + reach / 2, 0.5 - reach / 2, size)


def _weight_strip(axes: Axes, coloring: Coloring, shades: Floats) -> None:
    """Draw the legend: one field per weight, in order, with its value below it."""
    order = np.argsort(coloring.weights, kind="stable")
    count = len(order)
    if count:
        axes.imshow(shades[order][None], interpolation="none", aspect="auto", extent=(0, count, 0, 1))
    labelled = range(count) if count <= LISTED else (0, count // 2, count - 1)
    axes.set_xticks(
        [place + 0.5 for place in labelled],
        [_short(coloring.weights[order[place]]) for place in labelled],
        rotation=90 if 6 < count <= LISTED else 0,
        fontsize=7.5,
    )
    axes.set(yticks=())
    axes.set_title(f"{plural(count, 'weight')}, by value")
    axes.grid(visible=False)
    axes.tick_params(length=0, color=FAINT)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00") if abs(value) < 10 else f"{value:.0f}"
