"""Pruned networks: the weights of the edges that are kept, and where those are.

A run-length table of the edges that are dropped belongs here, as a class beside `Bitmap`.
"""

from __future__ import annotations

import numpy as np

from compactrl.encodings.packing import pack_bits
from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.sharing import Sharing, mask_index


class Bitmap(Encoding):
    """The kept weights, and a bit for each edge that says whether it is kept."""

    name = "codebook"
    skips_inputs = True

    @classmethod
    def fits(cls, sharing: Sharing) -> bool:
        """Return whether edges are dropped, and each of those that are kept has a weight of its own, in order."""
        mask = sharing.mask
        if mask is None or int(mask.sum()) != len(sharing.weights):
            return False
        kept = mask.astype(bool)
        return np.array_equal(sharing.index[kept], mask_index(mask)[kept])

    def tables(self) -> list[Table]:
        """Return the kept weights and the bits."""
        kept = self.sharing.mask if self.sharing.mask is not None else np.ones(len(self.sharing.index), np.int64)
        weights = self.sharing.weights
        if not len(weights):  # C has no empty arrays
            weights = np.zeros(1, np.float32)
        return [
            Table("weights", "float", weights, "of the kept edges, in order"),
            Table("mask", "uint8_t", pack_bits(kept, 2), "1 for each edge that is kept, lowest bit first"),
        ]

    def snippets(self) -> Snippets:
        """Return the reader of bits."""
        return Snippets(
            state=("const float *weight = NAME_weights;", "uint32_t edge = 0u;"),
            term=(
                "if ((uint32_t)NAME_mask[edge >> 3] >> (edge & 7u) & 1u) {",
                "    sum += *weight++ * *x;",
                "}",
                "edge++;",
            ),
        )
