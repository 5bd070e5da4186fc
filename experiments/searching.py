"""Searches that experiments make: gone on with where they were interrupted, and not repeated once they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compactrl
from compactrl.runs.run import Run


def finished_run(path: Path, options: dict[str, Any]) -> Run:
    """Return the finished run in a folder, after searching for as much as is left to do."""
    if not (path / "config.json").exists():
        compactrl.search(out=path, **options)
    elif not (path / "summary.json").exists() or not Run(path).summary["finished"]:
        compactrl.resume(path)
    return compactrl.load(path)
