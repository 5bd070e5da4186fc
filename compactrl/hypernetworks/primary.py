"""Primary networks: residual networks whose heads write the weights of another network, the dynamic one.

Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning building blocks with hypernetworks" (2021), sections
2 and 3, appendix D.1. A block is x + L2 relu(L1 relu(x)). A primary network is three stages, each a linear layer to
twice the width before and two blocks of it: 256, 512 and 1024. Heads write weight, bias and gain of each layer of the
dynamic network, for which

    x_{l+1} = act((1 + g_l(z)) W_l(z) x_l + b_l(z))        equation (1); no activation on the output

First weights:
    paper        heads of hidden layers uniform in ±0.05, of the output in ±0.008
    bias-hyper   heads' weights zero, their biases a plain network's first weights (Beck et al., "Hypernetworks in
                 meta-reinforcement learning", 2022): all meta variables begin with the same network

Departures and choices:

1. First weights and biases of these layers are uniform in ±1 / (2 sqrt(inputs)), Kaiming's with the paper's gain of
   1 / sqrt(12); the linear layers between the blocks begin in the same way.
2. `small` is a quarter of the widths. Its latents are shorter, so that its heads are drawn from a wider range: what
   they write has the same share of Kaiming's spread.
3. The text says that written weights begin with about the spread of Kaiming's initialisation, the appendix that they
   are smaller. With its numbers they have an eighth of it for meta variables of unit variance, more for larger ones
   (tested).
4. Heads' biases begin at zero; the paper does not say.
5. All heads are one matrix, a product in place of one for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from compactrl.networks.affine import Part, Parts
from compactrl.types import Floats, Layers

STAGES = {"paper": (256, 512, 1024), "small": (64, 128, 256)}
"""Widths of the primary network; small is a quarter of the paper's."""
BLOCKS = 2
"""Residual blocks of each stage."""
HEAD_BOUNDS = {"paper": (0.05, 0.008), "small": (0.067, 0.022)}
"""Of the heads of hidden dynamic layers and of the output."""


class Functions(Protocol):
    """Linear layers by name, as functions (`compactrl.networks.affine`)."""

    def __call__(self, name: str, x: Tensor, relu: bool = False) -> Tensor:
        """Return x (B, I) through a layer, (B, O), rectified or not."""


def residual(outputs: int, inputs: int) -> Part:
    """Return a layer with the first weights of residual blocks."""
    bound = 0.5 / inputs**0.5
    return Part(outputs, inputs, bound, bound)


def block_parts(name: str, width: int) -> Parts:
    """Return the layers of a block."""
    return {f"{name}-inner": residual(width, width), f"{name}-outer": residual(width, width)}


def block(network: Functions, name: str, x: Tensor) -> Tensor:
    """Return x (B, W) through a block."""
    return x + network(f"{name}-outer", network(f"{name}-inner", x.relu(), relu=True))


def primary_parts(inputs: int, widths: tuple[int, ...]) -> Parts:
    """Return the layers of a primary network without heads."""
    parts: dict[str, Part] = {}
    for stage, width in enumerate(widths):
        parts[f"up{stage}"] = residual(width, inputs)
        for number in range(BLOCKS):
            parts |= block_parts(f"block{stage}-{number}", width)
        inputs = width
    return parts


def primary(network: Functions, meta: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Return the latent representation (B, widths[-1]) of meta variables (B, I)."""
    x = meta
    for stage in range(len(widths)):
        x = network(f"up{stage}", x)
        for number in range(BLOCKS):
            x = block(network, f"block{stage}-{number}", x)
    return x


@dataclass(frozen=True)
class Primary:
    """A primary network with heads.

    Example:
        >>> Primary(3, (17, 64, 6), "small", "paper").written
        [1088, 64, 64, 384, 6, 6]
    """

    meta: int
    """How many numbers a meta variable has."""
    sizes: tuple[int, ...]
    """Of the dynamic network's layers, inputs first."""
    size: str
    """`paper` or `small`."""
    initialization: str
    """`paper` or `bias-hyper`."""

    @property
    def written(self) -> list[int]:
        """Lengths of what the heads write: weights, biases and gains, layer by layer."""
        return [length for inputs, outputs in pairwise(self.sizes) for length in (outputs * inputs, outputs, outputs)]

    @property
    def parts(self) -> Parts:
        """The primary network and the heads, one layer for all."""
        widths = STAGES[self.size]
        return {**primary_parts(self.meta, widths), "heads": Part(sum(self.written), widths[-1], 1.0)}

    def begin(self, drawn: Floats, plain: Layers = ()) -> None:
        """Give the heads their first numbers, at the end of parameters (P,) that are drawn otherwise.

        Args:
            drawn: parameters, whose last are the heads', uniform in ±1 with biases of zero; changed in place.
            plain: a network with its first weights and a bias on every layer, for `bias-hyper`.
        """
        count, inputs = sum(self.written), STAGES[self.size][-1]
        first = drawn[-count * (inputs + 1) :]
        weights, biases = first[: count * inputs].reshape(count, inputs), first[count * inputs :]
        if self.initialization == "paper":
            output = sum(self.written[-3:])
            hidden, last = HEAD_BOUNDS[self.size]
            weights[: count - output] *= hidden
            weights[count - output :] *= last
            return
        weights[:] = 0.0
        numbers = [(np.ravel(layer.weight), np.asarray(layer.bias)) for layer in plain]
        biases[:] = np.concatenate([part for weight, bias in numbers for part in (weight, bias, np.zeros(len(bias)))])

    def __call__(self, network: Functions, meta: Tensor) -> tuple[Tensor, ...]:
        """Return what is written for meta variables (R, Z): weights, biases and gains of each layer, R of each."""
        return torch.split(network("heads", primary(network, meta, STAGES[self.size])), self.written, 1)
