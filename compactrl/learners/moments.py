"""Running moments of all observations so far, and their normaliser.

Moments are a count, a mean, and a sum of squared deviations from it. Those of two samples give those of both (Chan,
Golub, LeVeque: *Algorithms for computing the sample variance*, 1983, equation 2.1), without the difference of two large
numbers that raw sums of squares need: an observation may lie at 6.4e6 and vary by 0.05.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from compactrl.types import Floats, Integers, Moments, Normalizer, State

SMALLEST_STD = 1e-10
"""What deviates less than this is taken as constant: simulators leave such crumbs in numbers that do not move."""
SMALLEST_SHARE = 1e-12
"""So is what deviates by less than this share of its mean, of which double precision has four digits left."""


@dataclass(frozen=True)
class Seen:
    """The moments of a sample."""

    count: float
    mean: Floats
    """(O,)"""
    spread: Floats
    """(O,) sums of squared deviations from the mean."""

    @property
    def std(self) -> Floats:
        """(O,) standard deviations; 0 of no observations."""
        return np.sqrt(self.spread / max(self.count, 1.0))

    @property
    def constant(self) -> Floats:
        """(O,) below which standard deviation an observation is taken as constant."""
        return np.maximum(SMALLEST_STD, SMALLEST_SHARE * np.abs(self.mean))

    @property
    def normalizer(self) -> Normalizer:
        """The normaliser: what is constant is only centred; of fewer than two observations it is the identity."""
        if self.count < 2:
            return identity(len(self.mean))
        return Normalizer(self.mean, np.where(self.std < self.constant, 1.0, self.std))

    @property
    def faint(self) -> Integers:
        """Which observations are taken as constant, but vary by more than the crumbs of a simulator, (n,)."""
        return np.flatnonzero((self.std >= self.constant / 10) & (self.std < self.constant))

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return asdict(self)

    def joined(self, other: Seen) -> Seen:
        """Return the moments of both samples."""
        if not other.count:
            return self
        count, apart = self.count + other.count, other.mean - self.mean
        share = other.count / count
        return Seen(count, self.mean + share * apart, self.spread + other.spread + share * self.count * apart * apart)


def identity(size: int) -> Normalizer:
    """Return the normaliser of O numbers that changes nothing."""
    return Normalizer(np.zeros(size), np.ones(size))


def joined(moments: Moments) -> Seen:
    """Return the moments of the observations of N trials together.

    Example:
        >>> joined(Moments(np.array([2.0, 2.0]), np.array([[1.0], [3.0]]), np.array([[0.5], [0.5]])))
        Seen(count=4.0, mean=array([2.]), spread=array([5.]))
    """
    seen, mean, spread = moments
    count = float(seen.sum())
    if not count:
        return Seen(0.0, np.zeros(mean.shape[1]), np.zeros(mean.shape[1]))
    middle = mean[np.argmax(seen > 0)]  # means lie close together beside how far they may lie from zero
    center = middle + (seen[:, None] * (mean - middle)).sum(axis=0) / count
    apart = np.where(seen[:, None] > 0, mean - center, 0.0)
    return Seen(count, center, (spread + seen[:, None] * apart * apart).sum(axis=0))


def seen_in(state: State, size: int) -> Seen:
    """Return the moments in a saved state; earlier versions saved a count, sums, and sums of squares."""
    count = float(state["count"])
    if "mean" in state:
        return Seen(count, np.asarray(state["mean"]), np.asarray(state["spread"]))
    if not count:
        return Seen(0.0, np.zeros(size), np.zeros(size))
    total, square = np.asarray(state["total"]), np.asarray(state["square"])
    mean = total / count
    return Seen(count, mean, np.maximum(square - total * mean, 0.0))


class RunningMoments:
    """Moments of all observations so far.

    Args:
        size: O.
        normalizing: whether a normaliser is made of them; then what varies too little for it is warned of, once.

    Example:
        >>> moments = RunningMoments(1)
        >>> moments.add(Moments(np.array([2.0]), np.array([[2.0]]), np.array([[2.0]])))
        >>> moments.normalizer.mean, moments.normalizer.std
        (array([2.]), array([1.]))
    """

    def __init__(self, size: int, normalizing: bool = True) -> None:
        self.seen = Seen(0.0, np.zeros(size), np.zeros(size))
        self._silent = not normalizing

    def add(self, moments: Moments) -> None:
        """Add the observations of N trials."""
        self.seen = self.seen.joined(joined(moments))
        if not self._silent and len(faint := self.seen.faint):
            self._silent = True
            place = int(faint[0])
            others = f" (and of {len(faint) - 1} more)" if len(faint) > 1 else ""
            warnings.warn(
                f"number {place} of the observation is {self.seen.mean[place]:.9g} ± "
                f"{self.seen.std[place]:.1g}{others}: "
                "it is taken as constant; if it matters, send what it differs from its usual value in a larger unit",
                stacklevel=2,
            )

    @property
    def count(self) -> float:
        """How many observations."""
        return self.seen.count

    @property
    def normalizer(self) -> Normalizer:
        """Of all observations so far."""
        return self.seen.normalizer

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return self.seen.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, of earlier versions too; other keys are ignored."""
        self.seen = seen_in(state, len(self.seen.mean))
