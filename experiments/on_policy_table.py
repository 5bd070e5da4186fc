"""The tables of learning on policy, of the results that `experiments/on_policy.py` writes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compactrl.quantities import a_return
from experiments.markdown import markdown, mean_and_each
from experiments.on_policy import GROUPS, ROWS, budget_of
from experiments.on_policy_figures import FIGURE, distributions

RESULTS = Path(__file__).parent / "results" / "on-policy"
NEAR = "90% of the maximum"
LABELS = {
    "ppo-cheetah": "`ppo`, [64, 64], HalfCheetah-v5",
    "ppo-walker": "`ppo`, [64, 64], Walker2d-v5",
    "ppo-hopper": "`ppo`, [64, 64], Hopper-v5",
    "ppo-cheetah-long": "`ppo`, [64, 64], HalfCheetah-v5",
    "hyperppo-cheetah": "`hyperppo`, HalfCheetah-v5",
    "ppo-256-256-256-cheetah": "`ppo`, [256, 256, 256], ReLU, HalfCheetah-v5",
    "ppo-64-cheetah": "`ppo`, [64], ReLU, HalfCheetah-v5",
    "hyperppo-walker": "`hyperppo`, Walker2d-v5",
    "ppo-64-walker": "`ppo`, [64], ReLU, Walker2d-v5",
    "hyperppo-ant": "`hyperppo`, Ant-v5",
    "ppo-64-ant": "`ppo`, [64], ReLU, Ant-v5",
    "hyperppo-common": "`hyperppo --deviation common`",
    "hyperppo-per-architecture": "`hyperppo --deviation per-architecture`",
    "hyperppo-state": "`hyperppo --deviation state`",
    "hyperppo-inverse-depth": "`hyperppo --controller inverse-depth`",
    "hyperppo-uniform": "`hyperppo --controller uniform`",
    "hyperppo-not-told": "`hyperppo --no-conditioned-critics`",
    "hyperppo-16-lanes": "`hyperppo --num-envs 16`",
    "hyperppo-64-lanes": "`hyperppo --num-envs 64`",
    "hyperppo-256-lanes": "`hyperppo --num-envs 256`",
    "hyperppo-hour": "`hyperppo`, HalfCheetah-v5",
    "ghp-hour": "`ghp`, HalfCheetah-v5",
}
"""Row → what the table calls it, in the table's order."""
PUBLISHED = {
    "ppo-cheetah": "1443 ± 46 (CleanRL)",
    "ppo-walker": "2288 ± 572 (CleanRL)",
    "ppo-hopper": "2383 ± 272 (CleanRL)",
    "ppo-cheetah-long": "6263 ± 67 (Sample Factory, best models)",
}
"""For as many steps, on version 4 of the robots; each by its authors' own evaluation."""


def on_policy_table() -> str:
    """Return the Markdown table of what was measured so far."""
    body = [
        _cells(name, path.stem.removeprefix(f"{name}-"), json.loads(path.read_text())["seeds"])
        for name in LABELS
        for path in sorted(RESULTS.glob(f"{name}-*.json"))
        if "-" not in path.stem.removeprefix(f"{name}-")  # else of a row whose name only begins alike
    ]
    headings = (
        "", "steps or time", "mean return", "of each seed, ± over 100 episodes", "best of all (parameters)",
        "smallest with 90 % of it", "published",
    )  # fmt: skip
    return markdown(headings, body) if body else "No results yet: `python -m experiments.on_policy`."


