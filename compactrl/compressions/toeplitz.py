"""Toeplitz policies: one weight per diagonal, rows + columns - 1 weights per matrix.

Choromanski et al., "Structured evolution with compact architectures for scalable policy optimization" (ICML 2018);
the sizes are those of "Chromatic networks" (ICLR 2020 NAS workshop), appendix D:

    W[i, j] = theta[i - j + columns - 1]
"""

from __future__ import annotations

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather
from compactrl.policies import patterns
from compactrl.policies.patterns import stack
from compactrl.policies.skeleton import Skeleton


class Toeplitz(Gather):
    """One weight per diagonal.

    Example:
        >>> Toeplitz(Skeleton.tanh((17, 41, 6)), Options()).num_weights
        103
    """

    name = "toeplitz"

    def __init__(self, skeleton: Skeleton, options: Options) -> None:
        super().__init__(skeleton, options)
        self.index, self.num_weights = stack(patterns.toeplitz, self.shapes)
