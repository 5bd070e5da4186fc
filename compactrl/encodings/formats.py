"""`--weights`: the formats by name, the encoding that each gives a policy, and the format where none is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from compactrl.encodings.dense import Float32, Int8, Interleaved
from compactrl.encodings.palette import Palette, PaletteOfLayers, PaletteWithZero
from compactrl.encodings.patterned import Circulant, Toeplitz
from compactrl.encodings.pruned import Bitmap
from compactrl.encodings.tables import Encoding
from compactrl.encodings.unrolled import Unrolled
from compactrl.errors import InputError, did_you_mean
from compactrl.policies.sharing import Sharing

SHARED: tuple[type[Encoding], ...] = (Bitmap, Toeplitz, Circulant, Palette, PaletteOfLayers, PaletteWithZero)
"""Encodings that expand nothing. Of those that fit a policy the smallest is taken, and of equals the first."""


def codebook(sharing: Sharing) -> Encoding:
    """Return the encoding in which nothing of this sharing is expanded."""
    fitting = [encoding(sharing) for encoding in SHARED if encoding.fits(sharing)]
    return min(fitting, key=lambda encoding: encoding.table_bytes)


def faster(encoding: Encoding) -> Encoding:
    """Return the encoding of the same weights for the fewest instructions; the same where there is no faster one."""
    if isinstance(encoding, (Palette, Bitmap)):
        return Unrolled(encoding.sharing)
    return Interleaved(encoding.sharing) if isinstance(encoding, Float32) else encoding


@dataclass(frozen=True)
class WeightFormat:
    """A row of `FORMATS`."""

    name: str
    summary: str
    encode: Callable[[Sharing], Encoding]
    for_shared: bool | None
    """Whether it is for policies that share weights (True), for those that do not (False), or for both (None)."""
    folds: bool = False
    """Whether the observation's scales may go into the first layer's weights."""


FORMATS: Mapping[str, WeightFormat] = MappingProxyType(
    {
        row.name: row
        for row in (
            WeightFormat("float32", "a float an edge", Float32, None, folds=True),
            WeightFormat("codebook", "shared weights once, and packed which edge takes which", codebook, True),
            WeightFormat("int8", "a byte an edge and a float a row", Int8, False),
        )
    }
)
AUTO = "auto"


def choose(name: str, sharing: Sharing) -> WeightFormat:
    """Return the format of this name; for `auto` the smallest without loss.

    Raises:
        InputError: no such format, or not one for this policy.
    """
    if name == AUTO:
        return min(exact_formats(sharing), key=lambda weights: weights.encode(sharing).table_bytes)
    if name not in FORMATS:
        names = [AUTO, *FORMATS]
        raise InputError(f"unknown --weights '{name}'.{did_you_mean(name, names)} There are: {', '.join(names)}")
    chosen = FORMATS[name]
    if chosen.for_shared is True and sharing.own:
        raise InputError(
            f"--weights {name}: this policy has a weight of its own on every edge, so there is nothing to share; "
            "use float32 or int8"
        )
    if chosen.for_shared is False and not sharing.own:
        raise InputError(
            f"--weights {name}: this policy shares {len(sharing.weights)} weights over {len(sharing.index)} edges, "
            "and a byte an edge would be larger than its codebook; use codebook or float32"
        )
    return chosen


def exact_formats(sharing: Sharing) -> list[WeightFormat]:
    """Return the formats for this policy that change no weight."""
    if not sharing.own:
        return [FORMATS["codebook"], FORMATS["float32"]]
    return [FORMATS["float32"], *([FORMATS["int8"]] if Int8(sharing).exact else [])]
