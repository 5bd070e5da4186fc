"""A run's directory while a search writes it: created, locked, appended to, checkpointed; `runs.py` reads it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from compactrl.arrays import ArrayStore
from compactrl.errors import DamagedFileError, InputError
from compactrl.images import Pixels, as_png, coloring_image
from compactrl.runs import DIRECTORY_FORMAT, Run, versions
from compactrl.storage import load_state, save_state, write_atomically, write_json
from compactrl.types import Design, Floats, Metrics, State

KEPT_CHECKPOINTS = 3
MAY_CHANGE = {"steps", "threads", "workers", "ray_address", "worker_timeout", "checkpoint_seconds"}
"""Options that a resumed search may have other than before."""
EVENTS = "events.out.tfevents"
PICTURE_SECONDS = 10.0
"""TensorBoard gets pictures at most this often: they take a few milliseconds, and room on the disk."""


class RunWriter:
    """A run's directory, for the search that writes it; holds a lock, so that no two searches write one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: EventsWriter | None = None
        self._pictured = -PICTURE_SECONDS
        try:
            self._lock: IO[bytes] = open(path / ".lock", "wb")  # noqa: SIM115  (held until close)
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InputError(
                f"{path} is being written by another search: wait for it, or choose another --out"
            ) from error

    @classmethod
    def create(cls, path: Path, options: dict[str, Any]) -> RunWriter:
        """Start a new run.

        Raises:
            InputError: the directory holds something already, or cannot be written.
        """
        try:
            if path.exists() and not path.is_dir():
                raise InputError(f"--out {path} is a file: give a folder")
            if (path / "config.json").exists():
                raise InputError(
                    f"{path} already holds a run: `compactrl resume {path}` goes on with it; else choose another --out"
                )
            if path.exists() and any(path.iterdir()):
                raise InputError(
                    f"{path} is not empty and holds no run: choose another --out, nothing there was touched"
                )
            (path / "checkpoints").mkdir(parents=True)
            writer = cls(path)
            write_json(path / "versions.json", versions())
            (path / "metrics.jsonl").touch()
            # Last: a directory is a run once this file is there.
            write_json(path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror or error}. Choose another --out") from error
        return writer

    def extend(self, options: dict[str, Any]) -> None:
        """Record changed options (a larger budget)."""
        write_json(self.path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})

    def close(self) -> None:
        """Let go of the directory."""
        if self._events is not None:
            self._events.close()
        self._lock.close()

    def append_metrics(self, metrics: Metrics) -> None:
        """Add a line to metrics.jsonl, where numbers that JSON does not know become null, and TensorBoard's events."""
        clean = {key: value if np.isfinite(value) else None for key, value in metrics.items()}
        with open(self.path / "metrics.jsonl", "a", encoding="utf-8") as file:
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
        """Drop lines and events after an iteration: they are of work that is done again."""
        path = self.path / "metrics.jsonl"
        kept = [record for record in Run(self.path).metrics if record["iteration"] <= iteration]
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        last = max((int(record.get("env_steps") or 0) for record in kept), default=0)
        if any(self.path.glob(EVENTS + "*")):
            self._events = EventsWriter(self.path, purge_from=last + 1)

    def save_checkpoint(self, iteration: int, state: State) -> None:
        """Save the state after an iteration, and drop the oldest."""
        folder, store = self.path / "checkpoints", _store(self.path)
        place, temporary = folder / f"{iteration:08d}", folder / f".{iteration:08d}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_state(temporary / "state", store.put(state))
        shutil.rmtree(place, ignore_errors=True)
        os.replace(temporary, place)
        _sync_directory(folder)
        places = sorted(_checkpoints(folder))
        for old in places[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)
        if store.folder.is_dir():
            with contextlib.suppress(DamagedFileError):  # then nothing is deleted that a damaged one may need
                store.keep([load_state(each / "state") for each in places[-KEPT_CHECKPOINTS:]])

    def load_checkpoint(self, options: dict[str, Any] | None = None) -> tuple[int, State] | None:
        """Return the newest checkpoint that is whole, with its iteration; None where none was written yet.

        Args:
            options: of this run; where given, a checkpoint of a search with others is as good as damaged.

        Raises:
            DamagedFileError: there are checkpoints, all of them damaged.
        """
        return load_checkpoint(self.path, options)


class EventsWriter:
    """A file of TensorBoard events: one scalar a metric, over environment steps.

    Records go to the file at once and from this thread (`torch.utils.tensorboard` keeps a queue and a thread, and
    loses what is in it by `kill -9`).

    Args:
        path: folder of the file.
        purge_from: TensorBoard is told to forget what earlier files have from this step on.
    """

    def __init__(self, path: Path, purge_from: int | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"{EVENTS}.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
        self._records = RecordWriter(open(path / name, "ab"))  # noqa: SIM115  (held until close)
        self._write(Event(file_version="brain.Event:2"))
        if purge_from is not None:
            self._write(Event(step=purge_from, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, metrics: Metrics) -> None:
        """Add the metrics of an iteration that ended at this environment step."""
        event = self._event(step=step)
        for key, value in metrics.items():
            if key not in ("iteration", "env_steps") and np.isfinite(value):
                event.summary.value.add(tag=key, simple_value=value)
        self._write(event)

    def add_pictures(self, step: int, returns: Floats, image: Pixels | None) -> None:
        """Add a histogram of returns (N,), failed ones left out, and an image (height, width, 3) of the design."""
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

        event = self._event(step=step)
        values = returns[np.isfinite(returns)]
        if len(values):
            counts, edges = np.histogram(values, bins="sturges")
            histogram = HistogramProto(
                min=values.min(), max=values.max(), num=len(values), sum=values.sum(), sum_squares=(values**2).sum(),
                bucket_limit=edges[1:], bucket=counts,
            )  # fmt: skip
            event.summary.value.add(tag="returns", histo=histogram)
        if image is not None:
            height, width, channels = image.shape
            encoded = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=as_png(image))
            event.summary.value.add(tag="design", image=encoded)
        self._write(event)

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
        self._records.flush()


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
