"""A settled colouring or mask: the index maps are part of the policy, and nothing is left to choose."""

from __future__ import annotations

from typing import Any

from compactrl.compressions.base import Compact, Options
from compactrl.compressions.gather import Gather, gather
from compactrl.policies.sharing import mask_index
from compactrl.policies.size import coloring_bits, mask_bits, size_of
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Integers, Size


class Frozen(Gather):
    """One index map, with theta = [weights | biases], or [weights | shared biases] with a second one.

    Args:
        skeleton: of the network.
        index: (E,), the weight of each edge.
        num_weights: M, used or not.
        mask: (E,) of zeros and ones, or None for a colouring.
        bias_index: (B,), which of the shared biases each bias takes; None where each has its own.
        num_bias_values: how many shared biases there are, used or not.
        choices: among how many of them an edge chooses; None for all.

    Raises:
        ValueError: index or mask have not one number per edge, or an index is out of range.

    Example:
        >>> import numpy as np
        >>> policy = Frozen(Skeleton.tanh((2, 1)), np.array([1, 0]), num_weights=2)
        >>> policy.expand(np.array([0.5, -0.5]), np.zeros(0, dtype=np.int64))[0].weight
        array([[-0.5,  0.5]])
    """

    name = "frozen"
    counts_unused = True

    def __init__(
        self,
        skeleton: Skeleton,
        index: Integers,
        num_weights: int,
        mask: Integers | None = None,
        *,
        bias_index: Integers | None = None,
        num_bias_values: int | None = None,
        choices: int | None = None,
    ) -> None:
        super().__init__(skeleton, Options())
        for values in (index,) if mask is None else (index, mask):
            if values.shape != (self.num_edges,):
                raise ValueError(f"expected one number for each of the {self.num_edges} edges, got {values.shape}")
        if index.min() < 0 or index.max() >= max(num_weights, 1):
            raise ValueError(f"expected indices of {num_weights} weights, got {index.min()} … {index.max()}")
        self.index = index
        self.num_weights = num_weights
        self.mask = mask
        self.bias_index = bias_index
        self.num_bias_values = self.num_biases if num_bias_values is None else num_bias_values
        self._choices = num_weights if choices is None else choices

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self.num_weights + self.num_bias_values

    def size(self, design: Design) -> Size:  # noqa: ARG002
        """Return the exact size; there is no design left, so shape (0,)."""
        return self._size_on(self.skeleton)

    def shipped_size(self, compact: Compact) -> Size:
        """Return the exact size of what ships, which may have fewer outputs than the skeleton."""
        return self._size_on(compact.skeleton)

    def _size_on(self, skeleton: Skeleton) -> Size:
        bits = coloring_bits if self.mask is None else mask_bits
        dictionary = bits(skeleton.num_edges, self._choices)
        if self.bias_index is None:
            return size_of(skeleton, self.num_weights, dictionary)
        of_biases = coloring_bits(skeleton.num_biases, self.num_bias_values)
        return size_of(skeleton, self.num_weights, dictionary + of_biases, self.num_bias_values)

    def _biases(self, theta: Any, design: Design) -> Any:
        if self.bias_index is None:
            return super()._biases(theta, design)
        return gather(theta[..., self.num_weights :], self.bias_index)

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:  # noqa: ARG002
        return self.index, self.mask


def freeze_mask(skeleton: Skeleton, mask: Integers) -> Frozen:
    """Freeze a mask (E,): the kept edges take the weights 0, 1, … in order, the others none."""
    return Frozen(skeleton, mask_index(mask), int(mask.astype(bool).sum()), mask)
