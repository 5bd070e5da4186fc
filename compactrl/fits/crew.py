"""Stages of a fit side by side: each in a process of its own (`hand.py`), with its part of the cores.

Small networks learn on one core, whatever there is besides. So what does not wait for each other goes in waves, of as
many as there are cores, and those of a wave share the cores. Where a budget is in seconds, all of a wave get the sum of
what they would have got one after the other, and each counts as its part of that: the fit takes the same time, and
every search has more. Where it is in steps, each gets its own, and the policies are the same bit for bit.

One after the other, in this process, go stages that are too short for it, those of an environment that no other process
has, and all where there is one core.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compactrl.envs.registry import registration
from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.fits import hand as other_end
from compactrl.fits.ledger import Ledger
from compactrl.fits.portfolio import STEPS_A_SECOND
from compactrl.fits.stages import Book, Grant, StoppedError, Watch, advance
from compactrl.machine.hardware import cores, memory

LEAST_SECONDS = 30.0
"""Of all stages that are given together, below which other processes are not begun for them."""
MOST = 8
"""Processes; on more cores each has several."""
MEMORY = 1.0
"""GiB that a process may take, about."""
LOOK_SECONDS = 0.2
RAISED: Mapping[str, type[CompactrlError] | type[StoppedError]] = {
    kind.__name__: kind for kind in (StoppedError, FaultError, InputError, CompactrlError)
}
Outcome = Exception | None
"""Of a stage: what it raised."""


class Crew:
    """Runs stages.

    Args:
        environment: options that name the environment.
        threads: that the fit may use; 0 is every core.
        ledger: of the fit.
        watch: told what is done.
    """

    def __init__(self, environment: Mapping[str, Any], threads: int, ledger: Ledger, watch: Watch) -> None:
        self._environment, self._cores = dict(environment), threads or cores()
        self._ledger, self._watch = ledger, watch
        self._hands: list[_Hand] = []
        self._apart: bool | None = None
        """Whether other processes have the environment; None where it is not known yet."""

    def __enter__(self) -> Crew:
        """Begin no process yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        for hand in self._hands:
            hand.close()
        self._hands.clear()

    def run(self, grants: Sequence[Grant], enough: Callable[[Grant], bool]) -> Iterator[tuple[Grant, Outcome]]:
        """Run stages, and yield each with what came of it, in their order.

        Args:
            grants: that do not wait for each other.
            enough: whether a stage that has ended makes those after it needless: they are not begun, or stopped, and
                not yielded.

        Raises:
            CompactrlError: a process has ended by itself.
        """
        left = [grant for grant in grants if self._ledger.known(grant.key) is None]
        size = min(self._places(left), len(left))
        found: dict[str, Outcome] = {grant.name: None for grant in grants if grant not in left}
        for grant in grants:
            if grant.name not in found:
                wave, left = left[:size], left[size:]
                found |= {grant.name: self._run_here(grant)} if size == 1 else self._run_wave(wave, enough)
            if grant.name not in found:  # needless
                return
            yield grant, found[grant.name]
            if enough(grant):
                return

    def _places(self, grants: Sequence[Grant]) -> int:
        """Return how many of these may run side by side."""
        seconds = sum(grant.amount.value / (1 if grant.amount.seconds else STEPS_A_SECOND) for grant in grants)
        places = min(self._cores, MOST, int(memory().free / MEMORY) + len(self._hands))
        if places < 2 or len(grants) < 2 or seconds < LEAST_SECONDS or self._apart is False:
            return 1
        try:
            while len(self._hands) < min(places, len(grants)):
                self._hands.append(_Hand(self._environment))
        except OSError:  # no process may be begun here
            self._apart = False
        if self._apart is None:
            here = registration(str(self._environment["env"]))
            self._apart = all(hand.registration == here for hand in self._hands)
        if not self._apart:
            self.__exit__()
        return places if self._apart else 1

    def _run_here(self, grant: Grant) -> Outcome:
        """Run a stage in this process, for what it was given where it was begun beside others."""
        self._watch.doing = grant.name
        value, weight = self._ledger.known(f"{grant.key}: given") or (grant.amount.value, 1.0)
        given = replace(grant, amount=replace(grant.amount, value=value))
        try:
            advance(given, Part(self._ledger, weight), self._watch)
        except (StoppedError, CompactrlError) as error:
            return error
        return None

    def _run_wave(self, wave: Sequence[Grant], enough: Callable[[Grant], bool]) -> dict[str, Outcome]:
        """Run stages all at once; return what came of each, but of those that were needless."""
        begun, had = time.monotonic(), self._ledger.spent
        together = sum(grant.amount.value for grant in wave)
        running: dict[_Hand, Grant] = {}
        found: dict[str, Outcome] = {}
        for hand, grant in zip(self._hands, wave, strict=False):
            value, weight = grant.amount.value, 1.0
            if grant.amount.seconds:
                share = [min(together, grant.most_seconds), 1 / len(wave)]
                value, weight = self._ledger.once(f"{grant.key}: given", lambda: share)  # noqa: B023
            amount = replace(grant.amount, value=value)
            options = {**grant.options, "threads": max(1, self._cores // len(wave))}
            hand.begin(replace(grant, amount=amount, options=options), Part(self._ledger, weight))
            running[hand] = grant
        self._watch.begun = begun
        with selectors.DefaultSelector() as selector:
            for hand in running:
                selector.register(hand.output, selectors.EVENT_READ, hand)
            while running:
                self._watch.doing = _told([grant.name for grant in running.values()])
                for ready, _ in selector.select(LOOK_SECONDS):
                    hand = ready.data
                    hand.hear()
                    self._watch.elsewhere[hand.name] = hand.underway
                    if hand.ended:
                        selector.unregister(hand.output)
                        grant = running.pop(hand)
                        found[grant.name] = hand.outcome
                self._stop_if_asked(wave, running, found, enough)
        self._watch.elsewhere.clear()
        stopped = any(isinstance(outcome, StoppedError) for outcome in found.values())
        if wave[0].amount.seconds and not stopped:  # what was not spent by one while others went on
            waited = time.monotonic() - begun - (self._ledger.spent - had)
            if waited > 1:
                self._ledger.note(f"{wave[0].key}: waiting", {"for": [grant.name for grant in wave[1:]]}, waited)
        return found

    def _stop_if_asked(
        self,
        wave: Sequence[Grant],
        running: Mapping[_Hand, Grant],
        found: dict[str, Outcome],
        enough: Callable[[Grant], bool],
    ) -> None:
        """Stop all where somebody asks, or one has found a fault; and what is needless."""
        faulty = any(isinstance(outcome, FaultError) for outcome in found.values())
        stops = self._watch.should_stop() or faulty
        done = [place for place, grant in enumerate(wave) if grant.name in found and enough(grant)]
        needless = wave[min(done) + 1 :] if done else ()
        for hand, grant in running.items():
            if stops or grant in needless:
                hand.stop()
        for grant in needless:
            found.pop(grant.name, None)


class Part:
    """The ledger, for a stage of whose spending a part counts."""

    def __init__(self, ledger: Ledger, weight: float) -> None:
        self._ledger, self._weight = ledger, weight
        self.known, self.once = ledger.known, ledger.once

    def note(self, key: str, result: Any, spent: float = 0.0) -> None:
        """Write down what a step came to, and what it took of the budget."""
        self._ledger.note(key, result, spent * self._weight)


class _Hand:
    """One process, as it is seen from here."""

    def __init__(self, environment: Mapping[str, Any]) -> None:
        package = str(Path(__file__).parents[2])
        found = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", other_end.__name__],
            env={**os.environ, "PYTHONPATH": found},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the fit, which lets its stages save
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout
        self._heard, self._stopped = b"", False
        self._book: Book
        self.name, self.underway = "", 0.0
        self.ended = True
        self.outcome: Outcome = None
        self._tell(environment=dict(environment), path=sys.path)
        self._registration: str | None = None
        self._greeted = False

    @property
    def registration(self) -> str | None:
        """The environment's, as it is there; None where it is not, or where the process did not begin."""
        while not self._greeted:
            try:
                self.hear()
            except CompactrlError:
                return None
        return self._registration

    def begin(self, grant: Grant, book: Book) -> None:
        """Give it a stage, and where it is written down."""
        self.name, self.underway, self.ended, self.outcome = grant.name, 0.0, False, None
        self._book, self._stopped = book, False
        keys = (f"{grant.key}: from", f"{grant.key}: steps")
        known = {key: value for key in keys if (value := book.known(key)) is not None}
        self._tell(grant=other_end.written_grant(grant), known=known)

    def stop(self) -> None:
        """Ask it to save and to end its stage."""
        if not self._stopped:
            self._stopped = True
            self._tell(stop=True)

    def hear(self) -> None:
        """Read what has come, and do it.

        Raises:
            CompactrlError: the process is gone.
        """
        read = os.read(self.output.fileno(), 1 << 16)
        if not read:
            self._raise_gone()
        *lines, self._heard = (self._heard + read).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "note" in message:
                self._book.note(message["note"], message["result"], message["spent"])
                self._tell(noted=message["note"])
            elif "underway" in message:
                self.underway = message["underway"]
            elif "warning" in message:
                warnings.warn(message["warning"], stacklevel=2)
            elif "ended" in message:
                self.ended = True
                raised = message["ended"]
                self.outcome = None if raised is None else RAISED[raised[0]](raised[1])
            elif "registration" in message:
                self._registration, self._greeted = message["registration"], True

    def close(self) -> None:
        """End the process."""
        self._input.close()
        self._process.wait()
        self.output.close()

    def _tell(self, **message: Any) -> None:
        try:
            self._input.write(json.dumps(message).encode() + b"\n")
            self._input.flush()
        except OSError:
            self._raise_gone()

    def _raise_gone(self) -> None:
        status = self._process.wait()
        why = f"was killed by signal {-status}: was memory short?" if status < 0 else f"ended with status {status}"
        raise CompactrlError(
            f"a process of this fit, at work on {self.name or 'its beginning'}, {why} The same command again goes on; "
            "with --threads 1 one search runs at a time, in one process"
        )


def _told(names: Sequence[str]) -> str:
    more = [f"{len(names) - 2} more"] if len(names) > 3 else []
    return ", ".join([*names[: 2 if more else 3], *more])
