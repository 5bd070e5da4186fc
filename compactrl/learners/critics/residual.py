"""Residual critics, two that test whether the primary network of a hypernetwork alone is what helps.

Keynan et al. 2021, appendices D.3, D.4.4 and D.4.7. Blocks and the primary network are those of hypernetworks
(`compactrl.hypernetworks.primary`).

Departures and choices:

1. The state of ResNet-Features and of Res35 includes what is told of the policy, where critics are told something.
2. Res35's output sees relu(x) after the last block; the paper does not say.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from compactrl.hypernetworks.primary import STAGES, block, block_parts, primary, primary_parts, residual
from compactrl.learners.critics.composed import Composed
from compactrl.learners.critics.inputs import Inputs
from compactrl.networks.affine import Network, Part, Parts, xavier

FEATURES = 10
"""Of the state, in ResNet-Features."""
DYNAMIC_WIDTH = {"paper": 256, "small": 64}
"""Of the hidden layer that the primary network writes, and of the small network that sees its features."""
DEPTH, DEPTH_WIDTH = 35, {"paper": 256, "small": 64}


class ResnetFeatures(Composed):
    """The primary network gives features of the state; a small plain network sees them beside the action."""

    def __init__(self, inputs: Inputs, widths: tuple[int, ...], hidden: int) -> None:
        self._inputs, self._widths, self._hidden = inputs, widths, hidden

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, STAGES[options.critic_size], DYNAMIC_WIDTH[options.critic_size])

    @cached_property
    def parts(self) -> Parts:
        """Primary network, features, and the small network."""
        return {
            **primary_parts(self._inputs.state, self._widths),
            "features": residual(FEATURES, self._widths[-1]),
            "hidden": xavier(self._hidden, FEATURES + self._inputs.action),
            "output": xavier(1, self._hidden),
        }

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        features = network("features", primary(network, state, self._widths))
        return network("output", network("hidden", torch.cat([features, action], 1), relu=True))[:, 0]


class Res35(Composed):
    """Blocks one after the other, of state and action together."""

    def __init__(self, inputs: Inputs, width: int, depth: int) -> None:
        self._inputs, self._width, self._depth = inputs, width, depth

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, DEPTH_WIDTH[options.critic_size], DEPTH)

    @cached_property
    def parts(self) -> Parts:
        """The first layer, the blocks, and the output."""
        parts: dict[str, Part] = {"input": residual(self._width, self._inputs.total)}
        for number in range(self._depth):
            parts |= block_parts(f"block{number}", self._width)
        return {**parts, "output": xavier(1, self._width)}

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        x = network("input", torch.cat([state, action], 1))
        for number in range(self._depth):
            x = block(network, f"block{number}", x)
        return network("output", torch.relu(x))[:, 0]
