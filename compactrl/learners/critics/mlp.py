"""The critics: C networks that value actions, and their slowly following targets, each a flat vector.

Q(observation, action, what is told of the policy) → value.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.base import Options
from compactrl.compressions.plain import Plain
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import Stack
from compactrl.types import State


class Critics:
    """C independent critics that learn together.

    Args:
        inputs: I, numbers of an observation, an action, and what is told of the policy.
        hidden: widths of the hidden layers.
        count: C.
        learning_rate: of Adam.
        generator: draws the first weights (Xavier uniform, biases zero).
        device: where they live.
    """

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        count: int,
        learning_rate: float,
        generator: np.random.Generator,
        device: torch.device,
    ) -> None:
        self.sizes, self.count = (inputs, *hidden, 1), count
        plain = Plain(self.sizes, Options())
        drawn = np.concatenate([plain.initial(generator) for _ in range(count)])
        self._weights = torch.as_tensor(drawn, dtype=torch.float32, device=device).requires_grad_()
        self._targets = self._weights.detach().clone()
        self._learning = Stack(self._weights, self.sizes, count)
        self._following = Stack(self._targets, self.sizes, count)
        self._adam = Adam(self._weights, learning_rate)

    def __call__(self, rows: Tensor, learn: bool = False) -> Tensor:
        """Return the values (C, B) of rows (B, I); gradients go to the weights only in order to learn."""
        return self._learning(rows, learn)[..., 0]

    def targets(self, rows: Tensor) -> Tensor:
        """Return the targets' values (C, B)."""
        return self._following(rows, learn=False)[..., 0]

    def descend(self, loss: Tensor) -> None:
        """Take a step of Adam down a loss."""
        (gradient,) = torch.autograd.grad(loss, self._weights)
        self._adam.step(gradient)

    def follow(self, rate: float) -> None:
        """Move the targets by this share of the way to the critics."""
        self._targets.lerp_(self._weights.detach(), rate)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "weights": self._weights.detach().cpu().numpy().copy(),
            "targets": self._targets.cpu().numpy().copy(),
            "adam": self._adam.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._weights.detach().copy_(torch.as_tensor(state["weights"]))
        self._targets.copy_(torch.as_tensor(state["targets"]))
        self._adam.load_state_dict(state["adam"])
