"""Running moments of all observations so far, and their normaliser."""

from __future__ import annotations

import numpy as np

from compactrl.types import Floats, Moments, Normalizer, State

SMALLEST_STD = 1e-6
"""An observation that varies less than this is taken as constant and only centred."""


def normalizer_of(count: float, total: Floats, square: Floats) -> Normalizer:
    """Return the normaliser of `count` observations with these sums (O,); of fewer than two it is the identity."""
    if count < 2:
        return Normalizer(np.zeros_like(total), np.ones_like(total))
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean * mean, 0.0))
    return Normalizer(mean, np.where(std < SMALLEST_STD, 1.0, std))


def identity(size: int) -> Normalizer:
    """Return the normaliser of O numbers that changes nothing."""
    return normalizer_of(0.0, np.zeros(size), np.zeros(size))


class RunningMoments:
    """Sums over all observations so far.

    Args:
        size: O.

    Example:
        >>> moments = RunningMoments(1)
        >>> moments.add(Moments(np.array([2.0]), np.array([[4.0]]), np.array([[10.0]])))
        >>> moments.normalizer.mean, moments.normalizer.std
        (array([2.]), array([1.]))
    """

    def __init__(self, size: int) -> None:
        self.count, self._total, self._square = 0.0, np.zeros(size), np.zeros(size)

    def add(self, moments: Moments) -> None:
        """Add the observations of N trials."""
        self.count += float(moments.seen.sum())
        self._total = self._total + moments.total.sum(axis=0)
        self._square = self._square + moments.square.sum(axis=0)

    @property
    def normalizer(self) -> Normalizer:
        """Of all observations so far."""
        return normalizer_of(self.count, self._total, self._square)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"count": self.count, "total": self._total, "square": self._square}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned; other keys are ignored."""
        self.count = float(state["count"])
        self._total, self._square = np.asarray(state["total"]), np.asarray(state["square"])
