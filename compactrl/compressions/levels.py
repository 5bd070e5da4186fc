"""A palette of M equally spaced levels that follows the spread of the numbers it is for.

Each candidate is quantised before it is evaluated, so that its return is that of the policy that would ship:

    s        = sqrt(sum_e x_e^2 / E)                      standard deviation about zero, of the candidate alone
    level_m  = k s (2 m / (M - 1) - 1),  m = 0 … M - 1    the palette
    Phi(e)   = argmin_m |x_e - level_m|                   the nearest level

k is 1.2 for 3 levels and 2.5 for 17, and linear in log M. That is close to the uniform quantiser with the least
squared error on normal numbers, whose outermost level is at 1.22 for 3 and 2.51 for 16 levels (Max, "Quantizing for
minimum distortion", 1960). A single level is the mean of the numbers. Scaling all of them by c scales the levels by c
and leaves each with its level.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from compactrl.compressions.gather import like
from compactrl.types import Floats, Integers


def automatic_spread(levels: int) -> float:
    """Return k for a number of levels: 1.2 for 3, 2.5 for 17, linear in the logarithm; 0 for one level.

    Example:
        >>> [round(automatic_spread(levels), 3) for levels in (2, 3, 17, 256)]
        [0.896, 1.2, 2.5, 4.532]
    """
    return 1.2 + (2.5 - 1.2) * log(levels / 3) / log(17 / 3) if levels > 1 else 0.0


class Levels:
    """M equally spaced levels.

    Args:
        count: M.
        spread: k; 0 follows from the number of levels.
    """

    def __init__(self, count: int, spread: float = 0.0) -> None:
        self.count, self.spread = count, spread or automatic_spread(count)
        self._steps = np.linspace(-1, 1, count)  # of levels with k s = 1; (M,)

    def palette(self, latents: Any) -> Any:
        """Return the levels (M,) or (N, M) for numbers (E,) or (N, E), numpy or torch."""
        if self.count == 1:
            return rows(latents).sum(-1, keepdims=True) / latents.shape[-1]
        return self._reach(latents) * like(self._steps.astype(str(latents.dtype).removeprefix("torch.")), latents)

    def nearest(self, latents: Floats) -> Integers:
        """Return the number of the nearest level for each of the numbers (E,) or (N, E)."""
        if self.count == 1:
            return np.zeros(latents.shape, dtype=np.int64)
        reach = self._reach(latents)
        step = 2 * np.where(reach > 0, reach, 1) / (self.count - 1)  # all zero: any level is nearest
        nearest = np.floor(latents / step + self.count / 2)
        return np.clip(nearest, 0, self.count - 1).astype(np.int64)

    def _reach(self, latents: Any) -> Any:
        """Return the outermost level k s, (1,) or (N, 1)."""
        each = rows(latents)
        return self.spread * ((each * each).sum(-1, keepdims=True) / latents.shape[-1]) ** 0.5


def rows(latents: Any) -> Any:
    """Return numbers with every row contiguous, since numpy's order of summation depends on the layout.

    So a candidate's palette is bit for bit the same alone and at any place of a batch of any size.
    """
    return np.ascontiguousarray(latents) if isinstance(latents, np.ndarray) else latents
