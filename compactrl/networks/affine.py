"""Linear layers whose parameters and gradients are views of flat vectors, for networks that autograd puts together.

`perceptrons.py` has whole ReLU networks as one operation, with gradients written out. Networks of other forms are
composed of these layers by torch's autograd. A product takes the same library as there, and a parameter's gradient is
written at once into its place in one vector: of large networks, putting it together later would cost a tenth of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.networks.perceptrons import linear, multiply
from compactrl.types import Floats


class Part(NamedTuple):
    """A linear layer's form, and what its first parameters are drawn from."""

    outputs: int
    inputs: int
    weight_bound: float
    """First weights are uniform between minus this and this."""
    bias_bound: float | None = 0.0
    """The same of biases; None where there are none."""

    @property
    def size(self) -> int:
        """How many parameters."""
        return self.outputs * (self.inputs + (self.bias_bound is not None))

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters, [weights | biases]."""
        bound = self.weight_bound
        weights = generator.uniform(-bound, bound, self.outputs * self.inputs)
        if self.bias_bound is None:
            return weights
        return np.concatenate([weights, generator.uniform(-self.bias_bound, self.bias_bound, self.outputs)])


Parts = Mapping[str, Part]
"""The layers of a network by name, as they follow each other in its flat vector."""


def xavier(outputs: int, inputs: int) -> Part:
    """Return a layer that begins as those of plain networks: Xavier uniform, biases zero."""
    return Part(outputs, inputs, (6 / (inputs + outputs)) ** 0.5)


class Layer:
    """Weight (O, I) and bias (O,), or None, of a layer, and where their gradients go while some are asked for."""

    __slots__ = ("bias", "gradient", "weight")

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias
        self.gradient: Layer | None = None


def cut(flat: Tensor, parts: Parts) -> dict[str, Layer]:
    """Return the layers of a flat vector (P,), as views."""
    layers = {}
    for (name, part), numbers in zip(
        parts.items(), torch.split(flat, [part.size for part in parts.values()]), strict=True
    ):
        edges = part.outputs * part.inputs
        bias = None if part.bias_bound is None else numbers[edges:]
        layers[name] = Layer(numbers[:edges].view(part.outputs, part.inputs), bias)
    return layers


class Network:
    """Layers by name, as functions.

    Args:
        layers: of `cut`.
        learn: whether gradients of the parameters will be asked for (`gradients_into`).
    """

    def __init__(self, layers: Mapping[str, Layer], learn: bool) -> None:
        self._layers = layers
        self.token = torch.zeros((), requires_grad=True) if learn else None
        """What autograd is asked for the gradient of: it goes through every layer, which writes its own on the way."""

    def __call__(self, name: str, x: Tensor, relu: bool = False) -> Tensor:
        """Return x (B, I) through a layer, (B, O), rectified or not."""
        y: Tensor = Affine.apply(x, self.token, self._layers[name], relu)  # type: ignore[no-untyped-call]
        return y


class Differentiable:
    """The same as functions of torch's own operations, which autograd can follow any number of times.

    Args:
        layers: of `cut`, of a vector whose gradient is asked for.
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._layers = layers

    def __call__(self, name: str, x: Tensor, relu: bool = False) -> Tensor:
        """Return x (B, I) through a layer, (B, O), rectified or not."""
        layer = self._layers[name]
        y = torch.nn.functional.linear(x, layer.weight, layer.bias)
        return y.relu() if relu else y


class Affine(torch.autograd.Function):
    """A linear layer, fused with its ReLU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, token: Tensor | None, layer: Layer, relu: bool) -> Tensor:  # noqa: ARG004
        """Return (B, O)."""
        x = x.contiguous()
        y = linear(x, layer.weight, layer.bias, relu)
        ctx.layer, ctx.relu = layer, relu
        ctx.save_for_backward(x, *([y] if relu else []))
        return y

    @staticmethod
    def backward(ctx: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        """Write the gradients of the parameters into their place; return that of x."""
        x, *active = ctx.saved_tensors
        layer: Layer = ctx.layer
        d_y = torch.ops.aten.threshold_backward(d_y, active[0], 0) if ctx.relu else d_y.contiguous()
        if layer.gradient is not None:
            multiply(d_y.t(), x, layer.gradient.weight)
            if layer.gradient.bias is not None:
                torch.sum(d_y, 0, out=layer.gradient.bias)
        d_x = linear(d_y, layer.weight.t()) if ctx.needs_input_grad[0] else None
        return d_x, None, None, None


def gradients_into(layers: Mapping[str, Layer], places: Mapping[str, Layer] | None) -> None:
    """Let the gradients of layers be written to the layers of the same names; None: to nowhere."""
    for name, layer in layers.items():
        layer.gradient = None if places is None else places[name]
