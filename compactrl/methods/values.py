"""Values of options: read into the model of the part that owns them, and refused in words for the user.

What pydantic says of a value never reaches the user: it knows neither the option's flag nor what may be typed instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from compactrl.errors import InputError, did_you_mean, flag_of
from compactrl.quantities import COUNT, read_count


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
        return " or ".join(map(str, kinds)) + did_you_mean(str(value), map(str, kinds)).replace(" Did", ". Did", 1)
    kind = kinds[0] if kinds and type(None) in get_args(field.annotation) else field.annotation
    if kind is bool:
        return "true or false"
    if get_origin(kind) is tuple:
        return "whole numbers from 1 with commas between them, such as 41 or 41,41"
    if kind in (int, float):
        number = COUNT.split(",", 1) if kind is int else ["a number", " such as 0.1 or 3e-4"]
        range_ = _range(field)
        return f"{number[0]}{',' + range_ if range_ else ''},{number[1]}"
    return "a JSON object" if get_origin(kind) is dict else "text"


def _range(field: FieldInfo) -> str:
    """Say between what an option's number may lie: ' at least 1', ' above 0 and at most 1', or nothing."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    limits = [
        f"{word} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, word in words.items()
        if getattr(limit, name, None) is not None
    ]
    return " " + " and ".join(limits) if limits else ""
