"""Tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from compactrl.quantities import a_return, mean_and_spread


def markdown(headings: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)])


def mean_and_each(seeds: Sequence[dict[str, Any]]) -> list[str]:
    """Return two cells: the mean return of all seeds, and of each seed its own with the spread over episodes."""
    mean = a_return(statistics.mean(row["return_mean"] for row in seeds))
    return [f"**{mean}**", ", ".join(f"{row['seed']}: {mean_and_spread(row)}" for row in seeds)]
