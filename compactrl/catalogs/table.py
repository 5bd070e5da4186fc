"""The table of all architectures of a run, as it is saved in the run: `architectures.json`, and one for each task."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from compactrl.errors import DamagedFileError
from compactrl.storage.files import read_json

STEM = "architectures"
FILE = f"{STEM}.json"
"""Where there are no tasks, or in the task that ships; `select --context` gives one of another task its other name."""
COLUMNS = {"widths", "parameters", "memory_dimension", "return_mean", "episodes"}
"""Of every row; and `NAME_mean` of what the environment measures, `success_mean` where success is known."""

Row = dict[str, Any]
"""An architecture: its `COLUMNS`, as JSON values; a mean is None where every episode failed."""


def table_of(path: Path, file: str = FILE) -> dict[str, Any]:
    """Return a run's saved table; empty where there is none.

    Raises:
        DamagedFileError: the file is something else.
    """
    return rows_in(path / file, "architectures", lambda table: [table.get("architectures")], COLUMNS)


def file_of(context: str = "") -> str:
    """Return the name of a table's file; of a task that does not ship, its context as it is typed is in the name.

    Example:
        >>> file_of(), file_of("1.5")
        ('architectures.json', 'architectures-context-1.5.json')
    """
    return f"{STEM}-context-{context}.json" if context else FILE


def rows_in(
    place: Path, of: str, parts: Callable[[dict[str, Any]], list[Any]], columns: Collection[str]
) -> dict[str, Any]:
    """Return a table that evaluation saved; empty where there is no such file.

    Args:
        place: of the file.
        of: what its rows are, for messages.
        parts: which of its values are lists of rows.
        columns: what every row has.

    Raises:
        DamagedFileError: the file is something else.
    """
    if not place.exists():
        return {}
    try:
        table = read_json(place)
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; move it away, and evaluate again") from error
    lists = parts(table) if isinstance(table, dict) else [None]
    if not all(isinstance(rows, list) and all(_is_row(row, columns) for row in rows) for rows in lists):
        raise DamagedFileError(f"{place} is not a table of {of}: move it away, and evaluate again")
    return dict(table)


def _is_row(row: Any, columns: Collection[str]) -> bool:
    return isinstance(row, dict) and row.keys() >= set(columns)
