"""Colourings without a controller: one evolved number per edge, rounded to a palette of M equally spaced levels.

It is `shared` on a tanh skeleton, begun at zero: theta = [latent numbers x in R^E | biases].

Departure: the chromatic networks paper has nothing like it. Only the form of what ships, and so its size, is the
paper's.
"""

from __future__ import annotations

from compactrl.compressions.base import AnyOptions
from compactrl.compressions.shared import Shared
from compactrl.compressions.shared_options import LatentOptions
from compactrl.policies.skeleton import Skeleton


class Latent(Shared):
    """One latent number per edge, rounded to M levels; the design, (E,) in 0 … M - 1, is the level's number.

    Raises:
        ValueError: no partition, or more partitions than edges.

    Example:
        >>> import numpy as np
        >>> policy = Latent(Skeleton.tanh((3, 1)), LatentOptions(partitions=3))
        >>> policy.design_of(np.array([-1.0, 0.1, 1.0]))
        array([0, 1, 2])
    """

    name = "latent"
    Options = LatentOptions

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return tanh layers with biases on the hidden ones only."""
        return Skeleton.tanh(sizes)
