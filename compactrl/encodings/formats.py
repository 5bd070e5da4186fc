"""`--weights`: the formats by name, what each is for, and which is taken where none is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from compactrl.encodings.encodings import Direct, Encoding, Quantized, codebook
from compactrl.errors import InputError, did_you_mean
from compactrl.policies.sharing import Sharing


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
        each.name: each
        for each in (
            WeightFormat("float32", "a float an edge", Direct, None, folds=True),
            WeightFormat("codebook", "shared weights once, and packed which edge takes which", codebook, True),
            WeightFormat("int8", "a byte an edge and a float a row", Quantized, False),
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
        return min(exact_formats(sharing), key=lambda each: table_bytes(each, sharing))
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
    return [FORMATS["float32"]] if sharing.own else [FORMATS["codebook"], FORMATS["float32"]]


def table_bytes(weights: WeightFormat, sharing: Sharing) -> int:
    """Return what the tables of the weights take."""
    return sum(table.bytes for table in weights.encode(sharing).tables())
