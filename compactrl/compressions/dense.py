"""Unstructured policies: every edge has its own weight, index = 0, 1, … E - 1. The baseline of all sizes."""

from __future__ import annotations

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather
from compactrl.policies import patterns
from compactrl.policies.patterns import stack
from compactrl.policies.skeleton import Skeleton


class Dense(Gather):
    """One weight per edge.

    Example:
        >>> import numpy as np
        >>> policy = Dense(Skeleton.tanh((17, 41, 6)), Options())
        >>> policy.size(np.zeros(0, dtype=np.int64)).bits
        31488
    """

    name = "dense"

    def __init__(self, skeleton: Skeleton, options: Options) -> None:
        super().__init__(skeleton, options)
        self.index, self.num_weights = stack(patterns.dense, self.shapes)
