"""Circulant policies: each row is the one above, shifted by one; max(rows, columns) weights per matrix.

"Chromatic networks" (ICLR 2020 NAS workshop), appendix D: a circulant matrix is square, so take the enclosing square
n = max(rows, columns) and truncate it:

    W[i, j] = theta[(j - i) mod n]
"""

from __future__ import annotations

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather
from compactrl.policies import patterns
from compactrl.policies.patterns import stack
from compactrl.policies.skeleton import Skeleton


class Circulant(Gather):
    """One weight per wrapped diagonal.

    Example:
        >>> Circulant(Skeleton.tanh((17, 41, 6)), Options()).num_weights
        82
    """

    name = "circulant"

    def __init__(self, skeleton: Skeleton, options: Options) -> None:
        super().__init__(skeleton, options)
        self.index, self.num_weights = stack(patterns.circulant, self.shapes)
