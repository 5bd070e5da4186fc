"""The one operation behind every structured compression: W = theta[index] * mask, alike on numpy and torch.

Theta is laid out as [weights | biases]. An index map says for each of the E edges, layer by layer and row by row, which
weight it takes; dense, Toeplitz, circulant, chromatic and masked policies differ in this map only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from compactrl.compressions.base import START, Compression
from compactrl.types import Design, Floats, Integers, Layer, Layers

Shapes = tuple[tuple[int, int], ...]


def like(array: Any, reference: Any) -> Any:
    """Return a numpy array as the reference's kind: itself, or a tensor on the reference's device."""
    if isinstance(reference, np.ndarray):
        return array
    import torch  # here, not above: who runs policies on numpy needs no torch

    return torch.as_tensor(array, device=reference.device)


def gather(weights: Any, index: Integers, mask: Integers | None = None) -> Any:
    """Return weights[index] * mask, shape (E,) or (N, E).

    Args:
        weights: (M,) or (N, M), numpy or torch.
        index: (E,), or (N, E) together with weights (N, M).
        mask: of zeros and ones, as long as the index, or None to keep every edge.
    """
    if weights.shape[-1] == 0:  # a mask may have dropped every edge; there is nothing to take then, and all are zero
        return weights.sum(-1)[..., None] + like(np.zeros(index.shape[-1], dtype=np.int8), weights)
    if isinstance(weights, np.ndarray):
        # weights[:, index] equals the take, but is not contiguous
        edges = weights.take(index, axis=-1) if index.ndim == 1 else np.take_along_axis(weights, index, axis=-1)
        return edges if mask is None else edges * mask.astype(edges.dtype)
    positions = like(index, weights)
    edges = weights[..., positions] if index.ndim == 1 else weights.gather(-1, positions)
    return edges if mask is None else edges * like(mask, edges).to(edges.dtype)


def split(edges: Any, biases: Any, shapes: Shapes) -> Layers:
    """Cut edges (E,) or (N, E) and hidden biases (B,) or (N, B) into layers of weight shape (outputs, inputs)."""
    layers, edge, bias = [], 0, 0
    for number, (outputs, inputs) in enumerate(shapes):
        weight = edges[..., edge : edge + outputs * inputs].reshape(*edges.shape[:-1], outputs, inputs)
        hidden = number < len(shapes) - 1
        layers.append(Layer(weight, biases[..., bias : bias + outputs] if hidden else None))
        edge, bias = edge + outputs * inputs, bias + outputs
    return tuple(layers)


def stack(pattern: Callable[[int, int], Integers], shapes: Shapes) -> tuple[Integers, int]:
    """Lay one pattern over every layer, each with weights of its own.

    Args:
        pattern: (rows, columns) → index map with this shape, whose largest entry is the number of weights less one.
        shapes: (rows, columns) of every layer.

    Returns:
        The index map of all layers, (E,), and the number of weights.
    """
    maps = [pattern(rows, columns).ravel() for rows, columns in shapes]
    ends = list(accumulate(int(each.max()) + 1 for each in maps))
    starts = [0, *ends[:-1]]
    return np.concatenate([each + start for each, start in zip(maps, starts, strict=True)]), ends[-1]


class Gather(Compression):
    """A compression that is an index map; a subclass sets `index` and `num_weights`, or overrides `_map`."""

    index: Integers
    """(E,), the weight that each edge takes, where the design does not say."""

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self._num_trained + self.num_biases

    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the MLP of theta (P,) or (N, P) and design (D,) or (N, D); see `Compression.expand`."""
        self._check_theta(theta)
        decisions = self._check_design(design)
        if decisions.ndim == 2 and theta.ndim == 1:
            theta = theta + like(np.zeros((len(decisions), 1), dtype=np.int8), theta)  # (N, P), theta's dtype
        elif decisions.ndim == theta.ndim == 2 and len(decisions) != len(theta):
            raise ValueError(f"expected a design for each theta, got {len(decisions)} designs and {len(theta)} thetas")
        index, mask = self._map(decisions)
        biases = theta[..., self._num_trained : self._num_trained + self.num_biases]
        return split(gather(self._weights(theta), index, mask), biases, self.shapes)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,): weights normal with standard deviation `START`, biases zero."""
        theta = np.zeros(self.num_parameters)
        theta[: self._num_trained] = START * generator.standard_normal(self._num_trained)
        return theta

    def index_map(self) -> tuple[Integers, Integers | None]:
        """Return which weight each edge takes, (E,), and the mask, (E,) or None, of a settled or fixed pattern."""
        return self._map(np.zeros(0, np.int64))

    @property
    def _num_trained(self) -> int:
        """The length of theta's part before the biases."""
        return self.num_weights

    def _weights(self, theta: Any) -> Any:
        """Return the weights that the map points to, (M,) or (N, M)."""
        return theta[..., : self.num_weights]

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:  # noqa: ARG002
        """Return the index map and the mask, each (E,) or (N, E)."""
        return self.index, None

    def _check_theta(self, theta: Any) -> None:
        if theta.ndim not in (1, 2) or theta.shape[-1] != self.num_parameters:
            expected = f"({self.num_parameters},) or (N, {self.num_parameters})"
            raise ValueError(f"expected theta with shape {expected} for {self.name}, got {tuple(theta.shape)}")

    def _check_design(self, design: Any) -> Design:
        """Return the design as a numpy array, (D,) or (N, D)."""
        decisions = design if isinstance(design, np.ndarray) else np.asarray(design.cpu())
        self.design_space.check(np.atleast_2d(decisions))
        return decisions
