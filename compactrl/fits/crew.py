"""Stages of a fit side by side: each in a process of its own (`hand.py`), with its part of the cores.

Small networks learn on one core, whatever there is besides. So what does not wait for each other goes in waves of about
as many as there are cores, and those of a wave share them. Of seconds beside others a part counts
(`stages.own_seconds`): the fit takes the same time, and every search has more. Where a budget is in steps, each gets
its own, and the policies are the same bit for bit.

One after the other, in this process, go stages that are too short for it, those of an environment that no other process
has (`likeness.py`), and all where there is one core.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compactrl.errors import CompactrlError, FaultError
from compactrl.fits.hands import Hand, Outcome, ready
from compactrl.fits.ledger import Ledger
from compactrl.fits.likeness import likeness
from compactrl.fits.portfolio import STEPS_A_SECOND
from compactrl.fits.stages import Grant, StoppedError, Watch, advance
from compactrl.machine.hardware import cores, memory

LEAST_SECONDS = 30.0
"""Of all stages that are given together, below which other processes are not begun for them."""
MOST = 8
"""Processes; on more cores each has several."""
ALIKE = 1.5
"""Times as much as the least of stages that share cores gets, at most."""
MEMORY = 1.0
"""GiB that a process may take, about."""


class Crew:
    """Runs stages.

    Args:
        environment: options that name the environment.
        threads: cores that the fit may use; 0 is every core.
        ledger: of the fit.
        watch: told what is done.
    """

    def __init__(self, environment: Mapping[str, Any], threads: int, ledger: Ledger, watch: Watch) -> None:
        self._environment, self._cores = dict(environment), threads or cores()
        self._ledger, self._watch = ledger, watch
        self._hands: list[Hand] = []
        self._likeness = ""
        """Of the environment; empty where it was not needed yet."""
        self._alone = False
        """Whether another process has turned out to have another environment, or none."""

    def __enter__(self) -> Crew:
        """Begin no process yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        for hand in self._hands:
            hand.close()
        self._hands.clear()

    def run(self, grants: Sequence[Grant], enough: Callable[[Grant], bool]) -> Iterator[tuple[Grant, Outcome]]:
        """Run stages, and yield each with what came of it, in their order; nothing after one that was stopped.

        Args:
            grants: that do not wait for each other.
            enough: whether a stage that has ended makes those after it needless: they are not begun, or stopped and
                taken back, and not yielded.

        Raises:
            FaultError: the environment's code is wrong.
            CompactrlError: a process has ended by itself.
        """
        done = [grant for grant in grants if self._ledger.known(grant.key) is not None]
        place = next((grants.index(grant) for grant in done if enough(grant)), len(grants))
        left = [grant for grant in grants[:place] if grant not in done]
        waves = iter(self._waves(left, self._places(left)))
        found: dict[str, Outcome] = {grant.name: None for grant in done}
        for grant in grants:
            if grant.name not in found:
                wave = next(waves)
                found |= self._run_wave(wave, enough) if wave[0].beside > 1 else {grant.name: self._run_here(wave[0])}
            if grant.name not in found:  # needless
                return
            yield grant, found[grant.name]
            if isinstance(found[grant.name], StoppedError) or enough(grant):
                return

    def _places(self, grants: Sequence[Grant]) -> int:
        """Return how many of these may run side by side, and begin processes for them."""
        seconds = sum(grant.amount.value / (1 if grant.amount.seconds else STEPS_A_SECOND) for grant in grants)
        most = min(self._side_by_side(grants), MOST, int(memory().free / MEMORY) + len(self._hands))
        if most < 2 or seconds < LEAST_SECONDS or self._alone:
            return 1
        self._likeness = self._likeness or likeness(self._environment) or "none"
        begun: list[Hand] = []
        try:
            while len(self._hands) + len(begun) < most:
                begun.append(Hand(self._environment))
        except OSError:  # no process may be begun here
            self._alone = True
        for hand in begun:
            self._alone = self._alone or hand.likeness(self._watch) != self._likeness
        self._hands += begun
        if self._alone or self._watch.should_stop():
            self.__exit__()
            return 1
        return most

    def _side_by_side(self, grants: Sequence[Grant]) -> int:
        """Return how many of these are best run at a time: as many as there are cores.

        What learns by gradients has one core, however many are free: so of such stages, if they get about as much, the
        last wave's few go to the others, and share cores with them.
        """
        if len(grants) <= self._cores:
            return len(grants)
        values = [grant.amount.value for grant in grants]
        if not all(grant.updates for grant in grants) or max(values) > ALIKE * min(values):
            return self._cores
        return -(-len(grants) // (len(grants) // self._cores))

    def _waves(self, grants: Sequence[Grant], places: int) -> list[list[Grant]]:
        """Return grants in waves, as many of them at a time as there are places, or one fewer; each with what it gets.

        In seconds the waves together take what their grants are. Evolution is as fast as it has cores, so that those
        with more of them get less time; what learns by gradients uses one.
        """
        if places < 2:
            return [[self._given(grant, grant.amount.value)] for grant in grants]
        count = -(-len(grants) // places)
        bounds = [-(-len(grants) * wave // count) for wave in range(count + 1)]
        waves = [list(grants[begin:end]) for begin, end in itertools.pairwise(bounds)]
        if not grants[0].amount.seconds:
            return [[replace(grant, beside=len(wave)) for grant in wave] for wave in waves]
        shares = [
            sum(grant.amount.value / (min(len(wave), self._cores) if grant.updates else 1) for grant in wave)
            for wave in waves
        ]
        every = sum(grant.amount.value for grant in grants) / sum(shares)
        return [
            [self._given(grant, min(every * share, grant.most_seconds) / len(wave), len(wave)) for grant in wave]
            for wave, share in zip(waves, shares, strict=True)
        ]

    def _given(self, grant: Grant, value: float, beside: int = 1) -> Grant:
        """Return a grant of so much of the budget, or of what was decided before.

        What was begun alone, perhaps by an earlier version, has nothing written down, and keeps its own.
        """
        key, own = f"{grant.key}: given", grant.amount.value
        decided = self._ledger.known(key)
        if decided is not None:
            value = decided
        elif self._ledger.known(f"{grant.key}: from") is not None:
            value = own
        elif value != own:
            self._ledger.note(key, value)
        return replace(grant, amount=replace(grant.amount, value=value), beside=beside)

    def _run_here(self, grant: Grant) -> Outcome:
        """Run a stage in this process."""
        self._watch.doing = grant.name
        try:
            advance(grant, self._ledger, self._watch)
        except FaultError:  # of the user's code, whoever is in the race
            raise
        except (StoppedError, CompactrlError) as error:
            return error
        return None

    def _run_wave(self, wave: Sequence[Grant], enough: Callable[[Grant], bool]) -> dict[str, Outcome]:
        """Run stages all at once; return what came of each, but of those that were needless.

        Raises:
            CompactrlError: a process has ended by itself, or found a fault; the others have saved.
        """
        self._watch.begun, had = time.monotonic(), self._ledger.spent
        running: dict[Hand, Grant] = {}
        found: dict[str, Outcome] = {}
        gone: list[CompactrlError] = []
        faults: list[FaultError] = []
        threads = max(1, self._cores // len(wave))
        for hand, grant in zip(self._hands, wave, strict=False):
            hand.begin(replace(grant, options={**grant.options, "threads": threads}), self._ledger)
            running[hand] = grant
        everyone = tuple(running)
        self._watch.taken = lambda: sum(hand.taken for hand in everyone)
        while running:
            self._watch.doing = _told([grant.name for grant in running.values()])
            for hand in ready(running):
                try:
                    hand.hear()
                except CompactrlError as error:
                    gone.append(error)
                    self._hands.remove(hand)
                    del running[hand]
                    continue
                if hand.ended:
                    found[running.pop(hand).name] = hand.outcome
            needless = _after_enough(wave, found, enough)
            faults = [each for each in found.values() if isinstance(each, FaultError)]
            stops = self._watch.should_stop() or gone or faults
            for hand, grant in running.items():
                if stops or grant in needless:
                    hand.stop()
        self._watch.taken = lambda: 0.0
        if gone or faults:
            raise (*gone, *faults)[0]
        for grant in _after_enough(wave, found, enough):
            del found[grant.name]
            self._ledger.forget(grant.key)
            shutil.rmtree(grant.path, ignore_errors=True)
        stopped = any(isinstance(each, StoppedError) for each in found.values())
        waited = time.monotonic() - self._watch.begun - (self._ledger.spent - had)
        if wave[0].amount.seconds and not stopped and waited > 1:  # for those that took longest
            self._ledger.note(f"waiting: {wave[0].key}", [grant.name for grant in wave], waited)
        return found


def _after_enough(
    wave: Sequence[Grant], found: Mapping[str, Outcome], enough: Callable[[Grant], bool]
) -> Sequence[Grant]:
    """Return the stages after the first that has ended and is enough."""
    places = (place for place, grant in enumerate(wave) if grant.name in found and enough(grant))
    return wave[next(places, len(wave)) + 1 :]


def _told(names: Sequence[str]) -> str:
    more = [f"{len(names) - 2} more"] if len(names) > 3 else []
    return ", ".join([*names[: 2 if more else 3], *more])
