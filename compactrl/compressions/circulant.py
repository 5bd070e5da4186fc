"""Circulant policies: each row is the one above, shifted by one; max(rows, columns) weights a matrix.

"Chromatic networks" (ICLR 2020 NAS workshop), appendix D: a circulant matrix is square, so take the enclosing square
n = max(rows, columns) and truncate it:

    W[i, j] = theta[(j - i) mod n]
"""

from __future__ import annotations

import numpy as np

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather, stack
from compactrl.types import Integers


def pattern(rows: int, columns: int) -> Integers:
    """Return the index map of one matrix, shape (rows, columns).

    Example:
        >>> pattern(2, 3)
        array([[0, 1, 2],
               [2, 0, 1]])
    """
    return (np.arange(columns) - np.arange(rows)[:, None]) % max(rows, columns)


class Circulant(Gather):
    """One weight a wrapped diagonal.

    Example:
        >>> Circulant((17, 41, 6), Options()).num_weights
        82
    """

    name = "circulant"

    def __init__(self, sizes: tuple[int, ...], options: Options) -> None:
        super().__init__(sizes, options)
        self.index, self.num_weights = stack(pattern, self.shapes)
