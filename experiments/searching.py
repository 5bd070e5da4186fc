"""Searches that experiments make: gone on with where they were interrupted, and not repeated once they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compactrl
from compactrl.runs.run import Run
from compactrl.searches.search import Callback


def finished_run(path: Path, options: dict[str, Any], callback: Callback | None = None) -> Run:
    """Return the finished run in a folder, after searching for as much as is left to do.

    Args:
        path: the folder.
        options: of the search.
        callback: called after every iteration; where it returns False the search is over (`compactrl.search`).
    """
    if not (path / "config.json").exists():
        compactrl.search(out=path, callback=callback, **options)
    elif not (path / "summary.json").exists() or not Run(path).summary["finished"]:
        compactrl.resume(path, callback=callback)
    return compactrl.load(path)
