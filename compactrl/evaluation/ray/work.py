"""Pieces of work: all that a share of a generation or of what is collected depends on, so that any worker may do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from compactrl.evaluation.standing import Collected, Episode
from compactrl.networks.forward import some_of
from compactrl.types import Exploration, Floats, Integers, Networks


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


class Steps(NamedTuple):
    """A share of what is collected: some standing lanes, and the policy that acts in each."""

    group: str
    """Whose lanes these are, as in `Work`."""
    seeds: Integers
    """(L,) one a lane."""
    resets: Integers
    """(L,) resets of each lane before this work, that of an episode which stands included."""
    trials: Integers
    """(L,) numbers of the lanes among all, and so of their trials."""
    networks: Networks
    """Of L policies."""
    exploration: Exploration
    """Of T steps in L lanes."""
    tasks: Floats | None
    """(L, C), where trials have tasks."""
    begins: str
    """A name for where these lanes stand before this work, given once: whoever has them there goes on with them."""
    ends: str
    """The same for where they stand after it."""
    episodes: Mapping[int, tuple[Episode, ...]] | None
    """Lane of this work → the parts of the episode that stands in it; None to a worker that has the lanes there."""


class Passed(NamedTuple):
    """What came of a share of what is collected."""

    collected: Collected
    resets: Integers
    """(L,) of each lane now, that of an episode which stands included."""
    episodes: dict[int, Episode]
    """Lane of this work → the episode that stands in it, of which the steps of this work."""


def for_whom_has(work: Work | Steps, lanes: str) -> Work | Steps:
    """Return a piece of work without what a worker does not need whose lanes of that group stand at this name."""
    return work._replace(episodes=None) if isinstance(work, Steps) and work.begins == lanes else work


def taken_apart(work: Work | Steps) -> list[Work] | list[Steps]:
    """Return the evaluations of a piece of work one by one, each at the place in its lane where it stood."""
    return _lanes_of(work) if isinstance(work, Steps) else _evaluations_of(work)


def _lanes_of(work: Steps) -> list[Steps]:
    """Return the lanes of a piece of work one by one, to be rebuilt."""
    noise, actions, distribution = work.exploration
    episodes = work.episodes or {}
    parts = []
    for lane, number in enumerate(work.trials):
        chosen = slice(lane, lane + 1)
        parts.append(
            work._replace(
                seeds=work.seeds[chosen],
                resets=work.resets[chosen],
                trials=work.trials[chosen],
                networks=some_of(work.networks, chosen),
                exploration=Exploration(noise[:, chosen], actions[:, chosen], distribution),
                tasks=None if work.tasks is None else work.tasks[chosen],
                begins=f"{work.begins} {number}",
                ends=f"{work.ends} {number}",
                episodes={0: episodes[lane]} if lane in episodes else {},
            )
        )
    return parts


def _evaluations_of(work: Work) -> list[Work]:
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
