"""The evaluator on Ray workers: the same lanes as in one process, dealt to processes on this machine or on many.

A generation travels as one object that all share (the normaliser) and a piece of work for each worker: its lanes, their
counts of resets, the weights of its trials (`Work`; `Steps` where lanes stand). Since work says all that it depends on,
a worker that dies, hangs or is preempted is replaced, and the same work is done again from the same start: the numbers
do not change. The actions that standing lanes are rebuilt from travel to workers alone that have not these lanes there.

Work that loses a worker twice is taken apart into single evaluations, so that the one that does it is found; an
evaluation that loses a worker three times in a row is a failed one, with the reason, and the search goes on.

Ray's actors and object store do the carrying (Moritz et al., "Ray: a distributed framework for emerging AI
applications", 2018). Ray pickles what it carries, on both ends by the same code and behind its token; what is carried
here are numpy arrays and plain options, and nothing of it is ever read from a run's files.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.evaluation.ray import private
from compactrl.evaluation.ray.cluster import connect, cpus, ray_errors_as_messages, reason_of, shut_down, unlike
from compactrl.evaluation.ray.last_words import LastWords
from compactrl.evaluation.ray.work import Steps, Work, for_whom_has, taken_apart
from compactrl.evaluation.ray.worker import LaneWorker
from compactrl.types import Normalizer

Piece = TypeVar("Piece", bound=Work | Steps)

START_SECONDS = 60.0
"""After this long a worker that has not begun is not counted on; it is used if it comes."""
WHOLE_TRIES = 2
"""How many workers a piece of work may lose before it is taken apart into single evaluations."""
TRIES = 3
"""How many workers in a row one evaluation may lose before it counts as failed."""
FAILED_STARTS = 10
"""How many workers in a row may be lost before their first report; then none can be had."""
CLOSE_SECONDS = 5.0
"""How long workers may take to close their environments."""
LOOK_SECONDS = 1.0
"""Waiting is cut into these, so that signals and time limits are heeded."""


@dataclass(eq=False)
class _Slot:
    """One worker: an actor of Ray, or the promise of one."""

    actor: Any
    starting: Any
    """Its first report, to come; None once it is there."""
    asked: float
    """When it was asked for, in seconds of the monotonic clock."""
    report: dict[str, Any] = field(default_factory=lambda: {"machine": "?"})
    """What it said of its machine when it came up."""
    busy: bool = False
    stand: dict[str, str] = field(default_factory=dict)
    """Group → the name for where the lanes of it that this worker has stand."""


@dataclass(eq=False)
class _Assignment:
    """A piece of work that is to be done."""

    work: Work | Steps
    home: _Slot | None = None
    """The worker that had these lanes last; it has them at hand."""
    losses: int = 0
    """Workers lost to it in a row."""


class _Running(NamedTuple):
    """An assignment that a worker is on."""

    assignment: _Assignment
    slot: _Slot
    deadline: float
    """In seconds of the monotonic clock."""


class Workers:
    """Ray actors that evaluate: as many as asked for, replaced when they are lost.

    Args:
        environment: what `LaneWorker` takes, as plain options.
        count: workers; 0 for every CPU that a joined cluster has, at any time.
        address: of a cluster to join, as HOST:PORT or `auto`; without one a Ray of our own begins on this machine.
        timeout: seconds after which a piece of work counts as hung.

    Raises:
        InputError: no cluster there, a wrong token, too few CPUs, or workers with other versions than this process.
        CompactrlError: no worker comes up.
    """

    def __init__(self, environment: dict[str, Any], count: int, address: str = "", timeout: float = 600.0) -> None:
        self._environment, self._count, self._timeout = environment, count, timeout
        self.lost = 0
        """Workers lost so far."""
        self._failed_starts = self._unfit = 0
        self._closed = False
        self._ray, self._own = connect(count, address)
        self._last_words = LastWords(private.raylet())
        self._slots: list[_Slot] = []
        try:
            with ray_errors_as_messages():
                self._kind = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(LaneWorker)
                self._grow(count or cpus(self._ray))
                self._await_first()
        except BaseException:
            self.close()
            raise

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What each worker that is there said of its machine when it came up."""
        return [slot.report for slot in self._slots if slot.starting is None]

    def renew(self) -> int:
        """Take nodes that have joined or left into account; return how many workers to deal work to."""
        with ray_errors_as_messages():
            if not self._count:
                wanted = cpus(self._ray) - self._unfit
                for slot in [slot for slot in self._slots if slot.starting][: max(0, len(self._slots) - wanted)]:
                    self._drop(slot)
                self._grow(wanted - len(self._slots))
        recent = time.monotonic() - START_SECONDS
        return max(1, sum(slot.starting is None or slot.asked > recent for slot in self._slots))

    def run(self, works: Sequence[Piece], normalizer: Normalizer) -> Iterator[tuple[Piece, Any]]:
        """Do the work, whatever becomes of workers; yield what came of each piece, or in words why it failed.

        Raises:
            CompactrlError: Ray itself cannot go on.
        """
        with ray_errors_as_messages():
            shared = self._ray.put(Normalizer(*normalizer))
            homes = [*self._slots, *[None] * len(works)]
            waiting = deque(_Assignment(work, home) for work, home in zip(works, homes, strict=False))
            running: dict[Any, _Running] = {}
            while waiting or running:
                self._send(waiting, running, shared)
                awaited = [*running, *(slot.starting for slot in self._slots if slot.starting)]
                self._ray.wait(awaited, num_returns=1, timeout=LOOK_SECONDS)
                done, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)  # others may be there as well
                now = time.monotonic()
                overdue = [ref for ref, work in running.items() if now > work.deadline and ref not in done]
                for ref in [*done, *overdue]:
                    if ref in running:
                        yield from self._receive(ref, running.pop(ref), waiting, hung=ref in overdue)
                for slot in [slot for slot in self._slots if slot.starting is not None and slot.starting in done]:
                    self._note_start(slot)

    def _send(self, waiting: deque[_Assignment], running: dict[Any, _Running], shared: Any) -> None:
        """Give each free worker a piece of work, its own lanes first."""
        free = {slot: None for slot in self._slots if not slot.busy and slot.starting is None}
        own = {assignment.home: assignment for assignment in waiting}
        # Work whose own worker is busy or lost is anyone's; the rest is left to who has its lanes at hand.
        for_anyone = iter([assignment for assignment in waiting if assignment.home not in free])
        sent = set()
        for slot in free:
            assignment = own.get(slot) or next(for_anyone, None)
            if assignment is None:
                continue
            sent.add(assignment)
            slot.busy = True
            work = assignment.work
            answer = slot.actor.run.remote(for_whom_has(work, slot.stand.pop(work.group, "")), shared)
            running[answer] = _Running(assignment, slot, time.monotonic() + self._timeout)
        if sent:
            kept = [assignment for assignment in waiting if assignment not in sent]
            waiting.clear()
            waiting.extend(kept)

    def _receive(
        self, ref: Any, running: _Running, waiting: deque[_Assignment], hung: bool
    ) -> Iterator[tuple[Any, Any]]:
        """Take what a worker answered, or find that it is lost and put the work back."""
        from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

        assignment, slot, _ = running
        slot.busy = False
        reason = f"took longer than {self._timeout:g} s (--worker-timeout)"
        if not hung:
            try:
                answer = self._ray.get(ref)
                if isinstance(assignment.work, Steps):
                    slot.stand[assignment.work.group] = assignment.work.ends
                yield assignment.work, answer
                return
            except RayTaskError as error:  # the worker lives: making the environment raised, or our own code
                kind = FaultError if isinstance(error.cause, FaultError) else CompactrlError
                raise kind(f"a worker on {slot.report['machine']} failed: {reason_of(error)}") from error
            except (RayActorError, WorkerCrashedError, OutOfMemoryError) as error:
                reason = reason_of(error)
        self._replace(slot, reason)
        assignment.losses, assignment.home = assignment.losses + 1, None
        single = len(assignment.work.trials) == 1
        if single and assignment.losses >= TRIES:
            yield assignment.work, f"it lost its worker {TRIES} times in a row: {reason}"
        elif not single and assignment.losses >= WHOLE_TRIES:
            waiting.extendleft(_Assignment(part) for part in reversed(taken_apart(assignment.work)))
        else:
            waiting.appendleft(assignment)

    def _grow(self, more: int) -> None:
        for _ in range(more):
            actor = self._kind.remote(**self._environment)
            self._slots.append(_Slot(actor, actor.report.remote(), time.monotonic()))

    def _drop(self, slot: _Slot) -> None:
        self._ray.kill(slot.actor)
        self._slots.remove(slot)

    def _replace(self, slot: _Slot, reason: str) -> None:
        """Put a new worker in the place of a lost one."""
        if not self.lost:
            warnings.warn(
                f"a worker on {slot.report['machine']} was lost: {reason}. Its lanes are rebuilt in another, from "
                "their seeds and what they had done",
                stacklevel=2,
            )
        self.lost += 1
        self._ray.kill(slot.actor)
        place = self._slots.index(slot)
        self._grow(1)
        self._slots[place] = self._slots.pop()

    def _note_start(self, slot: _Slot) -> None:
        """Take a worker's first report; one that has died is asked for anew, one that does not fit is let go."""
        from ray.exceptions import RayActorError

        try:
            report = self._ray.get(slot.starting)
        except RayActorError as error:
            if error.actor_init_failed:  # it would fail again
                raise CompactrlError(f"a worker cannot begin: {reason_of(error)}") from error
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise CompactrlError(
                    f"{FAILED_STARTS} workers in a row ended as they began: {reason_of(error)}"
                ) from error
            self._replace(slot, reason_of(error))
            return
        self._failed_starts = 0
        slot.starting, slot.report = None, report
        different = unlike(report, self._environment["engine"])
        if different and len(self._slots) > 1 and any(other.starting is None for other in self._slots if other != slot):
            warnings.warn(f"{different}. It is not used", stacklevel=2)
            self._unfit += 1
            self._drop(slot)
        elif different:
            raise InputError(different)

    def _await_first(self) -> None:
        """Wait until every worker is there, or those that come within the time."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            starting = [slot for slot in self._slots if slot.starting]
            if not starting:
                return
            done, _ = self._ray.wait([slot.starting for slot in starting], num_returns=1, timeout=LOOK_SECONDS)
            for slot in [slot for slot in starting if slot.starting in done]:
                self._note_start(slot)
        if all(slot.starting for slot in self._slots):
            raise CompactrlError(
                f"no worker began within {START_SECONDS:.0f} s: others may hold the cluster's CPUs (`ray status` says)"
            )
        warnings.warn(
            f"{sum(slot.starting is None for slot in self._slots)} of {len(self._slots)} workers began within "
            f"{START_SECONDS:.0f} s; the others are used when they come",
            stacklevel=2,
        )

    def close(self) -> None:
        """End the workers, their environments closed, and the Ray that was begun for them."""
        if self._closed:
            return
        with contextlib.suppress(Exception):  # what is lost has nothing to close, and the rest ends anyway
            closing = [slot.actor.close.remote() for slot in self._slots if slot.starting is None and not slot.busy]
            if closing:
                self._ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        self._closed, self._slots = True, []
        shut_down(self._own)
        self._last_words.close()
