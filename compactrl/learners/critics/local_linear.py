"""How right a critic's action gradient is: a linear model of returns around an action, and the angle between the two.

Keynan et al. 2021, section 3 and appendix B. From one state, N trajectories begin with the actions a_i = a + e_i and go
on with the policy; their discounted returns q_i are unbiased samples of Q(s, a_i). The least squares gradient over all
pairs,

    g = argmin Σ_i Σ_j ((a_j - a_i) · g - (q_j - q_i))²

is that of a linear model with an intercept, which is how it is computed here. Noise in the returns bends it: R² says
how much of them the model explains, and the angle between the gradients of both halves of the trajectories how far the
estimate itself can be trusted. A critic cannot be seen to do better than that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compactrl.types import Floats


class Estimate(NamedTuple):
    """A gradient from sampled returns."""

    gradient: Floats
    """(A,)"""
    r_squared: float
    """Share of the returns' variance that the linear model explains, in the sample; NaN where they do not vary."""
    split_half: float
    """Cosine of the gradients of the even and of the odd trajectories; NaN where halves are too few."""


def estimate(actions: Floats, returns: Floats) -> Estimate:
    """Return the least squares gradient of returns (N,) in actions (N, A).

    Example:
        >>> actions = np.random.default_rng(0).normal(size=(64, 2))
        >>> estimate(actions, actions @ [3.0, -1.0] + 5).gradient.round(6)
        array([ 3., -1.])
    """
    gradient, unexplained, total = _fitted(actions, returns)
    halves = actions[::2], returns[::2], actions[1::2], returns[1::2]
    split = float("nan")
    if len(halves[-1]) >= enough(actions.shape[1]):
        split = cosine(_fitted(*halves[:2])[0], _fitted(*halves[2:])[0])
    return Estimate(gradient, 1 - unexplained / total if total > 0 else float("nan"), split)


def enough(actions: int) -> int:
    """Return how many trajectories decide a gradient and leave something to judge it by, of A actions."""
    return actions + 2


def _fitted(actions: Floats, returns: Floats) -> tuple[Floats, float, float]:
    """Return the gradient (A,), the sum of squares that it leaves, and the whole one."""
    shifts, gains = actions - actions.mean(0), returns - returns.mean()
    gradient = np.linalg.lstsq(shifts, gains, rcond=None)[0]
    return gradient, float(np.square(gains - shifts @ gradient).sum()), float(np.square(gains).sum())


def cosine(one: Floats, other: Floats) -> float:
    """Return the cosine of the angle between two vectors (A,); NaN where one of them is zero.

    Example:
        >>> cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) ** 2
        0.5000000000000001
    """
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / lengths) if lengths > 0 else float("nan")
