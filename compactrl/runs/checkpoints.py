"""Checkpoints of a run: the last few are kept, each whole or absent.

    checkpoints/00000012/state.*      the search's state after iteration 12
    checkpoints/arrays/               large arrays, shared between checkpoints (`compactrl.storage.arrays`)

A damaged checkpoint falls back to the one before.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compactrl.errors import DamagedFileError
from compactrl.methods.names import current
from compactrl.storage.arrays import ArrayStore
from compactrl.storage.files import load_state, save_state, writing
from compactrl.types import State

FOLDER = "checkpoints"
KEPT_CHECKPOINTS = 3
MAY_CHANGE = {
    "steps", "stop_at", "patience", "threads", "workers", "ray_address", "worker_timeout", "checkpoint_seconds",
}  # fmt: skip
"""Options that may change when a search is resumed."""


def save_checkpoint(run: Path, iteration: int, state: State) -> None:
    """Save the state after an iteration in a run's folder, and delete the oldest checkpoints.

    Raises:
        UnwritableError: it cannot be saved; the checkpoints before are as they were.
    """
    folder, store = run / FOLDER, _array_store(run)
    checkpoint, temporary = folder / f"{iteration:08d}", folder / f".{iteration:08d}"
    shutil.rmtree(temporary, ignore_errors=True)
    with writing(checkpoint):
        try:
            temporary.mkdir(parents=True)
            save_state(temporary / "state", store.put(state))
            shutil.rmtree(checkpoint, ignore_errors=True)
            os.replace(temporary, checkpoint)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # half of it would take room where there is none
        _sync_directory(folder)
    _delete_oldest(folder, store)


def has_checkpoint(run: Path) -> bool:
    """Return whether there is any checkpoint in a run's folder, whole or not."""
    return bool(_checkpoints(run / FOLDER))


def saved_iterations(run: Path) -> list[int]:
    """Return the iterations after which the checkpoints in a run's folder were saved, the oldest first."""
    return [int(place.name) for place in _checkpoints(run / FOLDER)]


def load_checkpoint(
    run: Path,
    options: dict[str, Any] | None = None,
    only: Callable[[State], State] = lambda state: state,
    iteration: int | None = None,
) -> tuple[int, State] | None:
    """Return a run's newest whole checkpoint, with its iteration; None where none was written yet. Needs no lock.

    Args:
        run: its folder.
        options: of the run; where given, a checkpoint of a search with other options counts as damaged.
        only: state → the part of it to return; large arrays of other parts are not read.
        iteration: after which it was saved, where it is not the newest that is wanted.

    Raises:
        DamagedFileError: there are checkpoints, all of them damaged.
    """
    store, problems = _array_store(run), []
    for checkpoint in reversed(_checkpoints(run / FOLDER)):
        if iteration not in (None, int(checkpoint.name)):
            continue
        try:
            state = load_state(checkpoint / "state")
            if options is not None:
                _check_same_search(checkpoint, state, options)
            state = store.fill(only(state))
        except DamagedFileError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            warnings.warn(f"{problem}; going on from the one before, {checkpoint.name}", stacklevel=3)
        return int(checkpoint.name), state
    if problems:
        raise DamagedFileError(f"no checkpoint of {run} can be read: {'; '.join(problems)}")
    return None


def _array_store(run: Path) -> ArrayStore:
    return ArrayStore(run / FOLDER / "arrays")


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder, the oldest first."""
    return sorted(place for place in folder.iterdir() if place.name.isdigit()) if folder.is_dir() else []


def _delete_oldest(folder: Path, store: ArrayStore) -> None:
    """Delete all but the last few checkpoints, and the arrays that only they name."""
    checkpoints = _checkpoints(folder)
    for old in checkpoints[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old)
    if store.folder.is_dir():
        with contextlib.suppress(DamagedFileError):  # then no array is deleted that the damaged one may need
            store.keep([load_state(kept / "state") for kept in checkpoints[-KEPT_CHECKPOINTS:]])


def _check_same_search(checkpoint: Path, state: State, options: dict[str, Any]) -> None:
    """Raise DamagedFileError where a checkpoint was saved by a search with other options that matter."""
    saved = current(json.loads(state.get("options") or "{}"))
    for option in saved.keys() & options.keys() - MAY_CHANGE:
        if saved[option] != options[option]:
            raise DamagedFileError(
                f"{checkpoint} is the checkpoint of another search, or config.json was altered: "
                f"{option} is {saved[option]!r} there and {options[option]!r} here"
            )


def _sync_directory(folder: Path) -> None:
    """Flush a folder's entries to the disk: a renamed file is there after a power cut only then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
