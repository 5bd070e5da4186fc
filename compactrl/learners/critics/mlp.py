"""Critics as plain networks of [observation | action | what is told of the policy]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.plain import Plain, PlainOptions
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import Stack
from compactrl.policies.skeleton import Skeleton
from compactrl.types import State


class MlpCritics:
    """C independent critics that learn together.

    Args:
        inputs: I, numbers of an observation, an action, and what is told of the policy.
        hidden: widths of the hidden layers.
        count: C.
        learning_rate: of Adam.
        generator: draws the first weights (Xavier uniform, biases zero).
        device: of their tensors.
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
        plain = Plain(Skeleton.relu(self.sizes), PlainOptions(activation="relu", initialization="xavier"))
        weights = np.concatenate([plain.initial(generator) for _ in range(count)])
        self._weights = torch.as_tensor(weights, dtype=torch.float32, device=device).requires_grad_()
        self._targets = self._weights.detach().clone()
        self._learning = Stack(self._weights, self.sizes, count)
        self._following = Stack(self._targets, self.sizes, count)
        self._adam = Adam(self._weights, learning_rate)

    def __call__(self, observation: Tensor, action: Tensor, told: Tensor, learn: bool = False) -> Tensor:
        """Return the values (C, n · B); see `Critics`."""
        return self._learning(_rows(observation, action, told), learn)[..., 0]

    def targets(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        """Return the targets' values (C, n · B)."""
        return self._following(_rows(observation, action, told), learn=False)[..., 0]

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


def _rows(observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
    """Return the networks' input, (n · B, O + A + F)."""
    told_rows = told[:, None].expand(-1, observation.shape[1], -1)
    return torch.cat([observation, action, told_rows], -1).flatten(0, 1)
