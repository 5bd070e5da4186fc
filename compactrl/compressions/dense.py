"""Unstructured policies: every edge has a weight of its own, index = 0, 1, … E - 1. The baseline of all sizes."""

from __future__ import annotations

import numpy as np

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather, stack
from compactrl.types import Integers


def pattern(rows: int, columns: int) -> Integers:
    """Return the index map of one matrix, shape (rows, columns)."""
    return np.arange(rows * columns).reshape(rows, columns)


class Dense(Gather):
    """One weight an edge.

    Example:
        >>> policy = Dense((17, 41, 6), Options())
        >>> policy.size(np.zeros(0, dtype=np.int64)).bits
        31488
    """

    name = "dense"

    def __init__(self, sizes: tuple[int, ...], options: Options) -> None:
        super().__init__(sizes, options)
        self.index, self.num_weights = stack(pattern, self.shapes)
