"""A palette: few weights, and for each edge which of them it takes.

Biases are no part of a palette: they hold the normaliser's share, and the plan writes them as floats. A palette that
biases take colours from belongs here, as a class beside `Palette`, with a plan that leaves them out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.packing import bits_each, pack_bits, pack_digits
from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.sharing import Sharing


class Palette(Encoding):
    """M floats, and for each edge which of them, packed in the smaller of the two ways that `packing` has."""

    name = "codebook"

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether no edge is dropped."""
        return sharing.mask is None

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        self.colors = len(sharing.weights)
        packed, digits = pack_bits(sharing.index, self.colors), np.zeros(0, np.uint32)
        if self.colors > 1:
            digits = pack_digits(sharing.index, self.colors)
        self.by_digits = 0 < digits.nbytes < packed.nbytes
        self.packed: NDArray[Any] = digits if self.by_digits else packed

    def tables(self) -> list[Table]:
        """Return the weights and the packed colours; one weight alone needs no colours."""
        tables = [Table("weights", "float", self.sharing.weights, "of each colour")]
        if self.colors == 1:
            return tables
        meaning = f"of each edge, {bits_each(self.colors)} bits each, lowest bit first"
        if self.by_digits:
            meaning = f"of each edge, base-{self.colors} digits, lowest first, a 1 above the last of a word"
        kind = "uint32_t" if self.by_digits else "uint8_t"
        return [*tables, Table("colors", kind, self.packed, meaning)]

    def snippets(self) -> Snippets:
        """Return the reader of colours."""
        if self.colors == 1:
            return Snippets(term=("sum += NAME_weights[0] * *x;",))
        if self.by_digits:
            return Snippets(
                state=("const uint32_t *word = NAME_colors;", "uint32_t digits = 1u;"),
                term=(
                    "if (digits == 1u) {",
                    "    digits = *word++;",
                    "}",
                    f"sum += NAME_weights[digits % {self.colors}u] * *x;",
                    f"digits /= {self.colors}u;",
                ),
            )
        width = bits_each(self.colors)
        return Snippets(
            state=("const uint8_t *byte = NAME_colors;", "uint32_t bits = 0u;", "uint32_t left = 0u;"),
            term=(
                f"while (left < {width}u) {{",
                "    bits |= (uint32_t)*byte++ << left;",
                "    left += 8u;",
                "}",
                f"sum += NAME_weights[bits & {2**width - 1}u] * *x;",
                f"bits >>= {width}u;",
                f"left -= {width}u;",
            ),
        )


class PaletteWithZero(Palette):
    """A palette for pruned edges too: they take one more weight, which is zero."""

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether edges are dropped."""
        return sharing.mask is not None

    def __init__(self, sharing: Sharing) -> None:
        if sharing.mask is None:
            raise ValueError("expected a sharing with dropped edges")
        zero = len(sharing.weights)
        weights = np.append(sharing.weights, np.float32(0))
        super().__init__(Sharing(sharing.shape, weights, np.where(sharing.mask > 0, sharing.index, zero), None))
