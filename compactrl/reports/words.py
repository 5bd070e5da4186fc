"""Numbers and counts as people read them: in tables, on the page and in the terminal."""

from __future__ import annotations

import math

from compactrl.quantities import DASH


def number(value: float) -> str:
    """Write a count or a measure with at least three digits, and none that say nothing; returns are `a_return`.

    Example:
        >>> [number(value) for value in (5397.0, 97.25, -3.14159, 0.0, float("nan"))]
        ['5397', '97.2', '-3.14', '0', '–']
    """
    if math.isnan(value):
        return DASH
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def plural(count: int, unit: str) -> str:
    """Write a count with its unit.

    Example:
        >>> plural(1, "seed"), plural(3, "seed")
        ('1 seed', '3 seeds')
    """
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def short(value: float) -> str:
    """Write a large number in thousands or millions, with three digits.

    Example:
        >>> [short(value) for value in (0.0, 113.0, 16200.0, 1.25e6)]
        ['0', '113', '16.2 k', '1.25 M']
    """
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:g}"
