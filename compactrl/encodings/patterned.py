"""Fixed patterns of sharing: the C follows from the pattern, and no table says which weight an edge takes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.patterns import PATTERNS, stack
from compactrl.policies.sharing import Sharing


class Toeplitz(Encoding):
    """A float a diagonal: W[i, j] = weight[i - j + inputs - 1]."""

    name = "codebook"

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether the edges take their weights in this pattern."""
        return _follows(sharing, "toeplitz")

    def tables(self) -> list[Table]:
        """Return the vectors of all layers."""
        return [Table("weights", "float", self.sharing.weights, "of each diagonal, upper right first, layer by layer")]

    def snippets(self) -> Snippets:
        """Return the walk along a row, leftwards in the vector; a layer's rows end where the next layer's begin."""
        return Snippets(
            state=("const float *row = NAME_weights;",),
            term=("sum += row[input - x] * *x;",),
            row_end=("row++;",),
            layer=tuple((f"row += {inputs - 1};",) for inputs in self.sharing.shape[:-1]),
        )


class Circulant(Encoding):
    """n = max(inputs, outputs) floats a layer: W[i, j] = weight[(j - i) mod n]."""

    name = "codebook"

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether the edges take their weights in this pattern."""
        return _follows(sharing, "circulant")

    def tables(self) -> list[Table]:
        """Return the vectors of all layers."""
        return [Table("weights", "float", self.sharing.weights, "first row of each layer's enclosing square")]

    def snippets(self) -> Snippets:
        """Return the walk round a row: `place` is where the next weight is, `start` where the row began."""
        layers, before = [], 0
        for inputs, outputs in pairwise(self.sharing.shape):
            size = max(inputs, outputs)
            layers.append((f"vector += {before};", f"size = {size};", "start = 0;", "place = 0;"))
            before = size
        return Snippets(
            state=("const float *vector = NAME_weights;", "int size = 0;", "int start = 0;", "int place = 0;"),
            term=(
                "sum += vector[place] * *x;",
                "if (++place == size) {",
                "    place = 0;",
                "}",
            ),
            row_end=("start = (start == 0 ? size : start) - 1;", "place = start;"),
            layer=tuple(layers),
        )


def _follows(sharing: Sharing, pattern: str) -> bool:
    """Return whether edges take their weights in the pattern of this name."""
    shapes = tuple((outputs, inputs) for inputs, outputs in pairwise(sharing.shape))
    return sharing.mask is None and np.array_equal(stack(PATTERNS[pattern], shapes)[0], sharing.index)
