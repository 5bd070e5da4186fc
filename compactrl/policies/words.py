"""Words for how a policy's index map follows from its skeleton and its design, in policy files.

- `own`: every edge has its own weight, there is no index map;
- a name of `SHARINGS`: by that function. A new fixed pattern is a row of `compactrl.policies.patterns.PATTERNS`;
- `index`: none of these gives the map, so that the file has it, under `index` and `mask`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from compactrl.policies.patterns import PATTERNS, Pattern, stack
from compactrl.policies.sharing import mask_index
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Integers

OWN, EXPLICIT = "own", "index"
IndexAndMask = tuple[Integers | None, Integers | None]
"""(E,) each; the index is None where every edge has its own weight, the mask where every edge is kept."""


def _of_design(skeleton: Skeleton, design: Design) -> IndexAndMask | None:
    return (design, None) if len(design) == skeleton.num_edges else None


def _of_mask(skeleton: Skeleton, design: Design) -> IndexAndMask | None:
    return (mask_index(design), design) if len(design) == skeleton.num_edges else None


def _of_pattern(pattern: Pattern) -> Callable[[Skeleton, Design], IndexAndMask | None]:
    return lambda skeleton, _: (stack(pattern, skeleton.shapes)[0], None)


SHARINGS: Mapping[str, Callable[[Skeleton, Design], IndexAndMask | None]] = MappingProxyType(
    {
        "design": _of_design,
        "mask": _of_mask,
        **{name: _of_pattern(pattern) for name, pattern in PATTERNS.items()},
    }
)
"""Name → the index map and the mask of a skeleton and a design (D,); None where the design is not one number per edge.
"""


def sharing_of(skeleton: Skeleton, design: Design, index: Integers | None, mask: Integers | None) -> str:
    """Return the word that says how an index map (E,) and a mask (E,) are computed again."""
    if index is None:
        return OWN
    for name, index_and_mask in SHARINGS.items():
        computed = index_and_mask(skeleton, design)
        if computed and _same(computed[0], index) and _same(computed[1], mask):
            return name
    return EXPLICIT


def _same(one: Integers | None, other: Integers | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)
