"""A stage of a fit is a run on disk, gone on with for an amount of seconds or of steps.

Whoever stops in the middle of a stage goes on with its run from its last checkpoint, up to the same amount. Where the
budget is in steps, all this is the same bit for bit as without a stop; where it is in seconds, each run is.

Stages may be run here or in other processes (`crew.py`): what one decides and spends goes into a `Book`, which is the
fit's ledger, or what reaches it from another process.
"""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compactrl.errors import CompactrlError
from compactrl.fits.candidate import STAGES
from compactrl.fits.ledger import FILE, differing, read_record
from compactrl.runs.run import Run
from compactrl.searches.api import reopen, start
from compactrl.searches.search import Search
from compactrl.searches.stopping import RETURN

CALIBRATED = 0.2
"""Share of a stage after which its steps are set by its pace, where its learning rate must have fallen at the end."""


class StoppedError(Exception):
    """Somebody asked for an end; everything is saved."""


class Book(Protocol):
    """Where a stage writes down what it has decided and spent."""

    def known(self, key: str) -> Any:
        """Return what a step came to; None where it is not done yet."""

    def once(self, key: str, do: Callable[[], Any]) -> Any:
        """Return what a step came to, as JSON values; it is done now if it was not done before."""

    def note(self, key: str, result: Any, spent: float = 0.0) -> None:
        """Write down what a step came to, and what it took of the budget."""


@dataclass
class Watch:
    """What may be looked at from another thread while a fit works."""

    should_stop: Callable[[], bool] = lambda: False
    doing: str = "beginning"
    taken: Callable[[], float] = lambda: 0.0
    """What the present stage has taken of a budget in steps."""
    base: float = 0.0
    """Of the budget, spent before the present stage."""
    begun: float = field(default_factory=time.monotonic)
    """When the present stage began, by the monotonic clock."""
    lines: list[str] = field(default_factory=list)
    """To be said."""

    def say(self, line: str) -> None:
        """Let a line be written above the progress."""
        self.lines.append(line)


@dataclass(frozen=True)
class Amount:
    """Of seconds, or of environment steps."""

    value: float
    seconds: bool


@dataclass(frozen=True)
class Grant:
    """What a candidate's search is given, to go on."""

    name: str
    path: Path
    """Of its run."""
    options: Mapping[str, Any]
    """Of its search."""
    amount: Amount
    """On top of what it has had."""
    key: str
    """Of this step in the ledger."""
    cost: int = 1
    """What an environment step counts as, where the amount is in steps."""
    anneals: bool = False
    """Whether its learning rate falls to nothing by its end, which must come with the amount's."""
    most_seconds: float = math.inf
    """More helps little, however many cores there are."""
    beside: int = 1
    """Stages that run at a time, this one among them: of its seconds such a part counts."""

    @property
    def updates(self) -> bool:
        """Whether its search learns by gradients."""
        return self.cost > 1


def advance(grant: Grant, ledger: Book, watch: Watch) -> Run:
    """Go on with a run for an amount, unless that is done; begin it where there is none.

    Args:
        grant: what is given.
        ledger: of the fit.
        watch: told of the search.

    Raises:
        StoppedError: asked for.
        CompactrlError: the search cannot go on.
    """
    path, amount, key, cost, anneals = grant.path, grant.amount, grant.key, grant.cost, grant.anneals
    if ledger.known(key) is not None:
        return Run(path)
    if has_reached(path):  # of an earlier stage, or of this one, where the process ended before it was noted
        summary = Run(path).summary
        begun = ledger.once(f"{key}: from", lambda: [summary["seconds"], summary["env_steps"]])
        parts, taken = ledger.known(f"{key}: parts"), summary["seconds"] - begun[0]
        spent = own_seconds(parts, taken) if amount.seconds else (summary["env_steps"] - begun[1]) * cost
        ledger.note(key, {"env_steps": summary["env_steps"], "seconds": summary["seconds"]}, float(spent))
        return Run(path)
    clock = watch.begun = time.monotonic()
    fixed = f"{key}: steps"
    if anneals and not amount.seconds:
        ledger.once(fixed, lambda: max(1, int(amount.value / cost)))
    search = _opened(path, grant.options, ledger.known(fixed))
    before = ledger.once(f"{key}: from", lambda: [search.seconds, search.env_steps])
    setup, had, steps_had = time.monotonic() - clock, search.seconds, search.env_steps
    parts = _with_part(f"{key}: parts", had - float(before[0]), grant.beside, ledger) if amount.seconds else None

    def consumed() -> float:
        if amount.seconds:
            return own_seconds(parts, search.seconds - float(before[0]) + setup)
        return float(search.env_steps - before[1]) * cost

    watch.taken = lambda: consumed() + min(search.underway, 10**9) * cost
    if anneals and ledger.known(fixed) is None:
        opened = consumed()
        enough = opened + CALIBRATED * max(amount.value - opened, 0.0)
        _run(search, watch, lambda: search.env_steps > steps_had and consumed() >= enough, path)
        pace = (search.env_steps - steps_had) / max(search.seconds - had, 1e-9)
        left = max(amount.value - consumed(), 0.1 * amount.value) * grant.beside
        search.close()
        ledger.note(fixed, int(search.env_steps + pace * left) + 1)
        search = _opened(path, grant.options, ledger.known(fixed))
    _run(search, watch, lambda: not anneals and consumed() >= amount.value, path)
    search.close()
    watch.taken = lambda: 0.0
    ledger.note(key, {"env_steps": search.env_steps, "seconds": search.seconds}, consumed())
    return Run(path)


