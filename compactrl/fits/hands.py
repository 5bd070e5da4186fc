"""Processes that run stages of a fit, as the crew sees them; what they do is in `hand.py`."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from compactrl.errors import CompactrlError
from compactrl.fits.hand import KINDS, written_grant
from compactrl.fits.ledger import Ledger
from compactrl.fits.stages import Grant, StoppedError, Watch

LOOK_SECONDS = 0.2
BEGINNING_SECONDS = 120.0
"""That a process may take to begin: it imports what the environment needs."""
Outcome = CompactrlError | StoppedError | None
"""Of a stage: what it raised."""


class Hand:
    """One process, as it is seen from here.

    Args:
        environment: options that name it.

    Raises:
        OSError: no process can be begun.
    """

    def __init__(self, environment: Mapping[str, Any]) -> None:
        if not sys.executable:
            raise OSError("Python does not know where it is")
        package = str(Path(__file__).parents[2])
        path = [each for each in sys.path if isinstance(each, str)]
        path += [] if package in path else [package]
        begin = f"import sys; sys.path[:] = {path!r}; from compactrl.fits.hand import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", begin],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the fit, which lets its stages save
        )
        self._book: Ledger | None = None
        self._heard, self._stopped = b"", False
        self._environment, self._likeness = dict(environment), ""
        self.name, self.taken = "", 0.0
        """Of its stage: which one, and what it has taken of a budget in steps."""
        self.ended = True
        self.outcome: Outcome = None

    @property
    def output(self) -> Any:
        """Where it sends to."""
        return self._process.stdout

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def likeness(self, watch: Watch) -> str:
        """Return its environment's; nothing where it has none, or did not begin in time."""
        end = time.monotonic() + BEGINNING_SECONDS
        try:
            self._tell(environment=self._environment)
            while not self._likeness and time.monotonic() < end and not watch.should_stop():
                for hand in ready([self]):
                    hand.hear()
        except CompactrlError:
            return ""
        return self._likeness

    def begin(self, grant: Grant, ledger: Ledger) -> None:
        """Give it a stage, and where that is written down."""
        self.name, self.taken, self.ended, self.outcome = grant.name, 0.0, False, None
        self._book, self._stopped = ledger, False
        keys = (f"{grant.key}: {what}" for what in ("from", "steps", "parts"))
        known = {key: value for key in keys if (value := ledger.known(key)) is not None}
        self._tell(grant=written_grant(grant), known=known)

    def stop(self) -> None:
        """Ask it to save and to end its stage."""
        if not self._stopped:
            self._stopped = True
            with contextlib.suppress(CompactrlError):  # it is heard of soon
                self._tell(stop=True)

    def hear(self) -> None:
        """Read what has come, and do it.

        Raises:
            CompactrlError: the process is gone.
        """
        read = b"" if self.is_gone and not _has_sent(self.output) else os.read(self.output.fileno(), 1 << 16)
        if not read:
            self._raise_gone()
        *lines, self._heard = (self._heard + read).split(b"\n")
        for message in map(json.loads, lines):
            if "note" in message and self._book is not None:
                self._book.note(message["note"], message["result"], message["spent"])
                self._tell(noted=message["note"])
            elif "taken" in message:
                self.taken = message["taken"]
            elif "warning" in message:
                warnings.warn(message["warning"], stacklevel=2)
            elif "ended" in message:
                self.ended, self.outcome = True, _raised(message["ended"])
            elif "likeness" in message:
                self._likeness = message["likeness"] or "none there"

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _tell(self, **message: Any) -> None:
        left = json.dumps(message).encode() + b"\n"
        try:
            while left and self._process.stdin is not None:
                left = left[self._process.stdin.write(left) :]
        except OSError:
            self._raise_gone()

    def _raise_gone(self) -> None:
        status = self._process.wait()
        why = f"was killed by signal {-status}: was memory short?" if status < 0 else f"ended with status {status}."
        raise CompactrlError(
            f"a process of this fit, at work on {self.name or 'its beginning'}, {why} The same command again goes on; "
            "with --threads 1 one search runs at a time, in one process"
        )


def _has_sent(output: Any) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        return bool(selector.select(0))


def _raised(told: Sequence[str] | None) -> Outcome:
    """Return what a stage raised there, by its kind's name and its message.

    Raises:
        RuntimeError: something else than users are told, with where.
    """
    if told is None:
        return None
    kind = next((kind for kind in KINDS if kind.__name__ == told[0]), None)
    if kind is None:
        raise RuntimeError(told[1])
    return kind(told[1])


def ready(hands: Iterable[Hand]) -> list[Hand]:
    """Wait for a moment; return the processes that have sent something, or are gone."""
    with selectors.DefaultSelector() as selector:
        for hand in hands:
            selector.register(hand.output, selectors.EVENT_READ, hand)
        found = [key.data for key, _ in selector.select(LOOK_SECONDS)]
    # A process of its own may hold its end of the pipe.
    return found + [hand for hand in hands if hand not in found and hand.is_gone]
