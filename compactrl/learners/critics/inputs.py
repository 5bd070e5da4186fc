"""What critics see, and how a batch of it becomes rows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """How many numbers there are of each input."""

    observation: int
    """O"""
    action: int
    """A"""
    told: int = 0
    """F, of what is told of the policy."""

    @property
    def state(self) -> int:
        """Of all but the action."""
        return self.observation + self.told

    @property
    def total(self) -> int:
        """Of all."""
        return self.state + self.action


def told_rows(observation: Tensor, told: Tensor) -> Tensor:
    """Return what is told of n policies (n, F), once for each of their observations (n, B, O): (n, B, F)."""
    return told[:, None].expand(-1, observation.shape[1], -1)


def states(observation: Tensor, told: Tensor) -> Tensor:
    """Return [observation | told] of (n, B, O) and (n, F), as rows (n · B, O + F)."""
    joined = torch.cat([observation, told_rows(observation, told)], -1) if told.shape[1] else observation
    return joined.flatten(0, 1)


def all_inputs(observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
    """Return [observation | action | told] of (n, B, O), (n, B, A) and (n, F), as rows (n · B, O + A + F)."""
    return torch.cat([observation, action, told_rows(observation, told)], -1).flatten(0, 1)
