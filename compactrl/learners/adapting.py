"""Learners whose policies adapt to a task by episodes in it, before they are of use there."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from compactrl.evaluation import Evaluator
from compactrl.learners.base import Shipped
from compactrl.types import Floats


@runtime_checkable
class Adapting(Protocol):
    """One that learns how to adapt: MAML by steps of gradient, PEARL by a posterior."""

    adaptation_episodes: int
    """Of each task, that `adapt` collects."""

    def adapt(self, evaluator: Evaluator, contexts: Floats, generator: np.random.Generator) -> list[Shipped]:
        """Return the networks that come of adapting to each of n tasks, as they would ship.

        Args:
            evaluator: with a lane, or a multiple of one, for each task; lane l has task l mod n.
            contexts: (n, C) the tasks; the learner may give them to environments, and look at nothing else of them.
            generator: of exploration.
        """
