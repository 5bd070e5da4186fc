"""Meta-batches: the designs that act and learn at a time, those among them that never change, what critics are told.

Hegde & Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (2022), section III-C: a
meta-batch of architectures acts, each in an environment of its own, and a minibatch is split among them. A plain
network is a meta-batch of one design.

Departures: critics are told the architecture (`--no-conditioned-critics` has the paper's), and half of every meta-batch
is one architecture, the anchor (`--anchor-share 0` has the paper's). The reasons are in `off_policy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from pydantic import Field

from compactrl.compressions.base import Compression, Described
from compactrl.learners.options import Options
from compactrl.policies.architectures import ArchitectureSpace, Widths
from compactrl.types import Designs, Floats

ANCHOR_WIDTH, ANCHOR_LAYERS = 256, 2
"""Of the anchor, at most: the usual network of plain off-policy learning."""


class MetaBatchOptions(Options):
    """Options of learning many architectures at once."""

    meta_batch: int = Field(
        8,
        ge=1,
        description="Architectures, or tasks, that act and learn at the same time, each in an environment of its own.",
    )
    conditioned_critics: bool = Field(
        True, description="Give the critics the policy's architecture, or its task, as an input."
    )
    anchor_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Share of every meta-batch that is one fixed architecture, from whose experience all learn: two "
        "layers of the largest width up to 256. 0 is none.",
    )


class ReplayMetaBatchOptions(MetaBatchOptions):
    """Options of the same from a replay buffer, where other designs may learn than those that acted."""

    resample_updates: int = Field(8, ge=1, description="Updates after which other architectures are sampled, about.")


@dataclass(frozen=True)
class MetaBatch:
    """The designs that act and learn together; by default one, of which critics are told nothing.

    Example:
        >>> MetaBatch().told(np.zeros((3, 0), np.int64)).shape
        (3, 0)
    """

    size: int = 1
    """n, how many designs act and learn at a time."""
    resample_updates: int = 0
    """Updates after which other designs learn; 0 where they do not change."""
    anchors: Designs = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """(k, D) designs that are part of every meta-batch, k < n."""
    described: Described | None = None
    """What critics are told of the designs; None where they are told nothing."""

    @classmethod
    def of(cls, options: MetaBatchOptions, compression: Compression) -> Self:
        """Return the meta-batches of a compression with many designs; anchors are architectures."""
        count = min(round(options.anchor_share * options.meta_batch), options.meta_batch - 1)
        space, length = compression.architecture_space, compression.design_space.length
        anchors: Designs = np.zeros((0, length), np.int64)
        if space is not None and count:
            anchors = np.repeat(space.designs_of([anchor_of(space)]), count, axis=0)
        described = compression.described if options.conditioned_critics else None
        resample = options.resample_updates if isinstance(options, ReplayMetaBatchOptions) else 0
        return cls(options.meta_batch, resample, anchors, described)

    def told(self, designs: Designs) -> Floats:
        """Return what critics are told of each design (n, D), numbers of the order of 1, shape (n, F)."""
        return np.zeros((len(designs), 0)) if self.described is None else self.described.features(designs)

    def joined(self, designs: Designs, parts: int) -> Designs:
        """Return the designs of each part, anchors first, (parts, n, D), of a controller's (parts · (n - k), D)."""
        anchors = np.broadcast_to(self.anchors, (parts, *self.anchors.shape))
        others = designs.reshape(parts, self.size - anchors.shape[1], designs.shape[1])
        return others if not anchors.shape[1] else np.concatenate([anchors, others], axis=1)


def anchor_of(space: ArchitectureSpace) -> Widths:
    """Return the architecture of the anchors: large enough to learn fast, small enough to be updated fast."""
    narrow = [width for width in space.widths if width <= ANCHOR_WIDTH]
    return (max(narrow) if narrow else min(space.widths),) * min(ANCHOR_LAYERS, space.max_layers)
