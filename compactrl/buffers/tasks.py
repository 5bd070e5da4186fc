"""Replay of many tasks in one ring: drawn from one task at a time, of all of its transitions or of the recent ones.

Rakelly et al. 2019 (PEARL), section 5.2: telling tasks apart is learned from transitions like those by which they are
told apart later, of policies that act by the prior, and lately. Critics and policies learn from all. The public code
has a buffer for each task, and empties its recent part when the task acts again; here the latest push out the oldest.

A row has two numbers more than elsewhere: its task, and whether a policy acted by the prior. In one ring pieces of the
saved state stay the same however many tasks there are.

Letters: n tasks, B transitions of each.
"""

from __future__ import annotations

import numpy as np

from compactrl.buffers.replay import Experience, ReplayBuffer, Singles, pack
from compactrl.types import Integers, State, Transitions

Places = dict[int, Integers]
"""Task → where its transitions are, the oldest first."""


class TaskReplay(ReplayBuffer):
    """The last transitions of all tasks.

    Args:
        capacity: in transitions, of all tasks together.
        observation: O.
        action: A.
        recent: how many transitions of a task are recent, at most.
    """

    def __init__(self, capacity: int, observation: int, action: int, recent: int) -> None:
        self._recent_size = recent
        super().__init__(capacity, observation, action)
        self._places: Places = {}
        self._recent: Places = {}

    @property
    def _width(self) -> int:
        return super()._width + 2  # the task, and whether a policy of the prior acted

    @property
    def known(self) -> Integers:
        """Tasks that can be learned from: those that have something recent, in order."""
        return np.array(sorted(self._recent), np.int64)

    def add_of(self, transitions: Transitions, tasks: Integers, by_prior: Integers) -> None:
        """Keep transitions, of T steps in L lanes; those that failed are left out.

        Args:
            transitions: (T, L).
            tasks: (L,) of each lane.
            by_prior: (L,) 1 where a policy of the prior acted, else 0.
        """
        rows = pack(transitions)
        lanes = np.broadcast_to(np.stack([tasks, by_prior], axis=-1), (*rows.shape[:-1], 2))
        self._append(np.concatenate([rows, lanes], axis=-1, dtype=np.float32)[transitions.valid])
        self._sort()

    def sample_of(
        self, tasks: Integers, count: int, generator: np.random.Generator, recent: bool = False
    ) -> Experience:
        """Draw B transitions of each of n tasks, with replacement, (n · B, …) by task; recent ones, or any."""
        places = self._recent if recent else self._places
        drawn = [places[int(task)][generator.integers(len(places[int(task)]), size=count)] for task in tasks]
        return self._unpack(self._rows[np.concatenate(drawn)])

    def _sort(self) -> None:
        """Find the places of each task."""
        oldest = self.added % self.capacity if self.added > self.capacity else 0
        ages = (oldest + np.arange(len(self))) % self.capacity
        self._places = _by_task(ages, self._rows[ages, -2])
        of_prior = ages[self._rows[ages, -1] > 0]
        recent = _by_task(of_prior, self._rows[of_prior, -2])
        self._recent = {task: places[-self._recent_size :] for task, places in recent.items()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._sort()


def _by_task(places: Integers, tasks: Singles) -> Places:
    """Return places (N,) by the task of each, (N,), in their order."""
    numbers = tasks.astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    different, starts = np.unique(numbers[order], return_index=True)
    return dict(zip(different.tolist(), np.split(places[order], starts[1:]), strict=True)) if len(places) else {}
