"""Compressions whose theta writes a network for each design: networks of several designs need not be of one shape."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from compactrl.compressions.base import Compact, Compression
from compactrl.compressions.plain import Plain
from compactrl.policies.skeleton import interleaved
from compactrl.types import Design, Designs, Floats, Layers, Size

NOTHING = np.zeros(0, np.int64)
"""The design of a plain network."""


class PerDesign(Compression):
    """One theta, a plain network for each design; several designs are `expand_each`'s."""

    container: ClassVar[str] = "mixed"

    @abstractmethod
    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the networks of one theta (P,) and designs (n, D)."""

    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the network of one theta (P,) and one design (D,); `expand_each` takes several.

        Numpy in gives numpy out; a torch theta gives torch, differentiable in theta. The dtype is theta's.

        Raises:
            ValueError: a wrong length of theta or of the design, or a decision out of range.
        """
        decisions = np.asarray(design)
        if decisions.ndim != 1:
            raise ValueError(f"expected one design with shape ({self.design_space.length},), got {decisions.shape}")
        return self.expand_each(theta, decisions[None])[0]

    @abstractmethod
    def plain_of(self, design: Design) -> Plain:
        """Return the plain network of this design (D,), as a compression of its own."""

    def size(self, design: Design) -> Size:
        """Return the exact size of the network of this design (D,)."""
        self.design_space.check(design[None])
        return self.plain_of(design).size(NOTHING)

    def compact(self, theta: Floats, design: Design) -> Compact:
        """Return what ships of theta (P,) with this design (D,): a plain network."""
        settled, numbers = self.settle(theta, design)
        return settled.compact(numbers, NOTHING)

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze a design (D,): its plain network, which is trained alone from here on, in its task if it has one."""
        settled = self.plain_of(design)
        settled.task = self.task_of(design)
        return settled, interleaved(self.expand(theta, design))
