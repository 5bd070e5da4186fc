"""Critics whose weights a primary network writes.

Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning building blocks with hypernetworks" (2021), sections
2 and 3, appendix D. A meta variable goes through the primary network, heads write the weights of a network with one
hidden layer (`compactrl.hypernetworks.primary`), and this dynamic network sees the base variable:

    SA-Hyper: z the state, x the action. The gradient of the action goes through the dynamic network alone.
    AS-Hyper: z the action, x the state.  Embedding-Hyper: z a learned vector, x both.

First weights (`--critic-init`) are the paper's or `bias-hyper`: every state begins with the same network.

Departures and choices, beside those of the primary network:

1. `small` has a dynamic layer of 64.
2. What is told of the policy is part of the state. The nonlinearity is a ReLU, as in the paper's text.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from compactrl.hypernetworks.primary import Primary
from compactrl.learners.critics.composed import Composed
from compactrl.learners.critics.inputs import Inputs
from compactrl.learners.critics.residual import DYNAMIC_WIDTH
from compactrl.networks.affine import Network, Part, Parts
from compactrl.types import Floats, Layer, Layers

EMBEDDING = 5
"""Numbers of the learned vector."""


class Hyper(Composed):
    """A primary network and the dynamic network that it writes.

    Args:
        inputs: what the critic sees.
        size: `paper` or `small`.
        init: `paper` or `bias-hyper`.
    """

    def __init__(self, inputs: Inputs, size: str, init: str) -> None:
        self.inputs, self._size, self._init = inputs, size, init

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, options.critic_size, options.critic_init)

    @property
    @abstractmethod
    def roles(self) -> tuple[int, int]:
        """How many numbers the meta and the base variable have."""

    @cached_property
    def primary(self) -> Primary:
        """What writes the dynamic network."""
        meta, base = self.roles
        return Primary(meta, (base, DYNAMIC_WIDTH[self._size], 1), self._size, self._init)

    @cached_property
    def parts(self) -> Parts:
        """The primary network and the heads, one layer for all."""
        return self.primary.parts

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters, (P,)."""
        drawn = super().initial(generator)
        self.primary.begin(drawn, self._plain(generator) if self._init == "bias-hyper" else ())
        return drawn

    def _plain(self, generator: np.random.Generator) -> Layers:
        """Draw the first weights of a plain network of the dynamic network's shape."""
        layers = []
        for inputs, outputs in pairwise(self.primary.sizes):
            bound = (6 / (inputs + outputs)) ** 0.5
            layers.append(Layer(generator.uniform(-bound, bound, inputs * outputs), np.zeros(outputs)))
        return tuple(layers)


def dynamic_value(written: tuple[Tensor, ...], base: Tensor) -> Tensor:
    """Return the outputs (R,) of networks with one hidden layer of base variables (R, X): equation (1).

    Args:
        written: weights, biases and gains (R, …) of the hidden layer, then of the output.
        base: an input for each network.
    """
    weight, bias, gain, out_weight, out_bias, out_gain = written
    products = torch.bmm(weight.view(len(base), -1, base.shape[1]), base[:, :, None])[..., 0]
    hidden = torch.relu((1 + gain) * products + bias)
    return ((1 + out_gain) * (out_weight * hidden).sum(1, keepdim=True) + out_bias)[:, 0]


class SaHyper(Hyper):
    """State → weights of a network of the action."""

    @property
    def roles(self) -> tuple[int, int]:
        """State and action."""
        return self.inputs.state, self.inputs.action

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        return dynamic_value(self.primary(network, state), action)


class AsHyper(Hyper):
    """Action → weights of a network of the state."""

    @property
    def roles(self) -> tuple[int, int]:
        """Action and state."""
        return self.inputs.action, self.inputs.state

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        return dynamic_value(self.primary(network, action), state)


class EmbeddingHyper(Hyper):
    """A learned vector → weights of a network of state and action, the same for all of them."""

    @property
    def roles(self) -> tuple[int, int]:
        """The vector, and state and action."""
        return EMBEDDING, self.inputs.total

    @cached_property
    def parts(self) -> Parts:
        """The vector, a layer of a constant, before the others."""
        return {"embedding": Part(EMBEDDING, 1, 1.0, None), **super().parts}

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        meta = network("embedding", state.new_ones(1, 1))
        weight, bias, gain, out_weight, out_bias, out_gain = self.primary(network, meta)
        seen = torch.cat([state, action], 1)
        hidden = torch.relu((1 + gain) * (seen @ weight.view(-1, seen.shape[1]).t()) + bias)
        return ((1 + out_gain) * (hidden @ out_weight.t()) + out_bias)[:, 0]
