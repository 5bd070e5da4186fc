"""Samples a controller's next designs in a thread of its own, while the present ones are evaluated.

The calls to the inner controller always come in the same order, however long each takes:

    propose₁, propose₂, feedback₁, propose₃, feedback₂, …

A controller that learns nothing proposes the same designs as without this (`stratified` only as long as the number of
designs per proposal stays the same). One that learns proposes each generation before it knows the rewards of the last
one: it learns one generation late.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .base import Controller, Designs, Floats, Metrics, State


class Ahead:
    """Takes the place of a controller, and samples ahead for it.

    Example:
        >>> import numpy as np
        >>> from controllers import CONTROLLERS, Space
        >>> def random():
        ...     kind = CONTROLLERS["random"]
        ...     return kind(Space(length=3, choices=9), kind.Options(), np.random.SeedSequence(0))
        >>> plain, ahead = random(), Ahead(random())
        >>> all(bool((plain.propose(4) == ahead.propose(4)).all()) for _ in range(3))
        True
    """

    def __init__(self, controller: Controller) -> None:
        self.inner = controller
        self.space = controller.space
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._next: Future[Designs] | None = None

    def propose(self, n: int) -> Designs:
        """Return n designs (n, D), and start to sample the next n."""
        waiting = self._waiting()
        designs = self._at_least(n, waiting) if n > 0 else self.inner.propose(n)  # which refuses it
        self._next = self._thread.submit(self._at_least, n, designs[n:])
        return designs[:n]

    def feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        """Learn from the rewards (n,) of designs (n, D), after the next designs have been sampled."""
        self._waiting()
        return self.inner.feedback(designs, rewards)

    def _at_least(self, n: int, waiting: Designs | None) -> Designs:
        """Return the waiting designs, and after them new ones where they are fewer than n."""
        if waiting is None or not len(waiting):
            return self.inner.propose(n)
        if len(waiting) >= n:
            return waiting
        return np.concatenate([waiting, self.inner.propose(n - len(waiting))])

    def _waiting(self) -> Designs | None:
        """Wait for the designs that are sampled ahead, and return them; None before the first proposal."""
        return None if self._next is None else self._next.result()

    def state_dict(self) -> State:
        """Return the inner controller's state, and the designs that are sampled ahead."""
        waiting = self._waiting()
        return {"inner": self.inner.state_dict(), "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, or the state of the inner controller alone.

        The latter is in checkpoints of earlier versions that did not sample ahead for this controller.
        """
        self._waiting()
        if "inner" not in state:
            state = {"inner": state, "waiting": None}
        self.inner.load_state_dict(state["inner"])
        waiting: Any = state["waiting"]
        self._next = None
        if waiting is not None:
            self._next = Future()
            self._next.set_result(np.asarray(waiting, np.int64))
