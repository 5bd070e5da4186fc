"""The table of all architectures of a run, as it is saved in the run: `architectures.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactrl.errors import DamagedFileError
from compactrl.storage.files import read_json

FILE = "architectures.json"
COLUMNS = {"widths", "parameters", "memory_dimension", "return_mean", "episodes"}
"""Of every table; and `NAME_mean` of what the environment measures, `success_mean` where success is known."""

Row = dict[str, Any]
"""An architecture: its `COLUMNS`, as JSON values; a mean is None where every episode failed."""


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
    return dict(table)
