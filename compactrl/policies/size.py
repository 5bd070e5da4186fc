"""The storage that a policy takes, by the paper's formula.

Song, Choromanski et al., "Chromatic networks" (ICLR 2020 NAS workshop), section 4.2, appendix D:

    compression = 1 - (weights + biases) / (edges + biases)
    bits        = 32 * (weights + biases) + dictionary

where the dictionary, which says which weight each edge takes, is edges * ceil(log2 M) for a colouring or a mask of
M distinct weights, and 0 for a fixed pattern.

Departure: appendix D lists a bias on the output, but no printed figure counts it. Here the biases of the skeleton
count. The bytes of an export's tables are another number (`compactrl.encodings.storage`).
"""

from __future__ import annotations

from compactrl.policies.skeleton import Skeleton
from compactrl.types import Size


def size_of(skeleton: Skeleton, weights: int, dictionary: int = 0, shared_biases: int | None = None) -> Size:
    """Return the exact size of a policy.

    Args:
        skeleton: its network.
        weights: distinct ones.
        dictionary: bits that say which edge, and which bias where they share, takes which number.
        shared_biases: distinct biases, where they share; None where each unit has its own.
    """
    biases = skeleton.num_biases if shared_biases is None else shared_biases
    parameters = weights + biases
    return Size(
        weights=weights,
        biases=biases,
        parameters=parameters,
        compression=1 - parameters / (skeleton.num_edges + skeleton.num_biases),
        bits=32 * parameters + dictionary,
    )


def coloring_bits(edges: int, weights: int) -> int:
    """Return edges * ceil(log2 weights), exactly: the bits that say which of the weights each edge takes."""
    return edges * (weights - 1).bit_length()


def mask_bits(edges: int, weights: int) -> int:
    """Return the dictionary of a mask, in bits: as for a colouring with the kept weights, but at least one per edge.

    The paper's formula gives 0 bits for one kept weight and is undefined for none; a mask needs its bits even then.
    """
    return edges * max(1, max(weights - 1, 0).bit_length())
