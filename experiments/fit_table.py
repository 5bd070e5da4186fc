"""The table of fits, of the results that `experiments/fit.py` writes."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from compactrl.quantities import a_return, read_time
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results" / "fit"


def fit_table(setting: str = "*") -> str:
    """Return the Markdown table of fits, of all settings or of one: what ships of each budget."""
    body = []
    for path in sorted(RESULTS.glob(f"{setting}.json"), key=_order):
        content = json.loads(path.read_text())
        budgets: dict[int, list[dict[str, Any]]] = {}
        for seed in content["seeds"]:
            for row in seed.get("shipped", []):
                budgets.setdefault(row["max_bytes"], []).append({**row, "seed": seed["seed"]})
        options = content["options"]
        for most, rows_of_budget in sorted(budgets.items()):
            each = ", ".join(
                f"{row['seed']}: {a_return(row['return_mean'])} in {row['bytes']} B, `{row['candidate']}`"
                for row in rows_of_budget
            )
            median = statistics.median(row["return_mean"] for row in rows_of_budget)
            body.append([options["env"], options["time"], f"{most:,}", f"**{a_return(median)}**", each])
    if not body:
        return "No results yet: `python -m experiments.fit`."
    return markdown(("", "time in all", "bytes at most", "median return", "of each seed, and what ships"), body)


def _order(path: Path) -> tuple[str, float]:
    """Return a setting's environment and time: shorter fits come first."""
    options = json.loads(path.read_text())["options"]
    return options["env"], read_time(options["time"])
