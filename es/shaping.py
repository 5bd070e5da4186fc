"""Return shaping: how a generation's returns are transformed before a gradient is estimated.

`raw` leaves them as they are. `standardize` brings them to mean 0 and standard deviation 1, as the
public code of ES-ENAS and ARS do. `centered-ranks` is the rank transformation of Salimans et al. 2017
("Evolution Strategies as a Scalable Alternative to Reinforcement Learning", section 2.1).

All functions take returns (n,) and give (n,). A NaN is a failed evaluation: it stays NaN and has no
influence on the other numbers.

Deviation: equal returns share the mean of their ranks. So the outcome never depends on the order of a
sort, and a generation of equal returns has the gradient zero. The originals give equal returns
different ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from es.strategy import Floats

Shaping = Literal["raw", "standardize", "centered-ranks"]


def raw(returns: Floats) -> Floats:
    """The returns as they are, shape (n,).

    Example:
        >>> raw(np.array([3.0, 1.0])).tolist()
        [3.0, 1.0]
    """
    return np.array(returns, dtype=np.float64)


def standardize(returns: Floats) -> Floats:
    """(F - mean) / std over the valid returns, shape (n,); zeros where all are equal.

    Example:
        >>> standardize(np.array([1.0, np.nan, 3.0])).tolist()
        [-1.0, nan, 1.0]
    """
    shaped = np.array(returns, dtype=np.float64)
    valid = ~np.isnan(shaped)
    values = shaped[valid]
    if values.size == 0:
        return shaped
    equal = values.max() == values.min()  # exactly: a rounded std of equal numbers need not be 0
    shaped[valid] = 0.0 if equal else (values - values.mean()) / values.std()
    return shaped


def centered_ranks(returns: Floats) -> Floats:
    """Rank / (valid - 1) - 1/2: the worst valid return becomes -0.5, the best 0.5, shape (n,).

    Example:
        >>> centered_ranks(np.array([10.0, -2.0, np.nan, 7.0])).tolist()
        [0.5, -0.5, nan, 0.0]
    """
    shaped = np.array(returns, dtype=np.float64)
    valid = ~np.isnan(shaped)
    count = int(valid.sum())
    if count == 0:
        return shaped
    _, inverse, multiplicity = np.unique(shaped[valid], return_inverse=True, return_counts=True)
    last = np.cumsum(multiplicity) - 1  # the highest rank, of 0 … count - 1, among equal returns
    ranks = last - (multiplicity - 1) / 2
    shaped[valid] = ranks[inverse] / (count - 1) - 0.5 if count > 1 else 0.0
    return shaped


SHAPINGS: dict[Shaping, Callable[[Floats], Floats]] = {
    "raw": raw,
    "standardize": standardize,
    "centered-ranks": centered_ranks,
}
"""Name of the option -> function of returns (n,)."""
