"""A run's files, as a report needs them: few columns of many runs, and a note wherever something is wrong with one.

A report is made of what can be read. Whatever cannot ends up in `Record.notes`, in words that the page shows.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.encodings.storage import stored_bytes
from compactrl.errors import CompactrlError, InputError
from compactrl.policies.policy import Policy
from compactrl.policies.zoo import located, ships
from compactrl.runs.history import Trace, load_trace
from compactrl.runs.run import Run
from compactrl.storage.files import read_json
from compactrl.types import Floats

COLUMNS = (
    "env_steps",
    "seconds",
    "return_mean",
    "return_max",
    "policy_return_mean",
    "shipped_return_mean",
    "shipped_design_changed",
    "settled",
    "usage",
)
"""Columns of metrics.jsonl that reports draw; NaN where an iteration has none."""
Source = str | Path | Run


@dataclass
class Record:
    """A run as a report sees it."""

    path: Path
    options: dict[str, Any]
    summary: dict[str, Any]
    versions: dict[str, str]
    metrics: dict[str, Floats]
    """Column → (iterations,)."""
    shape: tuple[int, ...]
    """Observation size, hidden sizes, output size; only the hidden sizes where there is no policy yet."""
    notes: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the return is that of the final evaluation."""
        return bool(self.summary.get("finished"))

    @property
    def score(self) -> float:
        """Mean return of the final policy; NaN where there is none yet."""
        value = self.summary.get("return_mean")
        return float(value) if isinstance(value, int | float) else float("nan")

    @cached_property
    def policy(self) -> Policy | None:
        """The final policy, or None with a note."""
        try:
            return Run(self.path).policy
        except CompactrlError as error:
            self.notes.append(str(error))
            return None

    @cached_property
    def bytes(self) -> float:
        """What the tables of its policy take in an export (`compactrl.encodings.storage`); NaN without one.

        Runs of before have not written it down; it follows from their policy.
        """
        value = self.summary.get("bytes")
        if isinstance(value, int | float):
            return float(value)
        there = (self.path / "policy.json").exists()  # asked first, since there is nothing to note where it is not
        return float(stored_bytes(self.policy)) if there and self.policy is not None else float("nan")

    @cached_property
    def trace(self) -> Trace | None:
        """The designs that led, or None, with a note where they are damaged."""
        try:
            return load_trace(self.path)
        except CompactrlError as error:
            self.notes.append(str(error))
            return None

    @property
    def has_designs(self) -> bool:
        """Whether the final policy has a design at all; a dense one has none."""
        return self.policy is not None and len(self.policy.design) > 0

    @property
    def designs_are_of_edges(self) -> bool:
        """Whether a design is a colour or a bit of a mask per edge, rather than an architecture's widths."""
        return self.policy is not None and 0 < len(self.policy.design) == len(self.policy.sharing.edges)

    @cached_property
    def architectures(self) -> list[dict[str, Any]]:
        """Tables of all architectures of a graph hypernetwork, by environment steps; none for other methods.

        Of tasks they are those in the task that ships.
        """
        tables = []
        for path in sorted(self.path.glob("architectures*.json")):
            try:
                table = read_json(path)
                if not table["architectures"]:
                    raise KeyError("no architecture in it")
            except (CompactrlError, KeyError, TypeError) as error:
                self.notes.append(f"{path} is no table of architectures: {error}")
                continue
            if "context" in table and not self._ships_in(table["context"]):
                continue
            tables.append({"env_steps": self.summary.get("env_steps", 0), **table})
        return sorted(tables, key=lambda table: float(table["env_steps"] or 0))

    def _ships_in(self, context: list[float]) -> bool:
        """Return whether the final policy is for this task."""
        own = None if self.policy is None else self.policy.context
        return own is not None and own.tolist() == context


def find_runs(sources: Source | Iterable[Source]) -> tuple[list[Path], list[str]]:
    """Return the folders that paths, globs and runs stand for, each once and in order, and notes on what is no run.

    A folder that is no run itself stands for the runs in it.

    Raises:
        InputError: there is no run at all.
    """
    given = [sources] if isinstance(sources, str | Path | Run) else list(sources)
    paths: dict[Path, None] = {}
    notes: list[str] = []
    for source in given:
        path = source.path if isinstance(source, Run) else located(source)
        places = [path] if path.exists() else [Path(place) for place in sorted(glob.glob(str(path)))]
        runs = [run for place in places for run in _runs_at(place)]
        if not runs:
            notes.append(f"{path}: no run there" if places else f"{path}: there is no such folder")
        paths |= dict.fromkeys(runs)
    if not paths:
        raise InputError(
            f"no runs to report on ({'; '.join(notes) or 'nothing was given'}): give the folders that searches wrote "
            "to, a folder with such folders in it, or a pattern such as 'runs/chromatic-*'"
        )
    return list(paths), notes


