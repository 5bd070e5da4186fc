"""Chromatic policies: edges of one colour share one weight; a controller chooses the colours.

Song, Choromanski et al., "Chromatic networks" (ICLR 2020 NAS workshop), section 3: for a colouring
Phi: edges → {0 … M - 1} (the design) and the shared weights in R^M,

    W[e] = theta[Phi(e)]

A policy counts M weights even where the design uses fewer, as the paper does.

Deviation: the paper does not state the first weights. Here they are spread evenly over ±1, so that the colours differ
from the start. With equal weights every design would be the same policy, and a controller could learn nothing.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from compactrl.compressions.base import Compression, Options
from compactrl.compressions.frozen import Frozen
from compactrl.compressions.gather import Gather
from compactrl.policies.size import coloring_bits
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Floats, Integers, Size
from controllers.base import Space


class ChromaticOptions(Options):
    """Options of colourings."""

    partitions: int = Field(
        default=17,
        description="Number of distinct weights (colours) that the edges share: from 1 to the number of edges.",
    )


def check_partitions(partitions: int, num_edges: int) -> None:
    """Raise ValueError unless 1 ≤ partitions ≤ num_edges."""
    if not 1 <= partitions <= num_edges:
        raise ValueError(
            f"--partitions {partitions}: expected between 1 and the number of the network's edges, {num_edges}"
        )


class Chromatic(Gather):
    """One weight per colour; the design, (E,) in 0 … M - 1, is the colour of each edge.

    Raises:
        ValueError: no partition, or more partitions than edges.

    Example:
        >>> policy = Chromatic(Skeleton.tanh((17, 41, 6)), ChromaticOptions(partitions=17))
        >>> policy.size(np.zeros(943, dtype=np.int64)).bits
        6571
    """

    name = "chromatic"
    counts_unused = True
    Options: ClassVar[type[ChromaticOptions]] = ChromaticOptions

    def __init__(self, skeleton: Skeleton, options: ChromaticOptions) -> None:
        super().__init__(skeleton, options)
        check_partitions(options.partitions, self.num_edges)
        self.num_weights = options.partitions
        self.space = self.design_space = Space(length=self.num_edges, choices=options.partitions)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Return the first theta, (P,): weights evenly over ±1 (0 for a single one), biases zero; not random."""
        theta = super().initial(generator)
        theta[: self.num_weights] = np.linspace(-1, 1, self.num_weights) if self.num_weights > 1 else 0.0
        return theta

    def size(self, design: Design) -> Size:  # noqa: ARG002  (the same for all colourings)
        """Return the exact size, the same for all designs."""
        return self._size(self.num_weights, dictionary=coloring_bits(self.num_edges, self.num_weights))

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze the colours (E,); theta is the same M weights and biases."""
        colors = self._check_design(design)
        return Frozen(self.skeleton, colors, self.num_weights), theta

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:
        return design, None


class TransferredOptions(ChromaticOptions):
    """Options of colourings of another search."""

    colorings_from: str = Field("", description="Run whose best colourings are reused; its weights are not.")
    top: int = Field(5, gt=0, description="Most colourings to reuse.")


class Transferred(Chromatic):
    """The same policies, with the best colourings of another run as the only designs (appendix C of the paper).

    The controller has these colourings; `compactrl.searches.transfer` reads them from the run.
    """

    name = "transferred"
    Options = TransferredOptions
