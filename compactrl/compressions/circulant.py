"""Circulant policies: each row is the one above, shifted by one; max(rows, columns) weights per matrix.

"Chromatic networks" (ICLR 2020 NAS workshop), appendix D: a circulant matrix is square, so take the enclosing square
n = max(rows, columns) and truncate it:

    W[i, j] = theta[(j - i) mod n]
"""

from __future__ import annotations

from compactrl.compressions.patterned import Patterned
from compactrl.policies import patterns


class Circulant(Patterned):
    """One weight per wrapped diagonal.

    Example:
        >>> from compactrl.policies.skeleton import Skeleton
        >>> Circulant(Skeleton.tanh((17, 41, 6)), Patterned.Options()).num_weights
        82
    """

    name = "circulant"
    pattern = staticmethod(patterns.circulant)
