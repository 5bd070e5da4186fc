"""The tables of fits, and of single methods beside them, of the results that `experiments/fit.py` writes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compactrl.quantities import a_return, read_time
from experiments.markdown import markdown

RESULTS = Path(__file__).parent / "results" / "fit"
BESIDE = "-single"
"""At the end of the name of what was measured beside a fit."""


def fit_table(setting: str = "*") -> str:
    """Return the Markdown table of fits, of all settings or of one: what ships of each budget."""
    body = []
    for path in sorted(RESULTS.glob(f"{setting}.json"), key=_order):
        options = json.loads(path.read_text())["options"]
        for most, rows_of_budget in _by_budget(path, "shipped").items():
            each = ", ".join(
                f"{row['seed']}: {a_return(row['return_mean'])} in {row['bytes']} B, `{row['candidate']}`"
                for row in rows_of_budget
            )
            median = statistics.median(row["return_mean"] for row in rows_of_budget)
            body.append([options["env"], _time(options), f"{most:,}", f"**{a_return(median)}**", each])
    if not body:
        return "No results yet: `python -m experiments.fit`."
    return markdown(("", "time in all", "bytes at most", "median return", "of each seed, and what ships"), body)


def single_table() -> str:
    """Return the Markdown table of single methods beside fits with the same time, medians over the seeds of both."""
    body, methods = [], _single_methods()
    for path in sorted(RESULTS.glob(f"*{BESIDE}.json"), key=_order):
        options = json.loads(path.read_text())["options"]
        beside = _by_budget(path, "methods")
        for most, fitted in _by_budget(path.with_name(f"{path.stem.removesuffix(BESIDE)}.json"), "shipped").items():
            cells = []
            for method in methods:
                rows = [row for row in beside.get(most, []) if row["method"] == method and row["bytes"] <= most]
                cells.append(_median(rows) if rows else "–")
            body.append([options["env"], _time(options), f"{most:,}", f"**{_median(fitted)}**", *cells])
    if not body:
        return "No results yet: `python -m experiments.fit cheetah-5min cheetah-5min-single`."
    return markdown(("", "time of each", "bytes at most", "fit", *methods), body)


def loss_table(share: float = 1 / 4) -> str:
    """Return the Markdown table of what is lost from dense policies in floats to what takes a share of their bytes.

    It is of all that a fit tried, where it had a budget as small as that. Of negative returns a share says nothing.
    """
    body = []
    for path in sorted(RESULTS.glob("*.json"), key=_order):
        content = json.loads(path.read_text())
        options = content["options"]
        losses: dict[str, list[float]] = {}
        for seed in content["seeds"]:
            for row in seed.get("candidates", ()):
                most = share * row["bytes"]
                if _is_dense(row["name"]) and budgets_of(options)[0] <= most and row["return_mean"] > 0:
                    best = max(one["return_mean"] for one in seed["candidates"] if one["bytes"] <= most)
                    losses.setdefault(f"`{row['name']}`", []).append(1 - best / row["return_mean"])
        for name, each in losses.items():
            told = ", ".join(f"{100 * loss:.1f} %" for loss in each)
            body.append([options["env"], _time(options), name, f"**{100 * statistics.median(each):.1f} %**", told])
    return markdown(("", "time in all", "dense policy", "median loss", "of each seed"), body)


def _is_dense(name: str) -> bool:
    """Return whether a candidate is dense, in floats, and had as much to learn from as the small ones."""
    return name.startswith("apprentice") and not name.endswith("-int8")


def _time(options: dict[str, Any]) -> str:
    return f"{options['time']}, one core" if options.get("threads") == 1 else str(options["time"])


def budgets_of(options: Mapping[str, Any]) -> list[int]:
    """Return the budgets of a setting in bytes, rising."""
    most = options["max_bytes"]
    return [most] if isinstance(most, int) else sorted(most)


def _single_methods() -> list[str]:
    """Return the names of all single methods that were measured."""
    found: dict[str, None] = {}
    for path in sorted(RESULTS.glob(f"*{BESIDE}.json"), key=_order):
        for rows in _by_budget(path, "methods").values():
            found |= dict.fromkeys(row["method"] for row in rows)
    return list(found)


def _by_budget(path: Path, what: str) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of a setting's seeds that are about each budget, rising."""
    budgets: dict[int, list[dict[str, Any]]] = {}
    for seed in json.loads(path.read_text())["seeds"] if path.exists() else ():
        for row in seed.get(what, ()):
            budgets.setdefault(row["max_bytes"], []).append({**row, "seed": seed["seed"]})
    return dict(sorted(budgets.items()))


def _median(rows: list[dict[str, Any]]) -> str:
    """Return the median return of rows, and the bytes of its row; of two in the middle the lower one."""
    row = sorted(rows, key=lambda row: row["return_mean"])[(len(rows) - 1) // 2]
    return f"{a_return(row['return_mean'])} in {row['bytes']} B"


def _order(path: Path) -> tuple[str, float]:
    """Return a setting's environment and time: shorter fits come first."""
    options = json.loads(path.read_text())["options"]
    return options["env"], read_time(options.get("time", "0s"))
