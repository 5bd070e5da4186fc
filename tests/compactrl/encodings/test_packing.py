"""Packed numbers read back, by a reader written apart from the C's, and take the bytes that they should."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compactrl.encodings.packing import bits_each, digits_each, pack_bits, pack_digits


@st.composite
def numbers(draw):
    choices = draw(st.integers(2, 300))
    return choices, np.array(draw(st.lists(st.integers(0, choices - 1), min_size=1, max_size=80)), np.int64)


@settings(deadline=None)
@given(numbers())
def test_bits_read_back_from_one_long_binary_number(given_numbers):
    choices, values = given_numbers
    packed = pack_bits(values, choices)
    whole, width = int.from_bytes(packed.tobytes(), "little"), bits_each(choices)
    assert [(whole >> (width * place)) % 2**width for place in range(len(values))] == values.tolist()
    assert packed.nbytes == -(-len(values) * width // 8)


@settings(deadline=None)
@given(numbers())
def test_digits_read_back_until_the_one_above_them(given_numbers):
    choices, values = given_numbers
    digits = []
    for word in pack_digits(values, choices).tolist():
        while word > 1:
            word, digit = divmod(word, choices)
            digits.append(digit)
        assert word == 1
    assert digits == values.tolist()


def test_a_word_takes_as_many_digits_as_fit():
    """With a 1 above them; one digit more would not fit."""
    for choices in range(2, 400):
        count = digits_each(choices)
        largest = choices**count + (choices**count - 1)
        assert largest < 2**32 <= 2 * choices ** (count + 1), choices
