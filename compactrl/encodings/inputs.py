"""What is done to an observation before the first layer, as tables and as C: the part of a normaliser that is kept.

Floats as a rule. Where deviations are powers of two and means are whole parts of them, as `rounding` makes them, a byte
each: a scale is `base` shifted left by so many bits, and (x - mean) · scale is x · scale less so many eighths. Products
with powers of two are exact, so both are the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.encodings.tables import Table
from compactrl.policies.sharing import Singles

PARTS = 8
"""Of a deviation: a mean in a byte is a whole number of these parts."""
FARTHEST = 127
"""Most parts of a mean in a byte."""
WIDEST = 31
"""Most bits that a scale in a byte is shifted by."""


class ByteInputs(NamedTuple):
    """A normaliser in a byte a number."""

    shifts: NDArray[np.uint8]
    """(O,)"""
    base: np.float32
    """The smallest scale: that of observation o is 2 ** shifts[o] times as large."""
    parts: NDArray[np.int8] | None
    """(O,) of each mean, in eighths of the deviation; None where none is kept."""


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
        """The same in a byte a number; None where that would be another normaliser."""
        if self.scale is None or not len(self.scale) or self.rest is not None:
            return None
        fraction, exponents = np.frexp(self.scale)
        shifts = exponents - exponents.min()
        if (fraction != 0.5).any() or shifts.max() > WIDEST:
            return None
        base = np.float32(self.scale.min())
        if self.mean is None:
            return ByteInputs(shifts.astype(np.uint8), base, None)
        parts = self.mean.astype(np.float64) * self.scale * PARTS
        if (parts != np.rint(parts)).any() or np.abs(parts).max() > FARTHEST:
            return None
        return ByteInputs(shifts.astype(np.uint8), base, parts.astype(np.int8))

    def tables(self) -> list[Table]:
        """Return the constant arrays."""
        if (small := self.in_bytes) is not None:
            scale = Table("scale", "uint8_t", small.shifts, "of each observation, bits that 1 is shifted by")
            if small.parts is None:
                return [scale]
            return [Table("mean", "int8_t", small.parts, f"of each observation, in 1/{PARTS} of its deviation"), scale]
        meanings = {
            "mean": "of each observation",
            "rest": "what single precision leaves of each mean",
            "scale": "1 / standard deviation of each observation",
        }
        return [Table(name, "float", values, meanings[name]) for name, values in self.numbers().items()]

    def __call__(self, observations: Singles) -> Singles:
        """Return what the first layer sees, (B, O)."""
        shifted = observations
        for part in (self.mean, self.rest):
            shifted = shifted if part is None else shifted - part
        return shifted if self.scale is None else shifted * self.scale
