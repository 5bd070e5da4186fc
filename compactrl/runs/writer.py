"""A run's directory while a search writes it: created, locked, appended to, checkpointed; `run.py` reads it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from compactrl.errors import CompactrlError, FaultError, InputError, UnwritableError
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.runs import checkpoints
from compactrl.runs.events import EVENTS, PICTURE_SECONDS, EventsWriter
from compactrl.runs.images import coloring_image
from compactrl.runs.run import DIRECTORY_FORMAT, Run
from compactrl.storage.files import write_atomically, write_json, writing
from compactrl.types import Design, Floats, Metrics, State
from compactrl.versions import versions

EMPTY: Mapping[str, Policy] = MappingProxyType({})


class RunWriter:
    """A run's directory, for the search that writes it; holds a lock, so that no two searches write one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: EventsWriter | None = None
        self._pictured = -PICTURE_SECONDS
        try:
            self._lock: IO[bytes] = open(path / ".lock", "wb")  # noqa: SIM115  (held until close)
        except OSError as error:
            raise InputError(str(UnwritableError(path, error))) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InputError(
                f"{path} is being written by another search: wait for it, or choose another --out"
            ) from error

    @classmethod
    def create(cls, path: Path, options: dict[str, Any], policies: Mapping[str, Policy] = EMPTY) -> RunWriter:
        """Start a new run.

        Args:
            path: its folder.
            options: of the search, as JSON values.
            policies: of other runs, by the stems of the files in which this one keeps copies: it can be resumed without
                them.

        Raises:
            InputError: the directory holds something already, or cannot be written.
        """
        try:
            _check_is_free(path)
            (path / checkpoints.FOLDER).mkdir(parents=True)
            writer = cls(path)
            write_json(path / "versions.json", versions())
            (path / "metrics.jsonl").touch()
            for stem, policy in policies.items():
                save_policy(path / stem, policy)
            writer.write_options(options)  # last: a directory is a run once this file is there
        except OSError as error:
            raise InputError(f"--out: {UnwritableError(path, error)}") from error
        except UnwritableError as error:
            raise InputError(f"--out: {error}") from error
        return writer

    def write_options(self, options: dict[str, Any]) -> None:
        """Record the search's options, or those that have changed when it is resumed."""
        write_json(self.path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})

    @contextlib.contextmanager
    def resumable(self, path: Path | None = None) -> Iterator[None]:
        """Say how to go on where the disk refuses what a search writes, and where the user's own code is wrong.

        Args:
            path: what is to be resumed; by default this run.

        Raises:
            CompactrlError: a file of the run cannot be written.
            FaultError: an environment has a fault.
        """
        try:
            yield
        except UnwritableError as error:
            raise CompactrlError(
                f"{error}. What was saved last is good: then go on with `compactrl resume {path or self.path}`"
            ) from error
        except FaultError as error:
            raise FaultError(
                f"{error}. Put the environment right, then go on with: compactrl resume {path or self.path}"
            ) from error

    def close(self) -> None:
        """Let go of the directory."""
        if self._events is not None:
            self._events.close()
        self._lock.close()

    def append_metrics(self, metrics: Metrics) -> None:
        """Add an iteration to metrics.jsonl and to TensorBoard's events; NaN and infinity become null in JSON."""
        clean = {key: value if np.isfinite(value) else None for key, value in metrics.items()}
        path = self.path / "metrics.jsonl"
        with writing(path), open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(clean) + "\n")
        if self._events is None:
            self._events = EventsWriter(self.path)
        self._events.add(int(metrics.get("env_steps", metrics["iteration"])), metrics)

    def append_pictures(self, step: int, returns: Floats, design: Design, sizes: tuple[int, ...]) -> None:
        """Show TensorBoard a generation's returns (N,) and its leading design (D,), every few seconds."""
        if self._events is not None and time.monotonic() - self._pictured >= PICTURE_SECONDS:
            self._pictured = time.monotonic()
            self._events.add_pictures(step, returns, coloring_image(design, sizes))

    def cut_metrics(self, iteration: int) -> None:
        """Drop metrics and events after an iteration: it is resumed from there, and does them again."""
        path = self.path / "metrics.jsonl"
        kept = [record for record in Run(self.path).metrics if record["iteration"] <= iteration]
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        last = max((int(record.get("env_steps") or 0) for record in kept), default=0)
        if any(self.path.glob(EVENTS + "*")):
            self._events = EventsWriter(self.path, purge_from=last + 1)

    def save_checkpoint(self, iteration: int, state: State) -> None:
        """Save the state after an iteration, and delete the oldest checkpoints."""
        checkpoints.save_checkpoint(self.path, iteration, state)

    def load_checkpoint(self, options: dict[str, Any] | None = None) -> tuple[int, State] | None:
        """Return the newest whole checkpoint; see `checkpoints.load_checkpoint`."""
        return checkpoints.load_checkpoint(self.path, options)


def _check_is_free(path: Path) -> None:
    """Raise InputError where a new run's directory would hold something already."""
    if path.exists() and not path.is_dir():
        raise InputError(f"--out {path} is a file: give a folder")
    if (path / "config.json").exists():
        raise InputError(
            f"{path} already holds a run: `compactrl resume {path}` goes on with it; else choose another --out"
        )
    if path.exists() and any(path.iterdir()):
        raise InputError(f"{path} is not empty and holds no run: choose another --out, nothing there was touched")
