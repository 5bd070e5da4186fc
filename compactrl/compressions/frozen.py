"""A settled colouring or mask: the index map is part of the policy, and nothing is left to choose."""

from __future__ import annotations

from compactrl.compressions.base import Options
from compactrl.compressions.gather import Gather
from compactrl.policies.sharing import mask_index
from compactrl.policies.size import coloring_bits, mask_bits
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Integers, Size


class Frozen(Gather):
    """One index map, with theta = [weights | biases].

    Args:
        skeleton: of the network.
        index: (E,), the weight of each edge.
        num_weights: M, used or not.
        mask: (E,) of zeros and ones, or None for a colouring.

    Raises:
        ValueError: index or mask have not one number per edge, or an index is out of range.

    Example:
        >>> import numpy as np
        >>> policy = Frozen(Skeleton.tanh((2, 1)), np.array([1, 0]), num_weights=2)
        >>> policy.expand(np.array([0.5, -0.5]), np.zeros(0, dtype=np.int64))[0].weight
        array([[-0.5,  0.5]])
    """

    name = "frozen"

    def __init__(self, skeleton: Skeleton, index: Integers, num_weights: int, mask: Integers | None = None) -> None:
        super().__init__(skeleton, Options())
        for values in (index,) if mask is None else (index, mask):
            if values.shape != (self.num_edges,):
                raise ValueError(f"expected one number for each of the {self.num_edges} edges, got {values.shape}")
        if index.min() < 0 or index.max() >= max(num_weights, 1):
            raise ValueError(f"expected indices of {num_weights} weights, got {index.min()} … {index.max()}")
        self.index = index
        self.num_weights = num_weights
        self.mask = mask

    def size(self, design: Design) -> Size:  # noqa: ARG002
        """Return the exact size; there is no design left, so shape (0,)."""
        bits = coloring_bits if self.mask is None else mask_bits
        return self._size(self.num_weights, dictionary=bits(self.num_edges, self.num_weights))

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:  # noqa: ARG002
        return self.index, self.mask


def freeze_mask(skeleton: Skeleton, mask: Integers) -> Frozen:
    """Freeze a mask (E,): the kept edges take the weights 0, 1, … in order, the others none."""
    return Frozen(skeleton, mask_index(mask), int(mask.astype(bool).sum()), mask)
