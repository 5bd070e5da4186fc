"""How the weights of a policy lie in a robot's memory, and the C that reads them back, one class a way.

An encoding is written for a loop over the rows of all layers and, in it, a loop of the pointer `x` from `input` (the
layer's first input) to its last; `sum` adds up a row. All read weights in the order of the edges: layer by layer, row
by row. Nothing is expanded: where weights are shared, each is stored once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.packing import bits_each, pack_bits, pack_digits
from compactrl.policies.patterns import PATTERNS, stack
from compactrl.policies.sharing import Sharing, Singles

LARGEST_INT8 = 127
ROWS_AT_ONCE = 4
"""Rows that share one load of an input."""


@dataclass(frozen=True)
class Table:
    """A constant array of the exported C."""

    name: str
    """What follows the policy's name and an underscore."""
    type: str
    """C type: float, int8_t, uint8_t, uint16_t or uint32_t."""
    values: NDArray[Any]
    meaning: str

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.values.nbytes)


@dataclass(frozen=True)
class Snippets:
    """C statements, a line each; NAME stands for the policy's name."""

    state: tuple[str, ...] = ()
    """Before the first layer: what is carried from weight to weight."""
    term: tuple[str, ...] = ()
    """Adds the next weight times *x to sum."""
    row_end: tuple[str, ...] = ()
    """After the columns of a row, before its bias."""
    layer: tuple[tuple[str, ...], ...] = ()
    """Before the first row of each layer; empty where nothing is to do."""


class Encoding(ABC):
    """A policy's weights as tables and the C that reads them."""

    name: ClassVar[str]
    inline: ClassVar[bool] = False
    """Whether all numbers, those of the normaliser and the biases too, stand in the code and not in tables."""
    skips_inputs: bool = False
    """Whether an input may meet no weight at all, so that it being NaN does not show in the outputs."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing

    @abstractmethod
    def tables(self) -> list[Table]:
        """Return the constant arrays, biases not among them."""

    @abstractmethod
    def snippets(self) -> Snippets:
        """Return the C that reads them."""

    def matrices(self) -> list[Singles]:
        """Return the weights that the C multiplies by, (outputs, inputs) a layer."""
        return self.sharing.matrices()

    @property
    def code_estimate(self) -> int:
        """Bytes that the code takes on a Cortex-M4, from those of others of its kind: no more than an estimate."""
        return 220


class Direct(Encoding):
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


class Quantized(Encoding):
    """A signed byte an edge and a float a row: weight = byte · scale of the row, the largest of a row being ±127.

    Activations and sums stay single precision, so that the only error is the rounding of weights.
    """

    name = "int8"

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        largest = [np.abs(matrix).max(axis=1) for matrix in sharing.matrices()]
        self.scales = [np.where(each > 0, each / LARGEST_INT8, 1).astype(np.float32) for each in largest]
        self.steps = [
            np.clip(np.rint(matrix / scale[:, None]), -LARGEST_INT8, LARGEST_INT8).astype(np.int8)
            for matrix, scale in zip(sharing.matrices(), self.scales, strict=True)
        ]

    def matrices(self) -> list[Singles]:
        """Return the rounded weights, (outputs, inputs) a layer."""
        return [steps * scale[:, None] for steps, scale in zip(self.steps, self.scales, strict=True)]

    def tables(self) -> list[Table]:
        """Return bytes and scales."""
        steps = np.concatenate([each.ravel() for each in self.steps])
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


class Palette(Encoding):
    """M floats, and for each edge which of them, packed in the smaller of the two ways that `packing` has."""

    name = "codebook"

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
        each = bits_each(self.colors)
        return Snippets(
            state=("const uint8_t *byte = NAME_colors;", "uint32_t bits = 0u;", "uint32_t left = 0u;"),
            term=(
                f"while (left < {each}u) {{",
                "    bits |= (uint32_t)*byte++ << left;",
                "    left += 8u;",
                "}",
                f"sum += NAME_weights[bits & {2**each - 1}u] * *x;",
                f"bits >>= {each}u;",
                f"left -= {each}u;",
            ),
        )


class Mask(Encoding):
    """The kept weights, and a bit for each edge that says whether it is kept."""

    name = "codebook"
    skips_inputs = True

    def tables(self) -> list[Table]:
        """Return the kept weights and the bits."""
        kept = self.sharing.mask if self.sharing.mask is not None else np.ones(len(self.sharing.index), np.int64)
        # C has no empty arrays
        weights = self.sharing.weights if len(self.sharing.weights) else np.zeros(1, np.float32)
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


class Interleaved(Direct):
    """A float an edge, in blocks of `ROWS_AT_ONCE` rows (the last of a layer has what is left), column by column."""

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
        """See `Encoding`: two loops a layer, of four rows and of what is left."""
        return 100 + 230 * (len(self.sharing.shape) - 1)


class Unrolled(Encoding):
    """Shared weights as constants in a statement a neuron: there is no table at all, only code."""

    name = "codebook"
    inline = True

    def __init__(self, sharing: Sharing) -> None:
        super().__init__(sharing)
        self.skips_inputs = sharing.mask is not None

    def tables(self) -> list[Table]:
        """Return no table."""
        return []

    def snippets(self) -> Snippets:
        """Return nothing: there is no loop."""
        return Snippets()

    @property
    def code_estimate(self) -> int:
        """See `Encoding`: an addition and, for most, a load for every edge that is kept."""
        kept = len(self.sharing.index) if self.sharing.mask is None else int(self.sharing.mask.sum())
        return 200 + 10 * kept


class Diagonals(Encoding):
    """Toeplitz: a float a diagonal, W[i, j] = weight[i - j + inputs - 1]."""

    name = "codebook"

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


class Wrapped(Encoding):
    """Circulant: n = max(inputs, outputs) floats a layer, W[i, j] = weight[(j - i) mod n]."""

    name = "codebook"

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


def codebook(sharing: Sharing) -> Encoding:
    """Return the encoding in which nothing of this sharing is expanded."""
    if sharing.mask is not None:
        return Mask(sharing)
    shapes = tuple((outputs, inputs) for inputs, outputs in pairwise(sharing.shape))
    for name, encoding in (("toeplitz", Diagonals), ("circulant", Wrapped)):
        if np.array_equal(stack(PATTERNS[name], shapes)[0], sharing.index):
            return encoding(sharing)
    return Palette(sharing)


def faster(encoding: Encoding) -> Encoding:
    """Return the encoding of the same weights for the fewest instructions; the same where there is no faster one."""
    if isinstance(encoding, (Palette, Mask)):
        return Unrolled(encoding.sharing)
    return Interleaved(encoding.sharing) if isinstance(encoding, Direct) else encoding
