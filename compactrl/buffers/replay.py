"""The replay buffer: a ring of packed single-precision rows, drawn from uniformly.

A row is [observation | action | reward | terminated | next observation], so that a minibatch is one gather of whole
rows. The state is saved in pieces of `PIECE` rows: all but the current one stay the same from one checkpoint to the
next, and the storage does not write an array again that it has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Integers, State, Transitions

PIECE = 1 << 14
"""Rows of an array in the saved state."""
Singles = NDArray[np.float32]


class Experience(NamedTuple):
    """Transitions drawn from a buffer; numpy, or torch once they are on a device."""

    observation: Any
    """(…, O)"""
    action: Any
    """(…, A) in -1 … 1."""
    reward: Any
    """(…,)"""
    terminated: Any
    """(…,) 1 where the episode ended; 0 where its limit of steps cut it."""
    next_observation: Any
    """(…, O)"""


class ReplayBuffer:
    """The last `capacity` transitions.

    Args:
        capacity: in transitions.
        observation: O.
        action: A.
    """

    def __init__(self, capacity: int, observation: int, action: int) -> None:
        self.capacity, self._observation, self._action = capacity, observation, action
        self._rows: Singles = np.zeros((capacity, self._width), np.float32)
        self.added = 0
        """Transitions ever added."""

    @property
    def _width(self) -> int:
        return 2 * self._observation + self._action + 2

    def __len__(self) -> int:
        """Return how many transitions it holds."""
        return min(self.added, self.capacity)

    def add(self, transitions: Transitions) -> None:
        """Keep transitions, of T steps in L lanes; those that failed are left out."""
        self._append(pack(transitions)[transitions.valid])

    def sample(self, count: int, generator: np.random.Generator) -> Experience:
        """Draw transitions uniformly, with replacement."""
        return self._unpack(self._rows[generator.integers(len(self), size=count)])

    def _append(self, rows: Singles) -> Integers:
        """Write rows (n, width) over the oldest; return their places, (n,)."""
        places = (self.added + np.arange(len(rows))) % self.capacity
        self._rows[places] = rows
        self.added += len(rows)
        return places

    def _unpack(self, rows: Singles) -> Experience:
        o, a = self._observation, self._action
        return Experience(
            rows[:, :o], rows[:, o : o + a], rows[:, o + a], rows[:, o + a + 1], rows[:, o + a + 2 : 2 * o + a + 2]
        )

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        pieces = {f"{start:09d}": self._rows[start : start + PIECE] for start in range(0, len(self), PIECE)}
        return {"added": self.added, "rows": pieces}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.added = int(state["added"])
        for start, piece in state["rows"].items():
            self._rows[int(start) : int(start) + len(piece)] = piece


def pack(transitions: Transitions) -> Singles:
    """Return the rows of transitions (T, L), shape (T, L, width)."""
    return np.concatenate(
        [
            transitions.observation,
            transitions.action,
            transitions.reward[..., None],
            transitions.terminated[..., None],
            transitions.next_observation,
        ],
        axis=-1,
        dtype=np.float32,
    )
