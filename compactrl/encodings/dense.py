"""A number for every edge, in floats or in bytes: nothing is shared, nothing is left out."""

from __future__ import annotations

import numpy as np

from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.sharing import Sharing, Singles

LARGEST_INT8 = 127
ROWS_AT_ONCE = 4
"""Rows that share one load of an input."""


class Float32(Encoding):
    """A float an edge."""

    name = "float32"

    def tables(self) -> list[Table]:
        """Return the weights of all edges."""
        return [Table("weights", "float", self.sharing.edges, "layer by layer, row by row")]

    def snippets(self) -> Snippets:
        """Return a walk along the table."""
        return Snippets(
            state=("const float *weight = NAME_weights;",),
            term=("sum += *weight++ * *x;",),
        )


class Interleaved(Float32):
    """A float an edge, in blocks of `ROWS_AT_ONCE` rows, column by column; a layer's last block has what is left.

    It is `Float32` for the kernel that takes several rows at a time.
    """

    def tables(self) -> list[Table]:
        """Return the weights in the order in which the blocks need them."""
        blocks = [
            matrix[begin : begin + ROWS_AT_ONCE].T.ravel()
            for matrix in self.matrices()
            for begin in range(0, len(matrix), ROWS_AT_ONCE)
        ]
        meaning = f"layer by layer, {ROWS_AT_ONCE} rows at a time, column by column"
        return [Table("weights", "float", np.concatenate(blocks), meaning)]

    @property
    def code_estimate(self) -> int:
        """See `Encoding`: two loops a layer, one of four rows and one of what is left."""
        return 100 + 230 * (len(self.sharing.shape) - 1)


class Int8(Encoding):
    """A signed byte an edge and a float a row: weight = byte · scale of the row, the largest of a row being ±127.

    Activations and sums stay in single precision, so that the only error is the rounding of weights.
    """

    name = "int8"

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        largest = [np.abs(matrix).max(axis=1) for matrix in sharing.matrices()]
        self.scales = [np.where(values > 0, values / LARGEST_INT8, 1).astype(np.float32) for values in largest]
        self.steps = [
            np.clip(np.rint(matrix / scale[:, None]), -LARGEST_INT8, LARGEST_INT8).astype(np.int8)
            for matrix, scale in zip(sharing.matrices(), self.scales, strict=True)
        ]

    @property
    def exact(self) -> bool:
        """Whether the weights are such steps already, so that rounding changes none."""
        pairs = zip(self.matrices(), self.sharing.matrices(), strict=True)
        return all(np.array_equal(rounded, matrix) for rounded, matrix in pairs)

    def matrices(self) -> list[Singles]:
        """Return the rounded weights, (outputs, inputs) a layer."""
        return [steps * scale[:, None] for steps, scale in zip(self.steps, self.scales, strict=True)]

    def tables(self) -> list[Table]:
        """Return bytes and scales."""
        steps = np.concatenate([matrix.ravel() for matrix in self.steps])
        return [
            Table("weights", "int8_t", steps, "in steps of its row's scale, layer by layer, row by row"),
            Table("scales", "float", np.concatenate(self.scales), "of each row"),
        ]

    def snippets(self) -> Snippets:
        """Return a walk along both tables."""
        return Snippets(
            state=("const int8_t *weight = NAME_weights;", "const float *scale = NAME_scales;"),
            term=("sum += (float)*weight++ * *x;",),
            row_end=("sum *= *scale++;",),
        )
