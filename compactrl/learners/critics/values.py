"""A value function: what an observation is worth to a policy, which it is told of."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.plain import orthogonal
from compactrl.networks.adam import Adam
from compactrl.networks.pullback import PerceptronPullback
from compactrl.types import Floats, State


class MlpValues:
    """A plain network of [observation | what is told of the policy], apart from the policy's.

    Args:
        inputs: I, numbers of an observation and of what is told.
        hidden: widths of the hidden layers.
        activation: of the hidden layers, `relu` or `tanh`.
        learning_rate: of Adam.
        generator: draws the first weights: orthogonal, biases zero.
        device: of their tensors.
    """

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        activation: str,
        learning_rate: float,
        generator: np.random.Generator,
        device: torch.device,
    ) -> None:
        sizes = (inputs, *hidden, 1)
        self._weights = torch.as_tensor(_initial(sizes, generator), dtype=torch.float32, device=device)
        self.inputs = inputs
        self._network = PerceptronPullback(self._weights, sizes, activation)
        self.adam = Adam(self._weights, learning_rate, epsilon=1e-5)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the values (n, B) of rows (n, B, I)."""
        return self._network(rows)[..., 0]

    def gradient(self, slope: Tensor) -> Tensor:
        """Return the weights' gradient, (P,), of a loss with this slope (n, B) with respect to the last values."""
        return self._network.gradient(slope[..., None])

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"weights": self._weights.cpu().numpy().copy(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._weights.copy_(torch.as_tensor(state["weights"]))
        self.adam.load_state_dict(state["adam"])


def _initial(sizes: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Draw the first weights: gain sqrt(2), and 1 for the output."""
    parts: list[Floats] = []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        gain = 1.0 if layer == len(sizes) - 2 else 2**0.5
        parts += [gain * orthogonal(generator, outputs, inputs).ravel(), np.zeros(outputs)]
    return np.concatenate(parts)
