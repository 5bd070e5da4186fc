"""A skeleton: a network before it has numbers: its sizes, its activation, and which layers have biases.

How its weights are shared, masked or stored is independent of it (`sharing`).

The numbers of a network come in two flat orders, which the functions here cut into layers and put together again:

- edges (E,) and biases (B,) apart, each layer by layer: `Skeleton.layers` and `edges_and_biases`;
- interleaved, [W1 | b1 | W2 | b2 | …], where every layer has a bias: `Skeleton.layers_of_interleaved` and
  `interleaved`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Layer, Layers

ACTIVATIONS = ("tanh", "relu")


@dataclass(frozen=True)
class Skeleton:
    """The form of an MLP.

    Raises:
        ValueError: sizes that are no network, an unknown activation, or not one flag per layer.

    Example:
        >>> skeleton = Skeleton.tanh((17, 41, 6))
        >>> skeleton.num_edges, skeleton.num_biases
        (943, 41)
        >>> Skeleton.relu((17, 41, 6)).num_biases
        47
    """

    sizes: tuple[int, ...]
    """Widths of observation, hidden layers, output."""
    activation: str
    """Of the hidden layers: `tanh` or `relu`."""
    biased: tuple[bool, ...]
    """Whether each layer has a bias, the output's last."""

    def __post_init__(self) -> None:
        """Check that it is a network."""
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(
                f"expected sizes (observation, hidden layers …, action), each at least 1, got {self.sizes}"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"expected an activation of {', '.join(ACTIVATIONS)}, got {self.activation}")
        if len(self.biased) != len(self.sizes) - 1:
            raise ValueError(f"expected a flag for each of {len(self.sizes) - 1} layers, got {self.biased}")

    @classmethod
    def tanh(cls, sizes: tuple[int, ...]) -> Skeleton:
        """Return tanh layers with biases on the hidden ones only, as evolved policies have them."""
        return cls(_whole(sizes), "tanh", (True,) * (len(sizes) - 2) + (False,))

    @classmethod
    def relu(cls, sizes: tuple[int, ...]) -> Skeleton:
        """Return ReLU layers with biases on all of them, as policies trained by gradients have them."""
        return cls(_whole(sizes), "relu", (True,) * (len(sizes) - 1))

    @classmethod
    def of_layers(cls, layers: Layers, activation: str) -> Skeleton:
        """Return the skeleton of layers without a leading axis."""
        sizes = (layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in layers))
        return cls(_whole(sizes), activation, tuple(layer.bias is not None for layer in layers))

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(outputs, inputs) of each layer's weights."""
        return tuple((outputs, inputs) for inputs, outputs in pairwise(self.sizes))

    @cached_property
    def num_edges(self) -> int:
        """E."""
        return sum(outputs * inputs for outputs, inputs in self.shapes)

    @cached_property
    def num_biases(self) -> int:
        """B."""
        return sum(outputs for (outputs, _), biased in zip(self.shapes, self.biased, strict=True) if biased)

    def layers(self, edges: Any, biases: Any) -> Layers:
        """Cut edges (E,) or (N, E) and biases (B,) or (N, B), numpy or torch, into layers."""
        parts, edge, bias = [], 0, 0
        for (outputs, inputs), biased in zip(self.shapes, self.biased, strict=True):
            weight = edges[..., edge : edge + outputs * inputs].reshape(*edges.shape[:-1], outputs, inputs)
            parts.append(Layer(weight, biases[..., bias : bias + outputs] if biased else None))
            edge, bias = edge + outputs * inputs, bias + outputs * biased
        return tuple(parts)

    def layers_of_interleaved(self, numbers: Any) -> Layers:
        """Cut [W1 | b1 | W2 | b2 | …], (P,) or (N, P), numpy or torch, into layers; every layer has a bias."""
        parts, start = [], 0
        for outputs, inputs in self.shapes:
            middle, end = start + outputs * inputs, start + outputs * (inputs + 1)
            weight = numbers[..., start:middle].reshape(*numbers.shape[:-1], outputs, inputs)
            parts.append(Layer(weight, numbers[..., middle:end]))
            start = end
        return tuple(parts)


def edges_and_biases(layers: Layers) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the weights (E,) and the biases (B,) of layers without a leading axis: the inverse of `Skeleton.layers`.

    Example:
        >>> edges_and_biases((Layer(np.array([[1.0, 2.0]]), np.array([3.0])), Layer(np.array([[4.0]]), None)))
        (array([1., 2., 4.]), array([3.]))
    """
    edges = np.concatenate([np.ravel(layer.weight) for layer in layers])
    biases = [np.ravel(layer.bias) for layer in layers if layer.bias is not None]
    return edges, np.concatenate(biases) if biases else np.zeros(0)


def interleaved(layers: Layers) -> NDArray[Any]:
    """Return [W1 | b1 | W2 | b2 | …], (P,), of layers without a leading axis.

    Example:
        >>> interleaved((Layer(np.array([[1.0, 2.0]]), np.array([3.0])), Layer(np.array([[4.0]]), np.array([5.0]))))
        array([1., 2., 3., 4., 5.])
    """
    return np.concatenate([np.ravel(part) for layer in layers for part in layer if part is not None])


def _whole(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(size) for size in sizes)
