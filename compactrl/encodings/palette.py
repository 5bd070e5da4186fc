"""A palette: few weights, and for each edge which of them it takes; one for all layers, or one a layer.

Biases have a palette of their own where few are different (`biases.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.packing import bits_each, pack_bits, pack_digits
from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.sharing import Sharing, split_edges


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


class PaletteOfLayers(Palette):
    """Some floats a layer, and for each edge which of its layer's, packed as in `Palette`."""

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether no edge is dropped, and each layer has weights that come after those of the layers before."""
        return sharing.mask is None and len(sharing.shape) > 2 and _palettes(sharing) is not None

    def __init__(self, sharing: Sharing) -> None:
        begins = _palettes(sharing)
        if begins is None:
            raise ValueError("expected a sharing in which each layer has weights of its own")
        self._begins = begins
        lengths = [matrix.size for matrix in split_edges(sharing.index, sharing.shape)]
        local = sharing.index - np.repeat(begins, lengths)
        most = int(local.max()) + 1
        # Padded, so that the base counts the colours of a layer; only its colours are used of this.
        self._all = sharing
        super().__init__(Sharing(sharing.shape, sharing.weights[:most], local, None))
        self.sharing = sharing

    def tables(self) -> list[Table]:
        """Return the weights of all layers and the packed colours."""
        weights = Table("weights", "float", self._all.weights, "of each colour, layer by layer")
        return [weights, *super().tables()[1:]]

    def snippets(self) -> Snippets:
        """Return the reader of colours; `palette` is where the layer's weights begin."""
        base = super().snippets()
        terms = tuple(line.replace("NAME_weights[", "palette[") for line in base.term)
        steps = np.diff([0, *self._begins]).tolist()
        layer = tuple((f"palette += {step};",) if step else () for step in steps)
        return Snippets(("const float *palette = NAME_weights;", *base.state), terms, base.row_end, layer)


def _palettes(sharing: Sharing) -> list[int] | None:
    """Return where each layer's weights begin; None where a layer has weights of another one, or in another order."""
    indices = [matrix.ravel() for matrix in split_edges(sharing.index, sharing.shape)]
    begins = [0, *(int(index.min()) for index in indices[1:])]
    ends = [int(index.max()) for index in indices]
    apart = all(end < begin for end, begin in zip(ends, begins[1:], strict=False))
    return begins if apart else None
