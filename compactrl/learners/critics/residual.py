"""Residual networks: the primary network of hypernetworks, and two critics that test whether it alone is what helps.

Keynan et al. 2021, appendices D.1, D.3, D.4.4 and D.4.7. A block is x + L2 relu(L1 relu(x)). The primary network is
three stages, each a linear layer to twice the width before and two blocks of it: 256, 512 and 1024.

Departures and choices:

1. First weights and biases of these layers are uniform in ±1 / (2 sqrt(inputs)), Kaiming's with the paper's gain of
   1 / sqrt(12); the linear layers between the blocks begin in the same way.
2. The state of ResNet-Features and of Res35 includes what is told of the policy, where critics are told something.
3. Res35's output sees relu(x) after the last block; the paper does not say.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from compactrl.learners.critics.composed import Composed
from compactrl.learners.critics.inputs import Inputs
from compactrl.networks.affine import Network, Part, Parts, xavier

STAGES = {"paper": (256, 512, 1024), "small": (64, 128, 256)}
"""Widths of the primary network; small is a quarter of the paper's."""
BLOCKS = 2
"""Residual blocks of each stage."""
FEATURES = 10
"""Of the state, in ResNet-Features."""
DYNAMIC_WIDTH = {"paper": 256, "small": 64}
"""Of the hidden layer that the primary network writes, and of the small network that sees its features."""
DEPTH, DEPTH_WIDTH = 35, {"paper": 256, "small": 64}


def residual(outputs: int, inputs: int) -> Part:
    """Return a layer with the first weights of residual blocks."""
    bound = 0.5 / inputs**0.5
    return Part(outputs, inputs, bound, bound)


def block_parts(name: str, width: int) -> Parts:
    """Return the layers of a block."""
    return {f"{name}-inner": residual(width, width), f"{name}-outer": residual(width, width)}


def block(network: Network, name: str, x: Tensor) -> Tensor:
    """Return x (B, W) through a block."""
    return x + network(f"{name}-outer", network(f"{name}-inner", torch.relu(x), relu=True))


def primary_parts(inputs: int, widths: tuple[int, ...]) -> Parts:
    """Return the layers of a primary network."""
    parts: dict[str, Part] = {}
    for stage, width in enumerate(widths):
        parts[f"up{stage}"] = residual(width, inputs)
        for number in range(BLOCKS):
            parts |= block_parts(f"block{stage}-{number}", width)
        inputs = width
    return parts


def primary(network: Network, meta: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Return the latent representation (B, widths[-1]) of meta variables (B, I)."""
    x = meta
    for stage in range(len(widths)):
        x = network(f"up{stage}", x)
        for number in range(BLOCKS):
            x = block(network, f"block{stage}-{number}", x)
    return x


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
