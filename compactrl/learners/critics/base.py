"""The interface of critics: C networks that value actions, learn together, and have slowly following targets.

A learner calls them with an observation, an action and what they are told of the policy, each on its own: a critic may
be any network of the three.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from compactrl.types import State


class Critics(Protocol):
    """Value actions: Q(observation, action, what is told of the policy)."""

    def __call__(self, observation: Tensor, action: Tensor, told: Tensor, learn: bool = False) -> Tensor:
        """Return the values (C, n · B).

        Args:
            observation: (n, B, O).
            action: (n, B, A) in -1 … 1.
            told: (n, F), of each of the n policies.
            learn: let gradients go to the critics' weights; else only to the action.
        """

    def targets(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        """Return the targets' values (C, n · B)."""

    def descend(self, loss: Tensor) -> None:
        """Take a step down a loss."""

    def follow(self, rate: float) -> None:
        """Move the targets by this share of the way to the critics."""

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