def lanes_table() -> str:
    """Return the Markdown table of figure 5, with the figure where it is drawn: all architectures by lanes."""
    body = []
    for each in distributions(RESULTS):
        steps = ", ".join(f"{steps / 1e6:.1f} M" for steps in each.steps)
        quantiles = each.quantiles.mean(axis=0)
        cells = [a_return(quantiles[place]) for place in (2, 5, 10, 15, 18, 20)]  # of 0 … 20, 5 % apart
        body.append([f"{each.lanes}", steps, *cells])
    if not body:
        return "No results yet: `python -m experiments.on_policy scaling`."
    headings = ("lanes", "steps, of each seed", "10 %", "25 %", "median", "75 %", "90 %", "largest")
    drawn = (RESULTS / FIGURE).exists()
    picture = f"\n\n![architectures by return](../experiments/results/on-policy/{FIGURE})" if drawn else ""
    return markdown(headings, body) + picture


def hour_table() -> str:
    """Return the Markdown table of `hyperppo` and `ghp` with equal time: who is ahead when."""
    both = {}
    for name in GROUPS["hour"]:
        path = RESULTS / f"{name}-{budget_of(ROWS[name])}.json"
        both[name] = json.loads(path.read_text())["seeds"] if path.exists() else []
    if not all(both.values()):
        return "No results yet: `python -m experiments.on_policy hour`."
    body = []
    for minutes in MINUTES:
        means = [statistics.mean(return_at(seed["curve"], 60 * minutes) for seed in seeds) for seeds in both.values()]
        body.append([f"while training, after {minutes} minutes", *_compared(means)])
    for what, pick in FINAL.items():
        means = [statistics.mean(pick(seed) for seed in seeds) for seeds in both.values()]
        body.append([what, *_compared(means)])
    steps = [statistics.mean(seed["env_steps"] for seed in seeds) for seeds in both.values()]
    counts = [len(seeds) for seeds in both.values()]
    headings = ("return", *(f"`{ROWS[name].options['method']}`" for name in both), "ahead")
    told = [f"{step / 1e6:.1f} M, {count} seed{'s' * (count > 1)}" for step, count in zip(steps, counts, strict=True)]
    return markdown(headings, [*body, ["steps in an hour", *told, ""]])


MINUTES = (2, 5, 10, 20, 40, 60)
RECENT = 60.0
"""Seconds before a moment of which returns are averaged."""
FINAL: dict[str, Callable[[dict[str, Any]], float]] = {
    "of what ships": lambda seed: float(seed["return_mean"]),
    "mean over all architectures": lambda seed: float(seed["architectures"]["return_mean_of_all"]),
    "best of all": lambda seed: float(seed["architectures"]["fresh"]["max"]["return_mean"]),
    "[64]": lambda seed: float(seed["architectures"]["fresh"]["64"]["return_mean"]),
}
"""What is said of the ends of an hour."""


def return_at(curve: list[list[float]], seconds: float) -> float:
    """Return the mean return of the minute before a moment; NaN where none is known.

    Args:
        curve: (steps, seconds, return) of iterations in which episodes ended.
        seconds: of searching.
    """
    known = [value for _, at, value in curve if seconds - RECENT < at <= seconds]
    before = [value for _, at, value in curve if at <= seconds]
    return statistics.mean(known) if known else before[-1] if before else float("nan")


def _compared(means: list[float]) -> list[str]:
    """Return both means and who is ahead."""
    known = all(mean == mean for mean in means)
    names = [ROWS[name].options["method"] for name in GROUPS["hour"]]
    ahead = names[0] if means[0] > means[1] else names[1]
    return [*map(a_return, means), f"`{ahead}`" if known else ""]


def _cells(name: str, budget: str, seeds: list[dict[str, Any]]) -> list[str]:
    chosen = [row["architectures"]["fresh"] for row in seeds if "architectures" in row]
    return [
        LABELS[name],
        budget.replace("M", " M"),
        *mean_and_each(seeds),
        *(", ".join(_architecture(each[which]) for each in chosen if which in each) or "–" for which in ("max", NEAR)),
        PUBLISHED.get(name, "–"),
    ]


def _architecture(found: dict[str, Any]) -> str:
    return f"{a_return(found['return_mean'])} {found['widths']} ({found['parameters']:,})"
