"""Optimisers of one flat vector, with a state of plain arrays: Adam (Kingma & Ba 2015), and steps as they are.

Adam's weight decay is added to the gradient, as in `torch.optim.Adam`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from compactrl.networks.threads import in_shards
from compactrl.networks.torch_private import adam_step
from compactrl.types import State


class Optimizer(Protocol):
    """Descends on a vector (P,), changed in place."""

    @property
    def steps(self) -> Tensor:
        """Steps so far, ()."""

    def step(self, gradient: Tensor) -> None:
        """Take one step."""

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""


class Descent:
    """Steps as they are given: who gives them has decided on their length.

    Example:
        >>> vector = torch.ones(2)
        >>> Descent(vector).step(torch.tensor([3.0, -4.0]))
        >>> vector.tolist()
        [-2.0, 5.0]
    """

    def __init__(self, vector: Tensor) -> None:
        self._vector = vector.detach()
        self.steps = torch.zeros((), dtype=torch.float32, device=vector.device)

    def step(self, gradient: Tensor) -> None:
        """Take one step."""
        self.steps += 1
        self._vector.sub_(gradient)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"steps": int(self.steps)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.steps.fill_(state["steps"])


class Adam:
    """Descends on a vector (P,), changed in place.

    Example:
        >>> vector = torch.ones(2)
        >>> Adam(vector, learning_rate=0.5).step(torch.tensor([3.0, -4.0]))
        >>> [round(value, 4) for value in vector.tolist()]
        [0.5, 1.5]
    """

    def __init__(self, vector: Tensor, learning_rate: float, weight_decay: float = 0.0, epsilon: float = 1e-8) -> None:
        self._vector = vector.detach()
        self.rate, self._decay, self._epsilon = learning_rate, weight_decay, epsilon
        self._first, self._second = torch.zeros_like(self._vector), torch.zeros_like(self._vector)
        self.steps = torch.zeros((), dtype=torch.float32, device=vector.device)  # taken so far

    def step(self, gradient: Tensor) -> None:
        """Take one step."""
        self.steps += 1

        def step(vector: Tensor, gradient: Tensor, first: Tensor, second: Tensor) -> None:
            adam_step(vector, gradient, first, second, self.steps, self.rate, self._decay, self._epsilon)

        in_shards(step, self._vector, gradient, self._first, self._second)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "first": self._first.cpu().numpy().copy(),
            "second": self._second.cpu().numpy().copy(),
            "steps": int(self.steps),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._first.copy_(torch.as_tensor(state["first"]))
        self._second.copy_(torch.as_tensor(state["second"]))
        self.steps.fill_(state["steps"])
