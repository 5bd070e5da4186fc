"""Toeplitz policies: one weight a diagonal, rows + columns - 1 weights a matrix.

Choromanski et al., "Structured evolution with compact architectures for scalable policy optimization" (ICML 2018);
the sizes are those of "Chromatic networks" (ICLR 2020 NAS workshop), appendix D:

    W[i, j] = theta[i - j + columns - 1]
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
        array([[2, 1, 0],
               [3, 2, 1]])
    """
    return np.arange(rows)[:, None] - np.arange(columns) + columns - 1


class Toeplitz(Gather):
    """One weight a diagonal.

    Example:
        >>> Toeplitz((17, 41, 6), Options()).num_weights
        103
    """

    name = "toeplitz"

    def __init__(self, sizes: tuple[int, ...], options: Options) -> None:
        super().__init__(sizes, options)
        self.index, self.num_weights = stack(pattern, self.shapes)