def read_runs(sources: Source | Iterable[Source]) -> tuple[list[Record], list[str]]:
    """Return the runs that paths, globs and runs stand for, and notes on those that cannot be read.

    Raises:
        InputError: there is no run that can be.
    """
    paths, notes = find_runs(sources)
    records = []
    for path in paths:
        record = read_record(path)
        if isinstance(record, str):
            notes.append(record)
        else:
            records.append(record)
    if not records:
        raise InputError("no run could be read: " + "; ".join(notes))
    return records, notes


def _runs_at(place: Path) -> list[Path]:
    if (place / "config.json").exists():
        return [place]
    return sorted(inner.parent for inner in place.glob("*/config.json")) if place.is_dir() else []


def read_record(path: Path) -> Record | str:
    """Read a run; or say why it cannot be reported on."""
    try:
        options = Run(path).config
    except CompactrlError as error:
        return str(error)
    notes: list[str] = []
    metrics = _read_metrics(path / "metrics.jsonl", [] if ships(path) else notes)
    summary = _read_object(path / "summary.json", notes) if (path / "summary.json").exists() else {}
    versions = _read_object(path / "versions.json", notes)
    record = Record(path, options, summary, versions, metrics, (), notes)
    record.shape = _shape(path) or tuple(options.get("hidden", ()))
    if not summary:
        notes.append("nothing has been saved yet: the search has just begun, or ended before its first checkpoint")
    elif not record.finished:
        done, budget = summary.get("env_steps", 0), options.get("steps", 0)
        episodes = summary.get("episodes", 0)
        notes.append(
            f"not finished ({done:,} of {budget:,} environment steps): "
            + (
                f"its return is of the last re-evaluation, over {episodes} episodes by which the policy was chosen"
                if episodes
                else "its policy has not been evaluated yet, and has no return"
            )
        )
    if record.finished and not np.isfinite(record.score):
        notes.append("summary.json has no return: it is left out of the statistics")
    if summary.get("failed"):
        notes.append(f"{summary['failed']} of its last episodes failed and are left out")
    return record


def _read_object(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        content = read_json(path)
    except CompactrlError as error:
        notes.append(str(error))
        return {}
    if not isinstance(content, dict):
        notes.append(f"{path} is no JSON object: it is damaged or another kind of file")
        return {}
    return content


def _read_metrics(path: Path, notes: list[str]) -> dict[str, Floats]:
    """Return the columns of metrics.jsonl; lines that are none are counted in a note, a cut last line excepted."""
    from pydantic_core import from_json

    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        notes.append(f"{path} cannot be read: {error.strerror or error}")
        lines = []
    values: list[list[Any]] = []
    damaged = 0
    for number, line in enumerate(lines, 1):
        try:
            record = from_json(line)
            row = [record.get(column) for column in COLUMNS]
            if record["env_steps"] is None:
                raise ValueError("no environment steps")
            values.append(row)
        except (ValueError, AttributeError, KeyError):
            damaged += number < len(lines)  # the last line may be in the middle of being written
    if damaged:
        notes.append(f"{path}: {damaged} of {len(lines)} lines are damaged and left out")
    try:
        table = np.array(values, np.float64).reshape(len(values), len(COLUMNS))
    except (ValueError, TypeError):
        notes.append(f"{path} holds something else than numbers: its curves are left out")
        table = np.zeros((0, len(COLUMNS)))
    return {column: np.ascontiguousarray(table[:, index]) for index, column in enumerate(COLUMNS)}


def _shape(path: Path) -> tuple[int, ...]:
    """Return the widths of the policy's layers from the head of its file, without reading the rest."""
    file = path / "policy.safetensors"
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > 1_000_000:
                return ()
            head = json.loads(opened.read(length))
        shapes = [head[key]["shape"] for key in _layer_keys(head)]
        return (shapes[0][1], *(shape[0] for shape in shapes)) if shapes else ()
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return ()


def _layer_keys(head: dict[str, Any]) -> list[str]:
    keys = [key for key in head if key.startswith("/layers/") and key.endswith("/weight")]
    return sorted(keys, key=lambda key: int(key.split("/")[2]))
