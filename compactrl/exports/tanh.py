"""`--tanh`: libm's tanhf, or a rational function that needs no library.

    tanh x ≈ x P(x²) / Q(x²),  P of degree 3, Q of degree 4, x clamped to ±8

The coefficients are a minimax fit on [0, 8] by Lawson's iteration of weighted least squares (Lawson 1961) on the
linearised quotient (Loeb 1957); `python -m experiments.export tanh` repeats it. `BOUND` holds for every
single-precision number: `experiments.export tanh` and a test evaluate the C for each one from 2^-13 to 8. Below 2^-13,
r(x) is x (1 + d) with |d| < 1e-6, and tanh x differs from x by less than x³/3 < 2^-40; above 8 both are within
3e-7 of 1 and the function is constant; for negative numbers it is odd bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple

from compactrl.errors import InputError, did_you_mean

CLAMP = 8.0
NUMERATOR = (0.999999344, 0.129136398, 0.0029388268, 1.13102142e-05)
DENOMINATOR = (1.0, 0.462467402, 0.0237638224, 0.000237028347, 2.42383862e-07)
BOUND = 6e-7
"""Largest |r(x) - tanh(x)| over all single-precision x, with or without fused multiply-add."""


class Tanh(NamedTuple):
    """How the hidden layers' tanh is computed."""

    name: str
    call: str
    """What stands for TANH in a kernel; NAME stands for the policy's name."""
    includes: tuple[str, ...]
    note: str


TANHS = {
    "libm": Tanh("libm", "tanhf", ("math.h",), "tanhf of the C library"),
    "rational": Tanh(
        "rational",
        "NAME_tanh",
        (),
        f"a rational function of its own, no C library needed; |error| <= {BOUND:.1g} for every float",
    ),
}


def choose_tanh(name: str) -> Tanh:
    """Return the tanh of this name.

    Raises:
        InputError: there is none.
    """
    if name not in TANHS:
        raise InputError(f"unknown --tanh '{name}'.{did_you_mean(name, TANHS)} There are: {', '.join(TANHS)}")
    return TANHS[name]


def horner(coefficients: tuple[str, ...], variable: str) -> str:
    """Return a polynomial as nested products, the constant first among the coefficients.

    Example:
        >>> horner(("1.0f", "2.0f", "3.0f"), "z")
        '1.0f + z * (2.0f + z * 3.0f)'
    """
    first, *rest = coefficients
    if not rest:
        return first
    inner = horner(tuple(rest), variable)
    return f"{first} + {variable} * {inner if len(rest) == 1 else f'({inner})'}"
