"""Numbers as C: single precision that reads back to the same bits, and arrays of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

WIDTH = 110
"""Longest line of an array."""


def literal(value: Any) -> str:
    """Return a finite number as a C literal of type float; nine digits read back to the same bits.

    Example:
        >>> [literal(value) for value in (1, 0.1, -2.5e-20)]
        ['1.0f', '0.100000001f', '-2.49999992e-20f']
    """
    text = f"{np.float32(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def spelled(values: Iterable[Any], kind: str) -> list[str]:
    """Return the elements of an array of this C type, as literals."""
    if kind == "float":
        return [literal(value) for value in values]
    return [f"{int(value)}{'u' if kind.startswith('u') else ''}" for value in values]


def lines(elements: Iterable[str], indent: str = "    ") -> str:
    """Return elements separated by commas, in lines of at most `WIDTH`."""
    done, line = [], indent
    for element in elements:
        if len(line) + len(element) + 2 > WIDTH and line != indent:
            done.append(line.rstrip())
            line = indent
        line += f"{element}, "
    return "\n".join([*done, line.rstrip().removesuffix(",")])
