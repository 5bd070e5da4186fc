"""The saved table of all architectures of a run, `architectures.json`, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.errors import CompactrlError, DamagedFileError
from compactrl.storage.files import read_json

FILE = "architectures.json"
CUTOFFS = (1000, 1_000_000, 5000)
"""Table II: limits from, to, and how many."""
COLUMNS = {"widths", "parameters", "memory_dimension", "return_mean", "episodes"}
"""Of every table; and `NAME_mean` of what the environment measures, `success_mean` where there are goals."""


Row = dict[str, Any]


def table_of(path: Path) -> dict[str, Any]:
    """Return a run's saved table; empty where there is none.

    Raises:
        DamagedFileError: the file is something else.
    """
    if not (path / FILE).exists():
        return {}
    try:
        table = read_json(path / FILE)
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; move it away, and evaluate again") from error
    rows = table.get("architectures") if isinstance(table, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= COLUMNS for row in rows):
        raise DamagedFileError(f"{path / FILE} is not a table of architectures: move it away, and evaluate again")
    found: dict[str, Any] = table
    return found


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Say what a whole table shows, as JSON values: the best, the smallest at 90 % and 80 %, and table II.

    `compared` names the column that all this is of.
    """
    known = [row for row in rows if row["return_mean"] is not None]
    if not known:
        raise CompactrlError("every episode of every architecture failed: nothing can be said of them")
    column = "success_mean" if all(row.get("success_mean") is not None for row in known) else "return_mean"
    values = np.array([row[column] for row in known])
    best = float(values.max())
    worst = float(values[values > 0].min() if best > 0 else values.min())

    def smallest(least: float) -> Row:
        fitting = [row for row in known if row[column] >= least]
        return min(fitting, key=lambda row: (row["parameters"], -row[column], row["widths"]))

    found: dict[str, Any] = {"max": smallest(best)}
    for share in (0.9, 0.8):
        name = f"{100 * share:.0f}%"
        found[f"{name} of the maximum"] = smallest(share * best) if best > 0 else None
        found[f"{name} from minimum to maximum"] = smallest(min(worst + share * (best - worst), best))
    return {"compared": column, "chosen": found, "without_evaluation": choice_without_evaluation(known, column)}


def choice_without_evaluation(
    rows: Sequence[Row], column: str = "return_mean", seed: int = 0
) -> dict[str, float | None]:
    """Return table II: what memory dimension and size choose over the best that fits, mean over random limits.

    As a ratio of this column's values, where the best is positive, and of the way from the worst of all to the best.
    """
    low, high, count = CUTOFFS
    size, memory, returns = (np.array([row[key] for row in rows]) for key in ("parameters", "memory_dimension", column))
    order = np.lexsort((-memory, size))  # of equal size the largest memory last to be passed over
    size, memory, returns = size[order], memory[order], returns[order]
    worst = returns.min()
    limits = np.random.default_rng(seed).uniform(low, high, count)
    fitting = np.searchsorted(size, limits, side="left")  # how many are smaller
    fitting = fitting[fitting > 0]
    if not len(fitting):
        return {}
    highest = np.maximum.accumulate(returns)[fitting - 1]
    by_size = returns[fitting - 1]
    leads = np.maximum.accumulate(memory)
    first = np.array([np.flatnonzero(memory == lead)[0] for lead in leads[fitting - 1]])
    found: dict[str, float | None] = {}
    for name, chosen in (("size", by_size), ("memory", returns[first])):
        found[f"{name}, ratio"] = float((chosen / highest).mean()) if (highest > 0).all() else None
        ways = np.divide(chosen - worst, highest - worst, out=np.ones_like(chosen), where=highest > worst)
        found[f"{name}, min-max"] = float(ways.mean())  # 1 where all that fit are equally bad: it is the best of them
    return found
