"""Sums over the observations of episodes, from which their moments follow without a loss of digits.

The mean of squares less the square of the mean has no digit left where a mean is large beside its deviation. Sums here
are of what an observation differs from the first one of its episode (shifted data: Chan, Golub, LeVeque, *Algorithms
for computing the sample variance*, 1983). That is one of the n numbers summed, hence at most sqrt(n - 1) deviations
from their mean, and of 16 digits no more than log10(n) are lost, wherever the mean lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats, Integers, Moments


class Sums:
    """Of the episodes that n slots are in.

    Args:
        slots: n.
        size: O.

    Example:
        >>> sums = Sums(1, 1)
        >>> for number, first in ((1e9 + 1, True), (1e9 + 2, False), (1e9 + 3, False)):
        ...     shifted = sums.shifted(np.array([[number]]), slice(None), np.array([first]))
        ...     sums.add(shifted, shifted * shifted, slice(None))
        >>> moments_of(np.array([3.0]), *sums.of(slice(None))).spread
        array([[2.]])
    """

    def __init__(self, slots: int, size: int) -> None:
        self._origin, self._total, self._square = np.zeros((3, slots, size))

    @classmethod
    def resumed(cls, origin: Floats, total: Floats, square: Floats) -> Sums:
        """Return sums that go on from what `of` gave, (n, O) each."""
        made = cls(*origin.shape)
        made._origin, made._total, made._square = origin, total, square
        return made

    def shifted(self, observation: Floats, slots: Integers | slice, first: NDArray[np.bool_] | None) -> Floats:
        """Return how observations (m, O) of m slots differ from their episode's first; of some, (m,), they are that."""
        if first is not None:
            begun = np.arange(len(self._origin))[slots][first]
            self._origin[begun], self._total[begun], self._square[begun] = observation[first], 0.0, 0.0
        return np.asarray(observation - self._origin[slots])

    def add(self, shifted: Floats, squared: Floats, slots: Integers | slice) -> None:
        """Add what `shifted` returned, and its squares, (m, O) each of m slots."""
        self._total[slots] += shifted
        self._square[slots] += squared

    def of(self, slots: Integers | slice) -> tuple[Floats, Floats, Floats]:
        """Return the origin, and the sums and the sums of squares of what differs from it, (m, O) each."""
        return self._origin[slots], self._total[slots], self._square[slots]

    def keep(self, slots: Integers) -> None:
        """Go on with only these slots, in this order."""
        self._origin, self._total, self._square = (array[slots] for array in (self._origin, self._total, self._square))


def moments_of(seen: Floats, origin: Floats, total: Floats, square: Floats) -> Moments:
    """Return the moments of N trials with (N,) observations from their sums (N, O) about an origin (N, O)."""
    count = np.maximum(seen, 1.0)[:, None]
    return Moments(seen, origin + total / count, np.maximum(square - total * total / count, 0.0))
