"""Fixed patterns of sharing: which weight each entry of one matrix takes, and how a pattern covers all layers.

Choromanski et al., "Structured evolution with compact architectures for scalable policy optimization" (ICML 2018):
Toeplitz. "Chromatic networks" (ICLR 2020 NAS workshop), appendix D: circulant, of the enclosing square, truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from types import MappingProxyType

import numpy as np

from compactrl.types import Integers

Pattern = Callable[[int, int], Integers]
"""(rows, columns) → index map with this shape, whose largest entry is the number of weights less one."""
Shapes = tuple[tuple[int, int], ...]


def dense(rows: int, columns: int) -> Integers:
    """Return the index map of a matrix whose entries share nothing.

    Example:
        >>> dense(2, 3)
        array([[0, 1, 2],
               [3, 4, 5]])
    """
    return np.arange(rows * columns).reshape(rows, columns)


def toeplitz(rows: int, columns: int) -> Integers:
    """Return the index map of one weight per diagonal, i - j + columns - 1.

    Example:
        >>> toeplitz(2, 3)
        array([[2, 1, 0],
               [3, 2, 1]])
    """
    return np.arange(rows)[:, None] - np.arange(columns) + columns - 1


def circulant(rows: int, columns: int) -> Integers:
    """Return the index map of one weight per wrapped diagonal, (j - i) mod max(rows, columns).

    Example:
        >>> circulant(2, 3)
        array([[0, 1, 2],
               [2, 0, 1]])
    """
    return (np.arange(columns) - np.arange(rows)[:, None]) % max(rows, columns)


PATTERNS: Mapping[str, Pattern] = MappingProxyType({"toeplitz": toeplitz, "circulant": circulant})
"""Patterns that share weights, by their names in policy files."""


def stack(pattern: Pattern, shapes: Shapes) -> tuple[Integers, int]:
    """Lay one pattern over every layer, each with weights of its own.

    Args:
        pattern: of one matrix.
        shapes: (rows, columns) of every layer.

    Returns:
        The index map of all layers, (E,), and the number of weights.
    """
    maps = [pattern(rows, columns).ravel() for rows, columns in shapes]
    ends = list(accumulate(int(layer_map.max()) + 1 for layer_map in maps))
    starts = [0, *ends[:-1]]
    return np.concatenate([layer_map + start for layer_map, start in zip(maps, starts, strict=True)]), ends[-1]
