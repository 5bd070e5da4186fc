"""A piece of work: all that a share of a generation depends on, so that any worker may do it."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from compactrl.networks.forward import some_of
from compactrl.types import Floats, Integers, Networks


class Work(NamedTuple):
    """A share of a generation: some lanes, and the trials in their queues."""

    group: str
    """Whose lanes these are (`training`, `selecting`): a worker keeps the last ones of each group."""
    seeds: Integers
    """(L,) one a lane."""
    resets: Integers
    """(L,) resets of each lane before this work."""
    trials: Integers
    """(N,) numbers of the trials within the generation; the k-th here runs in lane k mod L."""
    networks: Networks
    """Of N policies."""
    tasks: Floats | None = None
    """(N, C), where trials have tasks."""
    actions: NDArray[Any] | None = None
    """(N, T, A) or (N, T), where trials have actions in place of their policies'."""


def taken_apart(work: Work) -> list[Work]:
    """Return the evaluations of a piece of work one by one, each at the place in its lane where it stood."""
    lanes = len(work.seeds)
    parts = []
    for position in range(len(work.trials)):
        earlier, lane = divmod(position, lanes)
        chosen = slice(position, position + 1)
        parts.append(
            Work(
                work.group,
                work.seeds[lane : lane + 1],
                work.resets[lane : lane + 1] + earlier,
                work.trials[chosen],
                some_of(work.networks, chosen),
                None if work.tasks is None else work.tasks[chosen],
                None if work.actions is None else work.actions[chosen],
            )
        )
    return parts
