"""Networks with their gradient as a function: outputs first, then what a slope of the outputs is in theta.

A learner that has the slope of its loss with respect to outputs written out needs no graph of operations. For a plain
network there is none: a small one is done before autograd has noted what it did. For all others there is autograd.
`tests/compactrl/networks/test_pullback.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from compactrl.networks.perceptrons import cut, mask_inactive


class Pullback(Protocol):
    """A network that can say what a slope of its last outputs is in its parameters."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the outputs (n, B, outputs) for rows (n, B, I), without a graph."""

    def gradient(self, slope: Tensor) -> Tensor:
        """Return the gradient (P,) of a loss with this slope (n, B, outputs) with respect to the last outputs.

        The array is the network's own, and is written again by the next call.
        """


class PerceptronPullback:
    """A plain network.

    Args:
        flat: its parameters (P,) [W1 | b1 | W2 | b2 | …]; layers follow when they are changed in place.
        sizes: of the layers, inputs first.
        activation: of the hidden layers, `relu` or `tanh`.
    """

    def __init__(self, flat: Tensor, sizes: tuple[int, ...], activation: str) -> None:
        flat = flat.detach()
        self._layers = [(weight, weight.t(), bias) for weight, bias in cut(flat, sizes)]
        self._gradient = torch.zeros_like(flat)
        self._slopes = cut(self._gradient, sizes)
        self._relu = activation == "relu"
        self._inputs: list[Tensor] = []

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the outputs."""
        value = rows.flatten(0, 1)
        self._inputs, last = [value], len(self._layers) - 1
        for number, (_, transposed, bias) in enumerate(self._layers):
            value = torch.addmm(bias, value, transposed)
            if number < last:
                value = value.relu_() if self._relu else tanh_in_place(value)
                self._inputs.append(value)
        return value.view(*rows.shape[:-1], value.shape[-1])

    def gradient(self, slope: Tensor) -> Tensor:
        """Return the gradient."""
        slope = slope.flatten(0, 1)
        for number in range(len(self._layers) - 1, -1, -1):
            d_weight, d_bias = self._slopes[number]
            torch.mm(slope.t(), self._inputs[number], out=d_weight)
            torch.sum(slope, 0, out=d_bias)
            if number:
                slope = torch.mm(slope, self._layers[number][0])
                if self._relu:
                    mask_inactive(slope, self._inputs[number])
                else:
                    torch.ops.aten.tanh_backward.grad_input(slope, self._inputs[number], grad_input=slope)
        return self._gradient


class GraphPullback:
    """Any networks in torch.

    Args:
        network: makes the function of rows, of theta as it is.
        theta: (P,)
    """

    def __init__(self, network: Callable[[Tensor], Callable[[Tensor], Tensor]], theta: Tensor) -> None:
        self._network, self._theta = network, theta.detach().requires_grad_()
        self._outputs = self._theta

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the outputs."""
        with torch.enable_grad():
            self._outputs = self._network(self._theta)(rows)
        return self._outputs.detach()

    def gradient(self, slope: Tensor) -> Tensor:
        """Return the gradient."""
        return torch.autograd.grad(self._outputs, self._theta, slope)[0]


def tanh_in_place(value: Tensor) -> Tensor:
    """Return the tanh of a tensor in its own place; on the CPU by numpy, whose takes a sixth of torch's time."""
    if value.device.type != "cpu":
        return value.tanh_()
    array = value.numpy()
    np.tanh(array, out=array)
    return value
