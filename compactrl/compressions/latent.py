"""Colourings without a controller: one evolved number per edge, rounded to a palette of M equally spaced levels.

theta = [latent numbers x in R^E | biases]. Each candidate is quantised before it is evaluated, so that its return is
that of the policy that would ship, M weights and one colour per edge:

    s        = sqrt(sum_e x_e^2 / E)                      standard deviation about zero, of the candidate alone
    level_m  = k s (2 m / (M - 1) - 1),  m = 0 … M - 1    the palette
    Phi(e)   = argmin_m |x_e - level_m|                   the design
    W[e]     = level_Phi(e)

k is 1.2 for 3 levels and 2.5 for 17, and linear in log M. That is close to the uniform quantiser with the least squared
error on normal numbers, whose outermost level is at 1.22 for 3 and 2.51 for 16 levels (Max, "Quantizing for minimum
distortion", 1960). A single level is the mean of the latents. The palette follows the latents' own spread: scaling all
of them by c scales the policy's weights by c and leaves the colours as they are.

Departure: the chromatic networks paper has nothing like it. Only the form of what ships, and so its size, is the
paper's.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from pydantic import Field

from compactrl.compressions.base import Compression
from compactrl.compressions.chromatic import ChromaticOptions, check_partitions
from compactrl.compressions.frozen import Frozen
from compactrl.compressions.gather import Gather, like
from compactrl.policies.size import coloring_bits
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Integers, Size
from controllers.base import Space


class LatentOptions(ChromaticOptions):
    """Options of latent colourings."""

    palette_spread: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Outermost level of the palette of weights, in standard deviations of the latent numbers; 0 "
        "follows from the number of colours (1.2 for 3, 2.5 for 17).",
    )


def automatic_spread(partitions: int) -> float:
    """Return k for a number of levels: 1.2 for 3, 2.5 for 17, linear in the logarithm; 0 for one level.

    Example:
        >>> [round(automatic_spread(levels), 3) for levels in (2, 3, 17, 256)]
        [0.896, 1.2, 2.5, 4.532]
    """
    return 1.2 + (2.5 - 1.2) * log(partitions / 3) / log(17 / 3) if partitions > 1 else 0.0


class Latent(Gather):
    """One latent number per edge, rounded to M levels; the design, (E,) in 0 … M - 1, is the level's number.

    Raises:
        ValueError: no partition, or more partitions than edges.

    Example:
        >>> policy = Latent(Skeleton.tanh((3, 1)), LatentOptions(partitions=3))
        >>> policy.design_of(np.array([-1.0, 0.1, 1.0]))
        array([0, 1, 2])
    """

    name = "latent"
    Options = LatentOptions

    def __init__(self, skeleton: Skeleton, options: LatentOptions) -> None:
        super().__init__(skeleton, options)
        check_partitions(options.partitions, self.num_edges)
        self.num_weights = options.partitions
        self.spread = options.palette_spread or automatic_spread(options.partitions)
        self.design_space = Space(length=self.num_edges, choices=options.partitions)
        self._levels = np.linspace(-1, 1, self.num_weights)  # of a palette with k s = 1; (M,)

    def design_of(self, theta: Any) -> Designs:
        """Return the number of the nearest level for each edge, (E,) or (N, E)."""
        self._check_theta(theta)
        values = theta if isinstance(theta, np.ndarray) else theta.detach().cpu().numpy()
        if self.num_weights == 1:
            return np.zeros((*values.shape[:-1], self.num_edges), dtype=np.int64)
        reach = self._reach(values)
        step = 2 * np.where(reach > 0, reach, 1) / (self.num_weights - 1)  # all latents zero: any level is nearest
        nearest = np.floor(values[..., : self.num_edges] / step + self.num_weights / 2)
        return np.clip(nearest, 0, self.num_weights - 1).astype(np.int64)

    def size(self, design: Design) -> Size:  # noqa: ARG002  (the same for all colourings)
        """Return the exact size, the same for all designs."""
        return self._size(self.num_weights, dictionary=coloring_bits(self.num_edges, self.num_weights))

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze the colours (E,); the new theta is the palette and the biases."""
        self._check_theta(theta)
        colors = self._check_design(design)
        return Frozen(self.skeleton, colors, self.num_weights), np.concatenate(
            [self._weights(theta), theta[self.num_edges :]]
        )

    @property
    def _num_trained(self) -> int:
        return self.num_edges

    def _weights(self, theta: Any) -> Any:
        """Return the palette, (M,) or (N, M)."""
        if self.num_weights == 1:
            return _rows(theta[..., : self.num_edges]).sum(-1, keepdims=True) / self.num_edges
        reach = self._reach(theta)
        return reach * like(self._levels.astype(str(theta.dtype).removeprefix("torch.")), theta)

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:
        return design, None

    def _reach(self, theta: Any) -> Any:
        """Return the outermost level k s, (1,) or (N, 1)."""
        latents = _rows(theta[..., : self.num_edges])
        return self.spread * ((latents * latents).sum(-1, keepdims=True) / self.num_edges) ** 0.5


def _rows(latents: Any) -> Any:
    """Return the latents with every row contiguous, since numpy's order of summation depends on the layout.

    So a candidate's palette is bit for bit the same alone and at any place of a batch of any size.
    """
    return np.ascontiguousarray(latents) if isinstance(latents, np.ndarray) else latents
