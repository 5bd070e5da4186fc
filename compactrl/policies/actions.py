"""How a policy's raw outputs become actions of its environment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats


@dataclass(frozen=True)
class ActionSpec:
    """How raw outputs become actions.

    Box: `center + scale · tanh(output)`, the box's bounds; an unbounded box gets the output as it is.
    Discrete: the index of the largest output.
    """

    kind: str
    """`box` or `discrete`."""
    low: tuple[float, ...] = ()
    """(A,) bounds of a box."""
    high: tuple[float, ...] = ()
    choices: int = 0
    """Number of discrete actions."""
    start: int = 0
    """The first discrete action."""

    @property
    def size(self) -> int:
        """A, the width of the policy's output."""
        return self.choices if self.kind == "discrete" else len(self.low)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats] | None:
        """Center and scale, (A, 1) each, or None for an unbounded box."""
        low, high = np.array(self.low)[:, None], np.array(self.high)[:, None]
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            return None
        return (high + low) / 2, (high - low) / 2

    def act(self, outputs: NDArray[np.float32]) -> NDArray[Any]:
        """Turn raw outputs (A, width) into actions: (width, A) float64, or (width,) int64 where discrete."""
        if self.kind == "discrete":
            return np.asarray(np.argmax(outputs, axis=0) + self.start)
        if self.bounds is None:
            return outputs.T.astype(np.float64)
        center, scale = self.bounds
        return np.ascontiguousarray((np.tanh(outputs) * scale + center).T)

    def scaled(self, squashed: Floats) -> Floats:
        """Turn actions (n, A) in -1 … 1 into the box's; where it is unbounded they are left as they are."""
        if self.bounds is None:
            return squashed
        center, scale = self.bounds
        return np.ascontiguousarray(squashed * scale.T + center.T)
