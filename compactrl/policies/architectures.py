"""Architectures: the widths of an MLP's hidden layers, their space, parameters and memory dimension.

Hegde & Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (2022): MLPs of one to four
hidden layers with widths from {4, 8, …, 512}, 4680 of them (equation 2); the lossless memory dimension is its
algorithm 1, after Friedland & Krell, "A capacity scaling law for artificial neural networks" (2017).

A design is a row of D numbers, one per possible layer: 0 for no layer, k for the k-th width. Layers move up to close
gaps, so that (3, 0, 5, 0) is (3, 5, 0, 0).

What the paper leaves open or states otherwise:

1. Parameters count weights and biases with an output as wide as the action. So 27 of the 28 counts in its table I and
   figure 1 are exact (65116 is printed as 56116).
2. The memory dimension starts from the first layer (algorithm 1 has l_0, and there is none) and has an output of 2a, as
   in the public code. Among equals the fewest parameters come first, then the smaller widths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise, product

import numpy as np

from compactrl.types import Design, Designs, Floats, Integers

Widths = tuple[int, ...]
"""Widths of the hidden layers, in order."""

WIDTHS: Widths = (4, 8, 16, 32, 64, 128, 256, 512)
MAX_LAYERS = 4
MOST_ARCHITECTURES = 1 << 23
"""Of a space: all of them are listed in memory."""


def enumerate_architectures(
    observation: int, action: int, widths: Sequence[int] = WIDTHS, max_layers: int = MAX_LAYERS
) -> list[Widths]:
    """Return every architecture, the fewest deployed parameters first, then in the order of the widths.

    Example:
        >>> spaces = enumerate_architectures(17, 6)
        >>> len(spaces), spaces[0], parameters(17, spaces[0], 6)
        (4680, (4,), 102)
    """
    architectures = chain.from_iterable(product(widths, repeat=layers) for layers in range(1, max_layers + 1))
    return sorted(architectures, key=lambda hidden: (parameters(observation, hidden, action), hidden))


def count_architectures(widths: int, max_layers: int) -> int:
    """Return how many architectures there are with so many different widths.

    Example:
        >>> count_architectures(8, 4)
        4680
    """
    return sum(widths**layers for layers in range(1, max_layers + 1))


def parameters(observation: int, widths: Sequence[int], action: int) -> int:
    """Return weights and biases of all layers, the output's included.

    Example:
        >>> parameters(17, (256, 256), 6)
        71942
    """
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise((observation, *widths, action)))


def memory_dimension(observation: int, widths: Sequence[int], action: int) -> int:
    """Return the lossless memory dimension: how many random points any labelling of which the MLP can represent.

    Example:
        >>> memory_dimension(17, (256, 256), 6)
        5132
    """
    narrowest = list(accumulate(widths, min))
    return (observation + 2) * widths[0] + sum(narrowest[1:]) + min(narrowest[-1], 2 * action)


def by_memory(observation: int, action: int, architectures: Iterable[Widths]) -> Widths:
    """Return the architecture with the largest memory dimension; of equals the smallest, then the first in order.

    Raises:
        ValueError: no architecture.
    """
    return min(
        architectures,
        key=lambda hidden: (
            -memory_dimension(observation, hidden, action),
            parameters(observation, hidden, action),
            hidden,
        ),
    )


def designs_of(architectures: Iterable[Widths], widths: Sequence[int], max_layers: int) -> Designs:
    """Return a row (D,) for each architecture, shape (n, D).

    Example:
        >>> designs_of([(4,), (8, 4)], (4, 8), 3)
        array([[1, 0, 0],
               [2, 1, 0]])
    """
    number = {width: index + 1 for index, width in enumerate(widths)}
    rows = [[number[width] for width in hidden] + [0] * (max_layers - len(hidden)) for hidden in architectures]
    return np.array(rows, np.int64).reshape(len(rows), max_layers)


def widths_of(design: Design, widths: Sequence[int]) -> Widths:
    """Return the widths of a design (D,); the row of all zeros stands for one layer of the smallest width.

    Example:
        >>> widths_of(np.array([2, 0, 1, 0]), (4, 8))
        (8, 4)
    """
    return tuple(widths[int(choice) - 1] for choice in design if choice) or (min(widths),)


def depths_of(designs: Designs) -> Integers:
    """Return the number of hidden layers of each design (n, D), shape (n,)."""
    return np.asarray(np.maximum(np.count_nonzero(designs, axis=1), 1), np.int64)


@dataclass(frozen=True)
class ArchitectureSpace:
    """All architectures of at most `max_layers` layers with these widths."""

    widths: Widths
    max_layers: int

    def designs_of(self, architectures: Iterable[Widths]) -> Designs:
        """Return a row (D,) for each architecture, shape (n, D)."""
        return designs_of(architectures, self.widths, self.max_layers)

    def widths_of(self, design: Design) -> Widths:
        """Return the widths of a design (D,)."""
        return widths_of(design, self.widths)

    def features(self, designs: Designs) -> Floats:
        """Describe each design (n, D) by numbers in -1 … 1, (n, D + 2): widths, the narrowest of them, depth.

        A width is its rank among all widths, from -1 (no such layer) to 1 (the widest); the depth is the share of
        `max_layers`. Designs of the same architecture have the same description.
        """
        ranks = designs_of(map(self.widths_of, designs), sorted(self.widths), self.max_layers)
        largest = len(self.widths)
        narrowest = np.where(ranks > 0, ranks, largest).min(axis=1)
        return 2 * np.column_stack([ranks / largest, narrowest / largest, depths_of(ranks) / self.max_layers]) - 1
