"""Measures of colourings: how even, how structured, how far apart.

Song et al., "Chromatic networks" (ICLR 2020 NAS workshop), appendices B.1 and B.2. A colouring Phi maps E edges to
0 … M - 1; entropies are in nats.

    entropy             H(Phi) = - sum_m p_m log p_m,  p_m = share of the edges with colour m
    displacement rank   rank(F W - W A)
    RandIndex           share of the pairs of edges on which two colourings agree whether their colours are the same
    variation of inf.   H(Phi) + H(Psi) - 2 I(Phi; Psi)
    distance            number of edges whose colours differ, colours taken by their number

Operators (Sindhwani, Sainath, Kumar: "Structured transforms for small-footprint deep learning", NIPS 2015, table 1),
with Z_f the down-shift matrix with f in its upper right corner:

    Toeplitz            F = Z_1,          A = Z_-1          a Toeplitz matrix has rank at most 2
    Toeplitz–Hankel     F = Z_0 + Z_0^T,  A = Z_0 + Z_0^T   a sum of a Toeplitz and a Hankel matrix at most 4

Deviation: the paper sets entries below 0.1 to zero, whatever the scale of the weights; here `threshold` is a share of
the largest entry of the matrix, and 0 unless stated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.policies.policy import Policy
from compactrl.types import Design, Floats, Integers

KINDS = ("Toeplitz", "Toeplitz–Hankel")
NO_EDGE = -1


class Coloring(NamedTuple):
    """Which edges of a policy share a weight."""

    colors: Integers
    """(E,) the number of the edge's weight, layer by layer and row by row; -1 where a mask has dropped it."""
    weights: Floats
    """(M,) the weights, used or not."""
    shapes: tuple[tuple[int, int], ...]
    """(outputs, inputs) of each layer."""

    @property
    def matrices(self) -> list[Integers]:
        """The colours of each layer, (outputs, inputs)."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])[:-1]
        parts = np.split(self.colors, ends)
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]


def coloring_of(policy: Policy) -> Coloring:
    """Return a policy's colouring: its design where that is one, else the edges of equal weight.

    Patterns such as Toeplitz are found from the weights; so are masks, whose dropped edges weigh exactly nothing.
    """
    edges = policy.sharing.edges
    shapes = policy.skeleton.shapes
    design = policy.design
    if policy.index is not None and policy.mask is None and np.array_equal(policy.index, design):
        return Coloring(design, np.asarray(policy.weights, np.float64), shapes)
    weights, colors = np.unique(edges, return_inverse=True)
    masked = len(design) == len(edges) and not edges[design == 0].any()
    if masked:
        kept = design.astype(bool)
        weights, kept_colors = np.unique(edges[kept], return_inverse=True)
        colors = np.full(len(edges), NO_EDGE)
        colors[kept] = kept_colors
    return Coloring(colors.astype(np.int64), weights.astype(np.float64), shapes)


def frequencies(design: Design, colors: int) -> Floats:
    """Return the share of the edges (E,) that each of so many colours has, (M,)."""
    return np.asarray(np.bincount(design, minlength=colors) / len(design))


def entropy(shares: Floats) -> float:
    """Return the entropy of shares (M,) that sum to one, in nats.

    Example:
        >>> entropy(np.array([0.5, 0.5, 0.0])) == float(np.log(2))
        True
    """
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())


def random_entropies(edges: int, colors: int, samples: int = 1000, seed: int = 0) -> Floats:
    """Return the entropies (samples,) of colourings drawn uniformly, to compare with."""
    counts = np.random.default_rng(seed).multinomial(edges, np.full(colors, 1 / colors), size=samples)
    return np.array([entropy(row / edges) for row in counts])


def shift(size: int, corner: float) -> Floats:
    """Return Z_f, (size, size): ones below the diagonal, f in the upper right corner.

    Example:
        >>> shift(3, -1.0)
        array([[ 0.,  0., -1.],
               [ 1.,  0.,  0.],
               [ 0.,  1.,  0.]])
    """
    matrix = np.eye(size, k=-1)
    matrix[0, -1] += corner
    return matrix


def displacement(matrix: NDArray[Any], kind: str) -> Floats:
    """Return F W - W A for a matrix (rows, columns); `kind` is one of `KINDS`.

    Raises:
        ValueError: another kind.
    """
    weights = np.asarray(matrix, np.float64)
    rows, columns = weights.shape
    if kind == "Toeplitz":
        return shift(rows, 1.0) @ weights - weights @ shift(columns, -1.0)
    if kind == "Toeplitz–Hankel":
        left, right = shift(rows, 0.0), shift(columns, 0.0)
        return (left + left.T) @ weights - weights @ (right + right.T)
    raise ValueError(f"expected one of {', '.join(KINDS)}, got {kind!r}")


def displacement_rank(matrix: NDArray[Any], kind: str = "Toeplitz", threshold: float = 0.0) -> int:
    """Return the displacement rank of a matrix (rows, columns).

    Args:
        matrix: weights.
        kind: one of `KINDS`.
        threshold: entries of the displaced matrix below this share of its largest one count as zero.
    """
    displaced = displacement(matrix, kind)
    largest = float(np.abs(displaced).max(initial=0.0))
    displaced[np.abs(displaced) < threshold * largest] = 0.0
    return int(np.linalg.matrix_rank(displaced))


def contingency(one: Design, other: Design) -> Integers:
    """Return how many edges have colour i in one colouring and j in the other, (M_1, M_2).

    Raises:
        ValueError: colourings of different networks.
    """
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise ValueError(f"expected two colourings of the same edges, got shapes {one.shape} and {other.shape}")
    width = int(other.max()) + 1
    counts = np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width)
    return np.asarray(counts.reshape(-1, width))


def rand_index(one: Design, other: Design) -> float:
    """Return Rand's index (1971) of two colourings (E,): 1 where they are the same up to the names of colours."""
    table = contingency(one, other).astype(np.float64)
    total = _pairs(table.sum())
    if not total:
        return 1.0
    together, first, second = (_pairs(part).sum() for part in (table, table.sum(1), table.sum(0)))
    return float((total + 2 * together - first - second) / total)


def variation_of_information(one: Design, other: Design) -> float:
    """Return Meilă's variation of information (2003) of two colourings (E,), in nats: 0 where they are the same."""
    joint = contingency(one, other) / len(one)
    # H(X) + H(Y) - 2 I(X; Y) = 2 H(X, Y) - H(X) - H(Y)
    return max(0.0, 2 * entropy(joint.ravel()) - entropy(joint.sum(1)) - entropy(joint.sum(0)))


def edge_distance(one: Design, other: Design) -> int:
    """Return how many edges have another colour, colours taken by their number."""
    return int((one != other).sum())


def _pairs(counts: Any) -> Any:
    return counts * (counts - 1) / 2
