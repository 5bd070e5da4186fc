"""Toeplitz policies: one weight per diagonal, rows + columns - 1 weights per matrix.

Choromanski et al., "Structured evolution with compact architectures for scalable policy optimization" (ICML 2018);
the sizes are those of "Chromatic networks" (ICLR 2020 NAS workshop), appendix D:

    W[i, j] = theta[i - j + columns - 1]
"""

from __future__ import annotations

from compactrl.compressions.patterned import Patterned
from compactrl.policies import patterns


class Toeplitz(Patterned):
    """One weight per diagonal.

    Example:
        >>> from compactrl.policies.skeleton import Skeleton
        >>> Toeplitz(Skeleton.tanh((17, 41, 6)), Patterned.Options()).num_weights
        103
    """

    name = "toeplitz"
    pattern = staticmethod(patterns.toeplitz)
