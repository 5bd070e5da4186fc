"""Values of options: read as they are typed, and refused in words that name the option and say what to type."""

from typing import Literal, get_origin

import pytest

from compactrl.errors import InputError
from compactrl.methods.owners import every_part
from compactrl.methods.values import shown, validated

NOTHING = object()
"""No value of any option."""
BAD = ("nonsense", "1X", "-1e300", "nan", "", "[", "0,x", NOTHING)
PYDANTIC = ("Input should", "valid integer", "valid number", "unable to parse", "validation error", "pydantic")
FIELDS = [
    pytest.param(part, option, id=f"{part.__name__}.{option}") for part in every_part() for option in part.model_fields
]


def refusal(part, option, value):
    """What is said of a value; nothing where it will do."""
    try:
        validated(part, {option: value})
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("part", "option"), FIELDS)
def test_whatever_is_given_the_answer_is_in_our_words(part, option):
    said = {value: refusal(part, option, value) for value in BAD}
    assert said[NOTHING]
    for value, message in said.items():
        assert not message or message.startswith(f"--{option.replace('_', '-')} {shown(value)}: ")
        assert not [words for words in PYDANTIC if words in message]


NUMBERS = [
    (part, option) for part in every_part() for option, field in part.model_fields.items() if field.annotation is int
]


@pytest.mark.parametrize(("part", "option"), NUMBERS)
def test_every_option_that_counts_takes_letters_for_thousands_and_millions(part, option):
    limited = {"max_layers": ("4e0", 4)}
    text, count = limited.get(option, ("2k", 2000))
    assert getattr(validated(part, {option: text}), option) == count


@pytest.mark.parametrize(("part", "option"), FIELDS)
def test_a_name_among_several_is_suggested(part, option):
    annotation = part.model_fields[option].annotation
    if get_origin(annotation) is not Literal:
        return
    name = part.model_fields[option].default
    with pytest.raises(InputError, match=f"expected .*Did you mean .*'{name}'"):
        validated(part, {option: f"{name}x"})
