"""The table of learning on policy, of the results that `experiments/on_policy.py` writes."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from experiments.markdown import markdown

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


def _cells(name: str, budget: str, seeds: list[dict[str, Any]]) -> list[str]:
    chosen = [row["architectures"]["fresh"] for row in seeds if "architectures" in row]
    return [
        LABELS[name],
        budget.replace("M", " M"),
        f"**{statistics.mean(row['return_mean'] for row in seeds):.0f}**",
        ", ".join(f"{row['seed']}: {row['return_mean']:.0f} ± {row['return_std']:.0f}" for row in seeds),
        *(", ".join(_architecture(each[which]) for each in chosen if which in each) or "–" for which in ("max", NEAR)),
        PUBLISHED.get(name, "–"),
    ]


def _architecture(found: dict[str, Any]) -> str:
    return f"{found['return_mean']:.0f} {found['widths']} ({found['parameters']:,})"
