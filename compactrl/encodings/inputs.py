"""What is done to an observation before the first layer, as tables and as C: the part of a normaliser that is kept.

Floats as a rule. Where deviations are powers of two and means are whole parts of them, as `rounding` makes them, a byte
each, of a mean that is farther than 16 deviations from 0 two: a scale is `base` shifted left by so many bits, and
(x - mean) · scale is x · scale less so many eighths. Products with powers of two are exact: both are the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.tables import Table
from compactrl.policies.sharing import Singles

PARTS = 8
"""Of a deviation: a mean in bytes is a whole number of these parts."""
FARTHEST = 32767
"""Most parts of a mean in bytes."""
WIDEST = 31
"""Most bits that a scale in a byte is shifted by."""


class ByteInputs(NamedTuple):
    """A normaliser in a byte or two a number."""

    shifts: NDArray[np.uint8] | None
    """(O,); None where all deviations are 1."""
    base: np.float32
    """The smallest scale: that of observation o is 2 ** shifts[o] times as large."""
    parts: NDArray[Any] | None
    """(O,) of each mean, in eighths of the deviation, int8 or int16; None where none is kept."""


@dataclass(frozen=True)
class Inputs:
    """What is done to an observation before the first layer: (x - mean - rest) · scale, each (O,) or left out."""

    mean: Singles | None = None
    rest: Singles | None = None
    scale: Singles | None = None

    def numbers(self) -> dict[str, Singles]:
        """Return the parts that are kept, by name."""
        named = {"mean": self.mean, "rest": self.rest, "scale": self.scale}
        return {name: values for name, values in named.items() if values is not None}

    @cached_property
    def in_bytes(self) -> ByteInputs | None:
        """The same in a byte or two a number; None where that would be another normaliser, or there is nothing."""
        if self.rest is not None or not self.numbers():
            return None
        shifts, base = None, np.float32(1)
        if self.scale is not None:
            fractions, exponents = np.frexp(self.scale)
            shifts, base = exponents - exponents.min(), np.float32(self.scale.min())
            if (fractions != 0.5).any() or shifts.max() > WIDEST:
                return None
            shifts = shifts.astype(np.uint8)
        if self.mean is None:
            return ByteInputs(shifts, base, None)
        parts = self.mean.astype(np.float64) * (1.0 if self.scale is None else self.scale) * PARTS
        farthest = np.abs(parts).max()
        if (parts != np.rint(parts)).any() or farthest > FARTHEST:
            return None
        return ByteInputs(shifts, base, parts.astype(np.int8 if farthest <= np.iinfo(np.int8).max else np.int16))

    def tables(self) -> list[Table]:
        """Return the constant arrays."""
        if (small := self.in_bytes) is None:
            meanings = {
                "mean": "of each observation",
                "rest": "what single precision leaves of each mean",
                "scale": "1 / standard deviation of each observation",
            }
            return [Table(name, "float", values, meanings[name]) for name, values in self.numbers().items()]
        tables = []
        if small.parts is not None:
            meaning = f"of each observation, in 1/{PARTS} of its deviation"
            tables.append(Table("mean", f"{small.parts.dtype}_t", small.parts, meaning))
        if small.shifts is not None:
            tables.append(Table("scale", "uint8_t", small.shifts, "of each observation, bits that 1 is shifted by"))
        return tables

    def __call__(self, observations: Singles) -> Singles:
        """Return what the first layer sees, (B, O)."""
        shifted = observations
        for part in (self.mean, self.rest):
            shifted = shifted if part is None else shifted - part
        return shifted if self.scale is None else shifted * self.scale
