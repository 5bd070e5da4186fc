"""Checkpoints of a run: the last few, each whole or absent; a damaged one falls back to the one before."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from compactrl.errors import DamagedFileError
from compactrl.storage.arrays import ArrayStore
from compactrl.storage.files import load_state
from compactrl.types import State

KEPT_CHECKPOINTS = 3
MAY_CHANGE = {"steps", "threads", "workers", "ray_address", "worker_timeout", "checkpoint_seconds"}
"""Options that a resumed search may have other than before."""


def load_checkpoint(
    path: Path, options: dict[str, Any] | None = None, only: Callable[[State], State] = lambda state: state
) -> tuple[int, State] | None:
    """Return a run's newest checkpoint that is whole, or what `only` leaves of it; see `RunWriter`. Needs no lock."""
    store = _store(path)
    places = sorted(_checkpoints(path / "checkpoints"), reverse=True)
    problems = []
    for place in places:
        try:
            state = load_state(place / "state")
            if options is not None:
                _check_same_search(place, state, options)
            state = store.fill(only(state))
        except DamagedFileError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            warnings.warn(f"{problem}; going on from the one before, {place.name}", stacklevel=3)
        return int(place.name), state
    if problems:
        raise DamagedFileError(f"no checkpoint of {path} can be read: {'; '.join(problems)}")
    return None


def _store(path: Path) -> ArrayStore:
    return ArrayStore(path / "checkpoints" / "arrays")


def _check_same_search(place: Path, state: State, options: dict[str, Any]) -> None:
    """Raise DamagedFileError where a checkpoint was saved by a search with other options that matter."""
    saved = json.loads(state.get("options") or "{}")
    for option in saved.keys() & options.keys() - MAY_CHANGE:
        if saved[option] != options[option]:
            raise DamagedFileError(
                f"{place} is the checkpoint of another search, or config.json was altered: "
                f"{option} is {saved[option]!r} there and {options[option]!r} here"
            )


def _checkpoints(folder: Path) -> Iterator[Path]:
    return (place for place in folder.iterdir() if place.name.isdigit()) if folder.is_dir() else iter(())


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
