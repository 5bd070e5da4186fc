"""Sharing of weights: an index map and a mask say which weight each edge takes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Integers

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Sharing:
    """M weights, and for each of the E edges (layer by layer, row by row) which of them it takes."""

    shape: tuple[int, ...]
    """Observation size, hidden sizes, output size."""
    weights: Singles
    """(M,)"""
    index: Integers
    """(E,) in 0 … M - 1."""
    mask: Integers | None
    """(E,) of zeros and ones, or None where every edge is kept."""

    @property
    def own(self) -> bool:
        """Whether every edge has its own weight, in order."""
        return self.mask is None and np.array_equal(self.index, np.arange(len(self.weights)))

    @property
    def edges(self) -> Singles:
        """(E,), the weight of every edge, zero where the mask drops it."""
        return shared_edges(self.weights, self.index, self.mask)

    def matrices(self) -> list[Singles]:
        """Return the weights of each layer, (outputs, inputs)."""
        return split_edges(self.edges, self.shape)


def shared_edges(weights: NDArray[Any], index: Integers | None, mask: Integers | None) -> Singles:
    """Return the weight of every edge, (E,), in single precision.

    Args:
        weights: (M,).
        index: (E,), or None where every edge has a weight of its own, in order.
        mask: (E,) of zeros and ones, or None where every edge is kept.
    """
    single: Singles = weights.astype(np.float32, copy=False)
    if index is None:
        return single
    if not len(single):  # the mask drops every edge
        return np.zeros(len(index), np.float32)
    edges = single[index]
    return edges if mask is None else np.where(mask > 0, edges, np.float32(0))


def mask_index(mask: Integers) -> Integers:
    """Return the index map of a mask (E,): the kept edges take the weights 0, 1, … in order, the others 0.

    Example:
        >>> mask_index(np.array([0, 1, 0, 1]))
        array([0, 0, 0, 1])
    """
    kept = mask.astype(bool)
    return np.where(kept, np.cumsum(kept) - 1, 0)


def split_edges(edges: NDArray[Any], shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """Cut (E,) into a matrix (outputs, inputs) per layer.

    Example:
        >>> [part.shape for part in split_edges(np.arange(10), (3, 2, 2))]
        [(2, 3), (2, 2)]
    """
    parts, begin = [], 0
    for inputs, outputs in pairwise(shape):
        parts.append(edges[begin : begin + outputs * inputs].reshape(outputs, inputs))
        begin += outputs * inputs
    return parts
