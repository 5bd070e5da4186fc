"""Unstructured policies: every edge has its own weight, index = 0, 1, … E - 1. The baseline of all sizes."""

from __future__ import annotations

from compactrl.compressions.patterned import Patterned
from compactrl.policies import patterns


class Dense(Patterned):
    """One weight per edge.

    Example:
        >>> import numpy as np
        >>> from compactrl.policies.skeleton import Skeleton
        >>> policy = Dense(Skeleton.tanh((17, 41, 6)), Patterned.Options())
        >>> policy.size(np.zeros(0, dtype=np.int64)).bits
        31488
    """

    name = "dense"
    pattern = staticmethod(patterns.dense)
