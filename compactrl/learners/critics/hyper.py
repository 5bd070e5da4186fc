"""Critics whose weights a primary network writes.

Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning building blocks with hypernetworks" (2021), sections
2 and 3, appendix D. A meta variable goes through the primary network (`residual.py`), heads write the weights of a
network with one hidden layer, and this dynamic network sees the base variable:

    x_{l+1} = relu((1 + g_l(z)) W_l(z) x_l + b_l(z))        equation (1); no relu on the output

    SA-Hyper: z the state, x the action. The gradient of the action goes through the dynamic network alone.
    AS-Hyper: z the action, x the state.  Embedding-Hyper: z a learned vector, x both.

First weights (`--critic-init`):
    paper        heads of the first dynamic layer uniform in ±0.05, of the output in ±0.008
    bias-hyper   heads' weights zero, their biases a plain network's first weights (Beck et al., "Hypernetworks in
                 meta-reinforcement learning", 2022): every state begins with the same network

Departures and choices:

1. Of the sizes, `small` is a primary network of a quarter of the widths, and a dynamic layer of 64. Its latents are
   shorter, so that its heads are drawn from a wider range: what they write has the same share of Kaiming's spread.
2. The text says that written weights begin with about the spread of Kaiming's initialisation, the appendix that they
   are smaller. With its numbers they have an eighth of it for states of unit variance, more for larger ones (tested).
3. Heads' biases begin at zero; the paper does not say. The nonlinearity is a ReLU, as in its text.
4. What is told of the policy is part of the state.
5. All heads are one matrix, a product in place of six.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from compactrl.learners.critics.composed import Composed
from compactrl.learners.critics.inputs import Inputs
from compactrl.learners.critics.residual import DYNAMIC_WIDTH, STAGES, primary, primary_parts
from compactrl.networks.affine import Network, Part, Parts
from compactrl.types import Floats

HEAD_BOUNDS = {"paper": (0.05, 0.008), "small": (0.067, 0.022)}
"""Of the heads of the first dynamic layer and of the output."""
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
        self.inputs, self._bounds, self._init = inputs, HEAD_BOUNDS[size], init
        self._widths, self._hidden = STAGES[size], DYNAMIC_WIDTH[size]

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, options.critic_size, options.critic_init)

    @property
    @abstractmethod
    def roles(self) -> tuple[int, int]:
        """How many numbers the meta and the base variable have."""

    @property
    def written(self) -> list[int]:
        """Lengths of what the heads write: weights, biases and gains of the hidden layer, then of the output."""
        base = self.roles[1]
        return [self._hidden * base, self._hidden, self._hidden, self._hidden, 1, 1]

    @cached_property
    def parts(self) -> Parts:
        """The primary network and the heads, one layer for all."""
        heads = Part(sum(self.written), self._widths[-1], 1.0)
        return {**primary_parts(self.roles[0], self._widths), "heads": heads}

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters, (P,)."""
        drawn = super().initial(generator)
        heads = self.parts["heads"]
        first = drawn[-heads.size :]
        weights, biases = first[: -heads.outputs].reshape(heads.outputs, heads.inputs), first[-heads.outputs :]
        inner = sum(self.written[:3])
        if self._init == "paper":
            weights[:inner] *= self._bounds[0]
            weights[inner:] *= self._bounds[1]
        else:
            weights[:] = 0.0
            biases[:] = self._plain(generator)
        return drawn

    def _plain(self, generator: np.random.Generator) -> Floats:
        """Draw the first weights of a plain network of the dynamic network's shape, as the heads write them."""
        base = self.roles[1]
        numbers = [np.zeros(length) for length in self.written]
        for place, (inputs, outputs) in zip((0, 3), pairwise((base, self._hidden, 1)), strict=True):
            bound = (6 / (inputs + outputs)) ** 0.5
            numbers[place] = generator.uniform(-bound, bound, inputs * outputs)
        return np.concatenate(numbers)

    def dynamic(self, network: Network, meta: Tensor) -> tuple[Tensor, ...]:
        """Return what is written for meta variables (R, Z): weights, biases and gains of both layers, R of each."""
        return torch.split(network("heads", primary(network, meta, self._widths)), self.written, 1)


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
        return dynamic_value(self.dynamic(network, state), action)


class AsHyper(Hyper):
    """Action → weights of a network of the state."""

    @property
    def roles(self) -> tuple[int, int]:
        """Action and state."""
        return self.inputs.action, self.inputs.state

    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,)."""
        return dynamic_value(self.dynamic(network, action), state)


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
        weight, bias, gain, out_weight, out_bias, out_gain = self.dynamic(network, meta)
        seen = torch.cat([state, action], 1)
        hidden = torch.relu((1 + gain) * (seen @ weight.view(-1, seen.shape[1]).t()) + bias)
        return ((1 + out_gain) * (hidden @ out_weight.t()) + out_bias)[:, 0]
