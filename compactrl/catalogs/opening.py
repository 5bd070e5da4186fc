"""What a run's last checkpoint has of what was trained, for catalogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from compactrl.errors import CompactrlError
from compactrl.learners.base import shipped_theta
from compactrl.learners.moments import identity, seen_in
from compactrl.runs.checkpoints import load_checkpoint
from compactrl.runs.run import Run
from compactrl.searches.prepare import Setup
from compactrl.types import Floats, Normalizer, State

EARLIER = ("total", "square")
"""What earlier versions saved of the observations' moments."""


class Trained(NamedTuple):
    """What was trained, as it ships."""

    theta: Floats
    """(P,)"""
    normalizer: Normalizer
    iteration: int
    """Of the checkpoint."""
    env_steps: int
    learner: State
    """The part of the learner's state that was read."""

    @property
    def settled(self) -> bool:
        """Whether a design was frozen: theta is then its plain network's."""
        return self.learner["settled"] is not None


def needed(state: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a checkpoint that catalogues need; the replay buffer is not, and is large."""
    learner, names = state["learner"], ("settled", "theta", "average_theta", "count", "mean", "spread", *EARLIER)
    return {"env_steps": state["env_steps"], "learner": {name: learner[name] for name in names if name in learner}}


def whole(state: dict[str, Any]) -> dict[str, Any]:
    """Return all of a checkpoint."""
    return state


def open_trained(run: Run, setup: Setup, only: Callable[[dict[str, Any]], dict[str, Any]] = needed) -> Trained:
    """Read a run's last checkpoint.

    Args:
        run: the search's.
        setup: of its options.
        only: state → the part of it that is read.

    Raises:
        CompactrlError: it has no checkpoint yet.
    """
    found = load_checkpoint(run.path, only=only)
    if found is None:
        raise CompactrlError(
            f"{run.path} has no checkpoint yet: let the search go on with `compactrl resume {run.path}`"
        )
    iteration, state = found
    learner, size = state["learner"], setup.spec.observation_size
    normalizer = seen_in(learner, size).normalizer if setup.settings.learner.normalizes else identity(size)
    return Trained(shipped_theta(learner).astype(float), normalizer, iteration, int(state["env_steps"]), learner)
