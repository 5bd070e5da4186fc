"""The smallest architecture with a share of the best: one rule for tables, reports and experiments.

Hegde & Sukhatme 2022, section IV: of interest are the best architecture, and the smallest with 90 % and 80 % of its
return. A share has two meanings. As published, it is a share of the best value: 90 % of 100 is 90. In the paper's
public code it is a share of the way from the worst positive value to the best: 90 % from 20 to 100 is 92.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

OF_MAXIMUM: Literal["of the maximum"] = "of the maximum"
"""As published; a share means nothing where the best value is not positive."""
MIN_TO_MAX: Literal["from minimum to maximum"] = "from minimum to maximum"
"""As in the public code. Only positive values count; where none is positive, all do."""
Meaning = Literal["of the maximum", "from minimum to maximum"]


def least_value(values: ArrayLike, share: float, meaning: Meaning) -> float | None:
    """Return the least value that has this share of the best; None where the share means nothing.

    Args:
        values: (K,) of all architectures.
        share: from 0 to 1.
        meaning: `OF_MAXIMUM` or `MIN_TO_MAX`.

    Example:
        >>> least_value([20.0, 60.0, 100.0], 0.9, OF_MAXIMUM), least_value([20.0, 60.0, 100.0], 0.9, MIN_TO_MAX)
        (90.0, 92.0)
        >>> least_value([-10.0, -1.0], 0.9, OF_MAXIMUM) is None, round(least_value([-10.0, -1.0], 0.9, MIN_TO_MAX), 9)
        (True, -1.9)
    """
    array = np.asarray(values, np.float64)
    if not len(array):
        return None
    best = float(array.max())
    if meaning == OF_MAXIMUM:
        return share * best if best > 0 else None
    worst = float(array[array > 0].min() if best > 0 else array.min())
    return min(worst + share * (best - worst), best)


def smallest_reaching(rows: Sequence[Mapping[str, Any]], least: float, column: str) -> Mapping[str, Any]:
    """Return the architecture with the fewest parameters that has at least this value in a column.

    Of equal size it is the better one, then that with the smaller widths.

    Args:
        rows: of architectures, each with a value in the column; at least one reaches it.
        least: value.
        column: `return_mean` or `success_mean`.
    """
    reaching = [row for row in rows if row[column] >= least]
    return min(reaching, key=lambda row: (row["parameters"], -row[column], row.get("widths", [])))


def smallest_with(
    rows: Sequence[Mapping[str, Any]], share: float, meaning: Meaning, column: str
) -> Mapping[str, Any] | None:
    """Return the architecture with the fewest parameters that has a share of the best; None where that means nothing.

    Args:
        rows: of architectures, each with a value in the column.
        share: from 0 to 1.
        meaning: `OF_MAXIMUM` or `MIN_TO_MAX`.
        column: `return_mean` or `success_mean`.
    """
    least = least_value([row[column] for row in rows], share, meaning)
    return None if least is None else smallest_reaching(rows, least, column)
