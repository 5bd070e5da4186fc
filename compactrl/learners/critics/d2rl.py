"""Q-D2RL: each hidden layer sees the input again.

Sinha et al., "D2RL: deep dense architectures in reinforcement learning" (2020), with four hidden layers of 256 as
Keynan et al. 2021, appendix D.4.8, take it for the critic alone. The output sees the last hidden layer only.

Departure: first weights are those of our plain critics (Xavier uniform, biases zero).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from compactrl.learners.critics.composed import Composed
from compactrl.learners.critics.inputs import Inputs
from compactrl.networks.affine import Network, Parts, xavier

LAYERS = 4
WIDTHS = {"paper": 256, "small": 64}


class D2rl(Composed):
    """A dense network.

    Args:
        inputs: what it sees.
        width: of each hidden layer.
    """

    def __init__(self, inputs: Inputs, width: int) -> None:
        self._inputs, self._width = inputs, width

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, WIDTHS[options.critic_size])

    @cached_property
    def parts(self) -> Parts:
        """The hidden layers and the output."""
        total, width = self._inputs.total, self._width
        hidden = {f"hidden{number}": xavier(width, total + width * (number > 0)) for number in range(LAYERS)}
        return {**hidden, "output": xavier(1, width)}

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        seen = torch.cat([state, action], 1)
        x = network("hidden0", seen, relu=True)
        for number in range(1, LAYERS):
            x = network(f"hidden{number}", torch.cat([x, seen], 1), relu=True)
        return network("output", x)[:, 0]