def own_seconds(parts: Sequence[tuple[float, int]] | None, seconds: float) -> float:
    """Return what a search's seconds count as, where others ran beside it.

    Args:
        parts: from which second on how many ran, this one among them, in order; alone where there are none.
        seconds: that it has taken.

    Example:
        >>> own_seconds(None, 30.0), own_seconds([(0.0, 1), (10.0, 2)], 30.0)
        (30.0, 20.0)
    """
    found = [*(parts or [(0.0, 1)]), (seconds, 1)]
    return sum((end - begun) / beside for (begun, beside), (end, _) in itertools.pairwise(found))


def _with_part(key: str, seconds: float, beside: int, ledger: Book) -> Sequence[tuple[float, int]] | None:
    """Return how many run beside a search since when, from now on so many; written down where it was not alone."""
    parts: list[tuple[float, int]] | None = ledger.known(key)
    if beside == (parts[-1][1] if parts else 1):
        return parts
    parts = [*(parts or ([(0.0, 1)] if seconds else [])), (seconds, beside)]
    ledger.note(key, parts)
    return parts


def has_reached(path: Path) -> bool:
    """Return whether a run's search ended with the return that is enough (`stop_at`)."""
    return (path / "summary.json").exists() and Run(path).summary.get("stopped_by") == RETURN


def engine_of(path: Path, options: Mapping[str, Any]) -> str:
    """Return what steps the environments of a fit: what it was begun with, whatever `auto` means by now.

    Args:
        path: of the fit, begun or not.
        options: as it records them.

    Raises:
        DamagedFileError: its record, or one of its runs', is none.
    """
    asked = str(options["engine"])
    if asked != "auto" or not (path / FILE).exists():
        return asked
    record = read_record(path)
    if record["finished"] or differing(record["options"], options):  # it is opened, or refused
        return asked
    if "engine" in record:
        return str(record["engine"])
    # An earlier version's. Where one has gone on with another engine already, what most of its runs have.
    runs = [Run(file.parent) for file in sorted((path / STAGES).glob("*/config.json"))]
    most = Counter(str(run.config["engine"]) for run in runs).most_common(1)
    return most[0][0] if most else asked


def _opened(path: Path, options: Mapping[str, Any], steps: int | None) -> Search:
    """Return the search of a run, begun or gone on with, with another budget where one is given."""
    if path.exists() and not (path / "config.json").exists():
        shutil.rmtree(path)  # the process ended while it was written
    if (path / "config.json").exists():
        return reopen(path, steps, threads=options.get("threads"))
    return start({**options, **({} if steps is None else {"steps": steps})}, path)


def _run(search: Search, watch: Watch, enough: Callable[[], bool], path: Path) -> None:
    """Run a search until it has had enough, saved; interrupted, raise."""
    try:
        with search.writer.resumable(path.parents[1]), np.errstate(over="ignore", invalid="ignore"):
            search.run(should_stop=lambda: watch.should_stop() or enough())
    except BaseException:
        search.close()
        raise
    if watch.should_stop() and not enough() and not search.stopped_by:
        search.close()
        raise StoppedError
    if not (path / "policy.json").exists():
        raise CompactrlError(f"{path} has no policy yet: too little of the budget is left for it")
