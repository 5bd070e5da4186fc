"""Small whole numbers in as few bytes as a simple loop can read back.

- `pack_bits`: ceil(log2 M) bits each, one after the other, the lowest bits first: the size that the search reports.
- `pack_digits`: base-M digits in 32-bit words, the first number the lowest digit, and a 1 above the last, so that a
  reader needs no count: it divides by M until 1 is left. 17 colours take 32 / 7 = 4.57 bits each in place of 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Integers


def bits_each(choices: int) -> int:
    """Return ceil(log2 choices), the bits that say which of so many; at least 1.

    Example:
        >>> [bits_each(choices) for choices in (1, 2, 3, 17, 32)]
        [1, 1, 2, 5, 5]
    """
    return max(1, (choices - 1).bit_length())


def pack_bits(values: Integers, choices: int) -> NDArray[np.uint8]:
    """Return values in 0 … choices - 1 as bytes, each value in `bits_each` bits, lowest bit first.

    Example:
        >>> pack_bits(np.array([1, 2, 3]), 4).tolist()  # 0b11_10_01
        [57]
    """
    bits = (values[:, None] >> np.arange(bits_each(choices))) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little")


def digits_each(choices: int) -> int:
    """Return how many base-`choices` digits, and a 1 above them, fit into 32 bits.

    Example:
        >>> [digits_each(choices) for choices in (2, 3, 17, 256)]
        [31, 19, 7, 3]
    """
    count = 0
    while 2 * choices ** (count + 1) <= 2**32:
        count += 1
    return count


def pack_digits(values: Integers, choices: int) -> NDArray[np.uint32]:
    """Return values in 0 … choices - 1 as words of `digits_each` digits and a 1 above; choices at least 2.

    Example:
        >>> pack_digits(np.array([1, 2, 0, 1]), 17).tolist()
        [88469]
        >>> 1 + 2 * 17 + 0 * 17**2 + 1 * 17**3 + 17**4
        88469
    """
    count = digits_each(choices)
    words = []
    for begin in range(0, len(values), count):
        word = 1
        for value in reversed(values[begin : begin + count].tolist()):
            word = word * choices + value
        words.append(word)
    return np.array(words, np.uint32)
