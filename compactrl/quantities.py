"""Counts, sizes and times as people write them: 20000, 1_000_000, 2e6, 20k, 1.5M; 2kB, 64KiB; 15min, 1.5h."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
"""Letter after a count → what it stands for; M is a million, B a billion."""
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "kib": 2**10, "mib": 2**20, "k": 10**3, "m": 10**6}
"""Unit of a size in memory → bytes."""
SECONDS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
"""Unit of a time → seconds."""
TIME = "a time, such as 90s, 15min or 2h"
EXAMPLES = "20000, 20k, 2e6 or 1.5M"
COUNT = f"a whole number, such as {EXAMPLES}"
SIZE = "a whole number of bytes, such as 2000, 2kB or 64KiB"
DASH = "–"
"""Stands for what is not there."""
SMALL = 10
"""Returns below this have hundredths."""
LARGE = 1000
"""Returns from this on have no fractions."""
_WRITTEN = re.compile(r"([+-]?)(\d[\d_]*(?:,\d{3})*\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*([a-z]*)", re.IGNORECASE)


def read_count(text: str) -> int:
    """Read a whole number.

    Raises:
        ValueError: it is none; the message says what was expected.

    Example:
        >>> read_count("1.5M"), read_count("2e6"), read_count("20k"), read_count("1_000_000")
        (1500000, 2000000, 20000, 1000000)
    """
    return _read(text, FACTORS, COUNT)


def read_size(text: str) -> int:
    """Read a number of bytes.

    Raises:
        ValueError: it is none; the message says what was expected.

    Example:
        >>> read_size("2kB"), read_size("64 KiB"), read_size("340")
        (2000, 65536, 340)
    """
    return _read(text, UNITS, SIZE)


def read_time(text: str) -> int:
    """Read a time in seconds.

    Raises:
        ValueError: it is none; the message says what was expected.

    Example:
        >>> read_time("90"), read_time("15min"), read_time("1.5h")
        (90, 900, 5400)
    """
    return _read(text, SECONDS, TIME)


def a_return(value: float, beside: float | None = None) -> str:
    """Write a return, or its spread, with the digits that a return of its size has; NaN as a dash.

    Hundredths below 10, tenths below 1000, none from there on.

    Args:
        value: the return, or what stands beside one.
        beside: the return that decides the digits, if it is another.

    Example:
        >>> a_return(5397.83), a_return(6.041), a_return(0.414, beside=6.041), a_return(8.2, beside=498.9)
        ('5398', '6.04', '0.41', '8.2')
        >>> a_return(float("nan")), a_return(float("-inf"))
        ('–', '-inf')
    """
    if math.isnan(value):
        return DASH
    size = abs(value if beside is None else beside)
    digits = 2 if round(size, 2) < SMALL else 1 if round(size, 1) < LARGE else 0
    return f"{round(value, digits) + 0.0:.{digits}f}"  # (-0.0 + 0.0 is 0.0)


def mean_and_spread(result: Mapping[str, Any]) -> str:
    """Write the mean return of a summary and its standard deviation, both with the mean's digits.

    Example:
        >>> mean_and_spread({"return_mean": 6.041, "return_std": 0.414}), mean_and_spread({"return_mean": 80.94})
        ('6.04 ± 0.41', '80.9 ± 0.0')
    """
    mean = result["return_mean"]
    return f"{a_return(mean)} ± {a_return(result.get('return_std') or 0.0, mean)}"


def short(number: int) -> str:
    """Write a whole number as briefly as it can be typed.

    Example:
        >>> short(20_000_000), short(1_500_000), short(20_000), short(4096), short(-1)
        ('20M', '1.5M', '20k', '4096', '-1')
    """
    if number >= 10**6 and number % 10**5 == 0:
        return f"{number / 10**6:g}M"
    if number >= 10**4 and number % 10**3 == 0:
        return f"{number // 10**3}k"
    return str(number)


def _read(text: str, factors: dict[str, int], expected: str) -> int:
    """Read a number with one of these letters or units after it, exactly."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None or written[4].lower() not in factors:
        raise ValueError(f"expected {expected}")
    sign, digits, exponent, unit = written.groups()
    number = Decimal(sign + digits.replace("_", "").replace(",", "") + (exponent or "")) * factors[unit.lower()]
    if number != number.to_integral_value() or abs(number) >= 2**63:
        raise ValueError(f"expected {expected}")
    return int(number)
