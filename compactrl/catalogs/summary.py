"""What a whole table of architectures shows: the best, the smallest that come near it, and what untried choices lose.

The last is table II of Hegde & Sukhatme 2022: how much of the best return is lost by choosing without evaluation, by
the largest memory dimension or by size, under random limits of parameters. In environments with goals, success rates
are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compactrl.catalogs.shares import MIN_TO_MAX, OF_MAXIMUM, smallest_reaching, smallest_with
from compactrl.catalogs.table import Row
from compactrl.errors import CompactrlError
from compactrl.types import Floats, Integers

SHARES = (0.9, 0.8)
LIMITS = (1000, 1_000_000, 5000)
"""Table II: limits of parameters from, to, and how many."""


def summarize(rows: Sequence[Row]) -> dict[str, Any]:
    """Say what a whole table shows, as JSON values: the best, the smallest at 90 % and 80 %, and table II.

    `compared` names the column that all this is of.

    Raises:
        CompactrlError: no architecture has a return.
    """
    known = [row for row in rows if row["return_mean"] is not None]
    if not known:
        raise CompactrlError("every episode of every architecture failed: nothing can be said of them")
    column = "success_mean" if all(row.get("success_mean") is not None for row in known) else "return_mean"
    chosen: dict[str, Any] = {"max": smallest_reaching(known, max(row[column] for row in known), column)}
    for share in SHARES:
        for meaning in (OF_MAXIMUM, MIN_TO_MAX):
            chosen[f"{100 * share:.0f}% {meaning}"] = smallest_with(known, share, meaning, column)
    return {"compared": column, "chosen": chosen, "without_evaluation": choice_without_evaluation(known, column)}


def choice_without_evaluation(
    rows: Sequence[Row], column: str = "return_mean", seed: int = 0
) -> dict[str, float | None]:
    """Return table II: what memory dimension and size choose over the best that fits, mean over random limits.

    As a ratio of this column's values, where the best is positive, and of the way from the worst of all to the best.
    """
    size, memory, values = (np.array([row[key] for row in rows]) for key in ("parameters", "memory_dimension", column))
    order = np.lexsort((-memory, size))  # by size; of equal size the largest memory first
    size, memory, values = size[order], memory[order], values[order]
    low, high, count = LIMITS
    limits = np.random.default_rng(seed).uniform(low, high, count)
    fitting = np.searchsorted(size, limits, side="left")  # how many are smaller than a limit
    fitting = fitting[fitting > 0]
    if not len(fitting):
        return {}
    last = fitting - 1
    highest = np.maximum.accumulate(values)[last]
    compared: dict[str, float | None] = {}
    for name, chosen in (("size", values[last]), ("memory", values[_largest_so_far(memory)[last]])):
        compared[f"{name}, ratio"] = float((chosen / highest).mean()) if (highest > 0).all() else None
        compared[f"{name}, min-max"] = float(_ways(chosen, highest, float(values.min())).mean())
    return compared


def _largest_so_far(memory: Integers) -> Integers:
    """Return for each place (K,) the first place up to it with the largest memory dimension."""
    largest = np.maximum.accumulate(memory)
    return np.array([np.flatnonzero(memory == value)[0] for value in largest])


def _ways(chosen: Floats, highest: Floats, worst: float) -> Floats:
    """Return how far each choice (n,) is on the way from the worst to the highest; 1 where the highest is the worst."""
    return np.divide(chosen - worst, highest - worst, out=np.ones_like(chosen), where=highest > worst)
