"""Biases as tables, and the C that reads them back: a float each, or few values and which of them each takes.

The C of biases stands after the columns of each row that has one. `bias` goes through them from layer to layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from compactrl.encodings.packing import bits_each
from compactrl.encodings.tables import Snippets, Table
from compactrl.policies.sharing import Singles
from compactrl.types import Integers


class Biases(ABC):
    """The biases of all layers, (B,), in a robot's memory."""

    def __init__(self, values: Singles) -> None:
        self.values = values

    @abstractmethod
    def tables(self) -> list[Table]:
        """Return the constant arrays; none where there is no bias."""

    @abstractmethod
    def snippets(self) -> Snippets:
        """Return the C: `state` before the first layer, `term` adds the next bias to sum."""

    @property
    def table_bytes(self) -> int:
        """Bytes of its tables."""
        return sum(table.bytes for table in self.tables())


class OwnBiases(Biases):
    """A float each."""

    def tables(self) -> list[Table]:
        """Return the biases."""
        return [Table("biases", "float", self.values, "layer by layer")] if len(self.values) else []

    def snippets(self) -> Snippets:
        """Return a walk along the table."""
        if not len(self.values):
            return Snippets()
        return Snippets(state=("const float *bias = NAME_biases;",), term=("sum += *bias++;",))


class SharedBiases(Biases):
    """Different values as floats, and which of them each bias takes, in 1, 2, 4 or 8 bits: none goes beyond a byte."""

    def __init__(self, values: Singles) -> None:
        super().__init__(values)
        self.different, self.index = _different(values)
        self.width = width_of(len(self.different))

    def tables(self) -> list[Table]:
        """Return the values, and the packed numbers of those that biases take; one value alone needs none."""
        tables = [Table("biases", "float", self.different, "of the units that share it")]
        if len(self.different) == 1:
            return tables
        meaning = f"which bias each unit takes, layer by layer, {self.width} bits each, lowest bit first"
        return [*tables, Table("bias_colors", "uint8_t", pack(self.index, self.width), meaning)]

    def snippets(self) -> Snippets:
        """Return the reader."""
        if len(self.different) == 1:
            return Snippets(term=("sum += NAME_biases[0];",))
        step, largest = self.width, 2**self.width - 1
        which = f"(uint32_t)NAME_bias_colors[bias >> 3] >> (bias & 7u) & {largest}u"
        return Snippets(state=("uint32_t bias = 0u;",), term=(f"sum += NAME_biases[{which}];", f"bias += {step}u;"))


def width_of(choices: int) -> int:
    """Return the bits that each of so many choices is packed in, so that none goes beyond a byte: 1, 2, 4 or 8.

    Example:
        >>> [width_of(choices) for choices in (1, 2, 3, 5, 17)]
        [1, 1, 2, 4, 8]
    """
    return next(width for width in (1, 2, 4, 8) if width >= bits_each(choices))


def pack(values: Integers, width: int) -> np.typing.NDArray[np.uint8]:
    """Return values as bytes, each in `width` bits, lowest bit first.

    Example:
        >>> pack(np.array([1, 2, 3]), 4).tolist()
        [33, 3]
    """
    bits = (values[:, None] >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little")


def biases_of(values: Singles, sharing: bool) -> Biases:
    """Return the smaller way to store biases (B,).

    Args:
        values: of all layers.
        sharing: whether equal ones may be stored once.
    """
    own = OwnBiases(values)
    if not sharing or not len(values) or len(_different(values)[0]) > 256:
        return own
    return min(own, SharedBiases(values), key=lambda biases: biases.table_bytes)


def _different(values: Singles) -> tuple[Singles, Integers]:
    """Return the different values, by their bits so that -0 stays, and which each takes."""
    patterns, index = np.unique(values.view(np.uint32), return_inverse=True)
    return patterns.view(np.float32), index.ravel().astype(np.int64)
