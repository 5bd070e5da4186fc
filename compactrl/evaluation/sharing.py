"""Lanes that change hands: a block that is done goes on with half of what another still has to do.

Robots that fall leave blocks with few lanes, one of them with more to do than the others. What a lane does depends on
its state alone, wherever that lies, so that who steps it changes no result. Only a lane's last episode of a call
changes hands: its seed and its count of resets stay where they are.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any, NamedTuple

from compactrl.types import Floats, Integers


class Share(NamedTuple):
    """Episodes amid their way, n of them, with the actions that are due."""

    trial: Integers
    """(n,)"""
    returns: Floats
    """(n,) so far, and steps (n,)."""
    steps: Integers
    sums: tuple[Floats, Floats, Floats]
    """As `Sums.of` gives them."""
    actions: Any
    """(n, A), or (n,) where they are discrete."""
    lent: Any
    """As `Engine.lend` gives it."""


class Requests:
    """What other threads ask of one that is at work: a share each, of at most so many lanes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[tuple[int, SimpleQueue[Share | None]]] = []
        self.at_work = False

    def __bool__(self) -> bool:
        """Whether anybody waits for an answer."""
        return bool(self._open)

    def begin(self) -> None:
        """Answer from now on."""
        self.at_work = True

    def ask(self, most: int) -> Share | None:
        """Wait for a share; None where there is nothing to share."""
        answer: SimpleQueue[Share | None] = SimpleQueue()
        with self._lock:
            if not self.at_work:
                return None
            self._open.append((most, answer))
        return answer.get()

    def next(self) -> tuple[int, SimpleQueue[Share | None]]:
        """Return how many lanes the one who has waited longest would take, and where the answer goes."""
        with self._lock:
            return self._open.pop(0)

    def end(self) -> None:
        """Answer nobody any more; who waits gets nothing."""
        with self._lock:
            self.at_work = False
            waiting, self._open = self._open, []
        for _, answer in waiting:
            answer.put(None)
