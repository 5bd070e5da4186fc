"""Figure 5 of HyperPPO: how many of all architectures have a larger return, with more and with fewer lanes.

    python -m experiments.on_policy_figures

Hegde, Huang & Sukhatme, "HyperPPO" (2023), section IV-B. Of the results that `python -m experiments.on_policy scaling`
left, as an SVG beside them: a line for each number of lanes, the mean over its seeds, and a band from the lowest to the
highest seed. A result has the 0, 5, … 100 % quantiles of the returns of all its architectures; lines go through these.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import typer
from matplotlib.figure import Figure

from compactrl.reports.style import RC, SERIES, canvas, legend_below, styled
from compactrl.types import Floats
from experiments.on_policy import RESULTS, SCALED, budget_of

STANDALONE = {**RC, "svg.fonttype": "path"}
FIGURE = "scaling.svg"


class Distribution(NamedTuple):
    """The returns of all architectures, of each seed."""

    lanes: int
    quantiles: Floats
    """(seeds, 21)"""
    steps: Floats
    """(seeds,) environment steps of training."""


def distributions(folder: Path) -> list[Distribution]:
    """Return what there is in a folder of results, fewest lanes first."""
    found = []
    for name, row in SCALED.items():
        path = folder / f"{name}-{budget_of(row)}.json"
        seeds: list[dict[str, Any]] = json.loads(path.read_text())["seeds"] if path.exists() else []
        if seeds:
            quantiles = np.array([seed["architectures"]["return_quantiles"] for seed in seeds])
            steps = np.array([seed["env_steps"] for seed in seeds], float)
            found.append(Distribution(row.options["num_envs"], quantiles, steps))
    return found


def above(quantiles: Floats, returns: Floats) -> Floats:
    """Return the share of architectures with a larger return than each of these (n,), of rising quantiles (21,)."""
    shares = np.linspace(1, 0, len(quantiles))
    return np.interp(returns, quantiles, shares, left=1.0, right=0.0)


@styled
def scaling(found: list[Distribution]) -> Figure:
    """Draw how many architectures have a larger return."""
    figure, axes = canvas(3.2)
    seen = np.concatenate([each.quantiles.ravel() for each in found])
    returns = np.linspace(seen.min(), seen.max(), 400)
    for color, each in zip(SERIES, found, strict=False):
        shares = 100 * np.array([above(quantiles, returns) for quantiles in each.quantiles])
        seeds = f"{len(shares)} seed{'s' * (len(shares) > 1)}"
        steps = f"{each.steps.mean() / 1e6:.1f} M steps"
        axes.plot(returns, shares.mean(axis=0), color=color, label=f"{each.lanes} lanes, {steps}, {seeds}")
        axes.fill_between(returns, shares.min(axis=0), shares.max(axis=0), color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel("return")
    axes.set_ylabel("architectures with a larger one, %")
    axes.set_ylim(bottom=0)
    legend_below(figure, axes)
    return figure


def main() -> None:
    """Write the figure of what was measured so far."""
    found = distributions(RESULTS)
    if not found:
        sys.exit(f"no results in {RESULTS}: python -m experiments.on_policy scaling")
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STANDALONE}):
        scaling(found).savefig(RESULTS / FIGURE, facecolor="white", metadata={"Date": None, "Creator": None})
    print(f"{RESULTS / FIGURE}: {', '.join(str(each.lanes) for each in found)} lanes", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
