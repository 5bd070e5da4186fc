"""Values of options: read into the model of the part that owns them, and refused in words for the user.

What pydantic says of a value never reaches the user: it knows neither the option's flag nor what may be typed instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from compactrl.errors import InputError, did_you_mean, either, flag_of
from compactrl.quantities import EXAMPLES, read_count

WORDS = {int: ("a whole number", EXAMPLES), float: ("a number", "0.1 or 3e-4")}
"""Kind of number → how it is called, and how it may be written."""


def validated(part: type[BaseModel], values: Mapping[str, Any]) -> Any:
    """Return the part's model with those of these options that are its own.

    Raises:
        InputError: a value that is not what its option takes, or out of range.
    """
    own = {option: values[option] for option in part.model_fields if option in values}
    problems: dict[str, str] = {}  # the first of an option's: others may only follow from it
    try:
        return part(**{option: _read(part.model_fields[option], value) for option, value in own.items()})
    except ValidationError as error:
        for problem in error.errors():
            option = str(problem["loc"][0]) if problem["loc"] else ""
            said = problem["msg"].removeprefix("Value error, ") if problem["type"] == "value_error" else ""
            if option in own:
                expected = said or f"expected {expectation(part.model_fields[option], own[option])}"
                problems.setdefault(option, f"{flag_of(option)} {shown(own[option])}: {expected}")
            else:
                problems.setdefault("", said or "these options do not fit each other")
        raise InputError("; ".join(problems.values())) from error


def _read(field: FieldInfo, value: Any) -> Any:
    """Return the whole number that a text stands for, where the option is one; other values as they are."""
    if field.annotation is not int or not isinstance(value, str):
        return int(value) if field.annotation is int and isinstance(value, float) and value.is_integer() else value
    try:
        return read_count(value)
    except ValueError:
        return value  # refused by the model, with the option's range


def shown(value: Any) -> str:
    """Return a value as it was typed; in quotes where that cannot be seen."""
    return value if isinstance(value, str) and value == value.strip() != "" else repr(value)


def expectation(field: FieldInfo, value: Any = None) -> str:
    """Say what an option takes: 'a number, above 0'.

    Args:
        field: of a part's options.
        value: that was given instead; names like it are suggested.
    """
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    if get_origin(field.annotation) is Literal:
        return either(map(str, kinds)) + did_you_mean(str(value), map(str, kinds)).replace(" Did", ". Did", 1)
    kind: Any = kinds[0] if kinds and type(None) in get_args(field.annotation) else field.annotation
    if kind is bool:
        return "true or false"
    if get_origin(kind) is tuple:
        return "whole numbers from 1 with commas between them, such as 41 or 41,41"
    if kind in (int, float):
        noun, examples = WORDS[kind]
        return noun + _range(field) + ("" if _is_number(kind, value) else f", such as {examples}")
    return "a JSON object, such as '{\"frame_skip\": 4}'" if get_origin(kind) is dict else "text"


def _is_number(kind: type, value: Any) -> bool:
    """Return whether a value is a number of this kind, or nearly: then its range is what is wrong."""
    try:
        return math.isfinite(read_count(value) if kind is int and isinstance(value, str) else float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _range(field: FieldInfo) -> str:
    """Say between what an option's number may lie: ', at least 1', ', above 0 and at most 1'."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    limits = [
        f"{word} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, word in words.items()
        if getattr(limit, name, None) is not None
    ]
    return ", " + " and ".join(limits) if limits else ""
