"""Tables on the terminal, and the same figures with every repetition as JSON."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from compactrl.storage.files import write_json
from compactrl.versions import versions

RESULTS = Path(__file__).parents[1] / "results"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def timing(seconds: list[float], steps: int | None = None) -> dict[str, Any]:
    """Return a system's repetitions and their median; with the environment steps of one repetition also steps/s.

    Example:
        >>> timing([2.0, 1.0, 4.0], steps=100)
        {'seconds': [2.0, 1.0, 4.0], 'median_seconds': 2.0, 'steps': 100, 'median_steps_per_second': 50.0}
    """
    row: dict[str, Any] = {"seconds": seconds, "median_seconds": median(seconds)}
    if steps is not None:
        row |= {"steps": steps, "median_steps_per_second": median(steps / repetition for repetition in seconds)}
    return row


def ratio(limit: list[float], system: list[float]) -> float:
    """Return the median, over repetitions, of the limit's seconds by the system's: 1 is as fast as the limit.

    Example:
        >>> ratio([1.0, 2.0, 1.0], [2.0, 2.5, 4.0])
        0.5
    """
    return median(one / other for one, other in zip(limit, system, strict=True))


def show(title: str, columns: list[str], rows: list[list[Any]], note: str = "") -> None:
    """Print a table; numbers are aligned to the right, None is left empty."""
    table = Table(title=title, caption=note or None)
    for position, column in enumerate(columns):
        numeric = any(isinstance(row[position], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*map(_shown, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write(name: str, body: dict[str, Any], folder: Path | None = None) -> Path:
    """Write bench-NAME.json: how it was called, with which versions, and the figures."""
    folder = folder or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bench-{name}.json"
    command = shlex.join(["python", "-m", "experiments.bench", *sys.argv[1:]])
    libraries = {name: version for name, version in versions().items() if name != "platform"}
    write_json(path, {"command": command, "versions": libraries, "cores": cores(), **body})
    return path
