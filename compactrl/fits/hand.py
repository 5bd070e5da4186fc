"""A process that runs stages of a fit for the one that began it, `crew.py`.

Both send JSON, an object a line. What a stage writes down goes to the crew, which has the fit's ledger, and is waited
for. Where the crew's end of the pipe is gone, so is the fit, and the process ends at once: files are whole at any
moment, and whoever goes on begins at the last checkpoint.

| from the crew | |
| --- | --- |
| `environment` | first of all: options that name it |
| `grant`, `known` | a stage to run, and what the ledger knows of it |
| `noted` | a key is written down |
| `stop` | save, and end the stage |

| to the crew | |
| --- | --- |
| `likeness` | of the environment, as it is here |
| `note`, `result`, `spent` | write this down |
| `taken` | of a budget in steps, by the stage so far |
| `warning` | a text |
| `ended` | the stage is: null, or what it raised and the message |
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeVar

from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.fits.likeness import likeness
from compactrl.fits.stages import Amount, Grant, StoppedError, Watch, advance

LOOK_SECONDS = 1.0
"""How often it is said how far a stage is."""
LOCK_SECONDS = 10.0
"""How long a process that is being ended may still hold a run."""
KINDS = (StoppedError, FaultError, InputError, CompactrlError)
"""What a stage may raise, whose message is for the user; the narrower first."""
T = TypeVar("T")


class Line:
    """The crew's end: messages come in a thread of their own, and go out whole.

    Args:
        receives: what the crew writes to.
        sends: what it reads.
    """

    def __init__(self, receives: IO[str], sends: IO[str]) -> None:
        self._receives, self._sends, self._sending = receives, sends, threading.Lock()
        self.grants: queue.Queue[dict[str, Any]] = queue.Queue()
        self.noted: queue.Queue[str] = queue.Queue()
        self.stopping = threading.Event()
        self.first: dict[str, Any] = json.loads(receives.readline() or "null") or os._exit(0)
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, **message: Any) -> None:
        """Send a message."""
        with self._sending:
            try:
                self._sends.write(json.dumps(message) + "\n")
                self._sends.flush()
            except OSError:  # nobody is there
                os._exit(0)

    def _receive(self) -> None:
        for line in self._receives:
            message = json.loads(line)
            if "grant" in message:
                self.stopping.clear()
                self.grants.put(message)
            elif "noted" in message:
                self.noted.put(message["noted"])
            else:
                self.stopping.set()
        os._exit(0)


class CarbonCopy:
    """What a stage knows of the ledger; what it writes down, it sends, and waits until that is done."""

    def __init__(self, line: Line, known: Mapping[str, Any]) -> None:
        self._line, self._known = line, dict(known)

    def known(self, key: str) -> Any:
        """Return what a step came to; None where it is not done yet."""
        return self._known.get(key)

    def once(self, key: str, do: Callable[[], T]) -> T:
        """Return what a step came to, as JSON values; it is done now if it was not done before."""
        if key not in self._known:
            self.note(key, do())
        result: T = self._known[key]
        return result

    def note(self, key: str, result: Any, spent: float = 0.0) -> None:
        """Write down what a step came to, and what it took of the budget."""
        self._known[key] = result
        self._line.send(note=key, result=result, spent=spent)
        self._line.noted.get()


def main() -> None:
    """Run what the crew gives, until it is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # of whole groups of processes: the crew decides
        signal.signal(number, lambda *_: None)
    line = _line()
    line.send(likeness=likeness(line.first["environment"]))
    warnings.showwarning = lambda message, *_, **__: line.send(warning=str(message))
    for message in iter(line.grants.get, None):
        line.send(ended=_run(line, message))


def _line() -> Line:
    """Return the line to the crew; what an environment prints or reads is no message."""
    receives, sends = (os.fdopen(os.dup(end), mode, encoding="utf-8") for end, mode in ((0, "r"), (1, "w")))
    with open(os.devnull, encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (of the process)
    return Line(receives, sends)


def _run(line: Line, message: Mapping[str, Any]) -> list[str] | None:
    """Run a stage; return what it raised, and the message."""
    grant, watch = read_grant(message["grant"]), Watch(line.stopping.is_set)
    ended = threading.Event()
    threading.Thread(target=_tell, args=(line, watch, ended), daemon=True).start()
    try:
        _wait_for(grant.path)
        advance(grant, CarbonCopy(line, message["known"]), watch)
    except KINDS as error:
        return [next(kind.__name__ for kind in KINDS if isinstance(error, kind)), str(error)]
    except Exception:
        return ["", traceback.format_exc()]
    finally:
        ended.set()
    return None


def _tell(line: Line, watch: Watch, ended: threading.Event) -> None:
    """Say how far a stage is, until it has ended."""
    while not ended.wait(LOOK_SECONDS):
        line.send(taken=watch.taken())


def _wait_for(path: Path) -> None:
    """Wait until a process that is being ended has let go of a run."""
    lock, end = path / ".lock", time.monotonic() + LOCK_SECONDS
    while lock.exists() and time.monotonic() < end:
        with open(lock, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.1)
            else:
                return


def written_grant(grant: Grant) -> dict[str, Any]:
    """Return a grant as JSON values."""
    written = {**asdict(grant), "path": str(grant.path.absolute())}
    return {name: value for name, value in written.items() if value != math.inf}


def read_grant(written: Mapping[str, Any]) -> Grant:
    """Return the grant with these values."""
    return Grant(**{**written, "path": Path(written["path"]), "amount": Amount(**written["amount"])})
