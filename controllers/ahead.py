"""Any controller, sampling the next designs in a thread of its own while the present ones are evaluated.

What the inner controller is asked, and in which order, does not depend on how fast anything is:

    propose₁, propose₂, feedback₁, propose₃, feedback₂, …

For a controller that learns nothing the designs are those that it would propose anyway; one that learns proposes for a
generation before it has seen the rewards of the generation before, one late.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .base import Controller, Designs, Floats, Metrics, State


class Ahead:
    """Stands in for a controller.

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
        """Return n designs (n, D), and begin to sample the next n."""
        designs = self._at_least(n, self._waiting())
        self._next = self._thread.submit(self._at_least, n, designs[n:])
        return designs[:n]

    def feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        """Learn from the rewards (n,) of designs (n, D), once the next designs are sampled."""
        self._waiting()
        return self.inner.feedback(designs, rewards)

    def _at_least(self, n: int, waiting: Designs | None) -> Designs:
        """Return the waiting designs, with as many new ones after them as n designs need."""
        if waiting is None or not len(waiting):
            return self.inner.propose(n)
        if len(waiting) >= n:
            return waiting
        return np.concatenate([waiting, self.inner.propose(n - len(waiting))])

    def _waiting(self) -> Designs | None:
        """Return the designs sampled ahead, when they are there."""
        return None if self._next is None else self._next.result()

    def state_dict(self) -> State:
        """The controller's state, and the designs that it has sampled ahead."""
        waiting = self._waiting()
        return {"inner": self.inner.state_dict(), "waiting": waiting}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, here or of the inner controller alone.

        Checkpoints hold the inner controller's own state where an earlier version did not sample ahead for it.
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
