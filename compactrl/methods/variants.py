"""A method with each of its choices, and the options that each of these has.

Which part owns an option, and what its default is, follows from settings that are resolved: of a method as it stands,
and of the method with each of its other controllers, learners and strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from compactrl.errors import either, flag_of
from compactrl.methods.rows import METHODS, Method
from compactrl.methods.settings import Settings, named_values, resolve
from es import STRATEGIES

NEEDED = "…"
"""Stands for a value that has no default."""


class Variant(NamedTuple):
    """A method as it stands, or with another controller, learner or strategy."""

    words: str
    """What must be given to have it, such as `--es cem`; nothing for the first of a help."""
    settings: Settings


class Entry(NamedTuple):
    """An option in the help of one method."""

    part: str
    field: FieldInfo
    condition: str
    """What must be given for the method to take it: `--es cem`, or nothing."""
    values: list[tuple[str, Any]]
    """(words of a variant, its default)."""


def variants(method: Method, given: Mapping[str, Any]) -> list[Variant]:
    """Return the method as it stands, and with each other controller, learner and strategy, one at a time.

    Args:
        method: its row.
        given: options that all of them have.
    """
    values = {**named_values(given), "method": method.name}
    first = _resolved(values)
    others: dict[str, Iterable[str]] = {"controller": method.choices, "learner": method.learners}
    if first.strategy is not None:
        others["es"] = STRATEGIES
    return [
        Variant("", first),
        *(
            Variant(f"{flag_of(option)} {name}", _resolved({**values, option: name}))
            for option, names in others.items()
            if not values.get(option)
            for name in names
            if name != first.flat()[option]
        ),
    ]


def _resolved(values: Mapping[str, Any]) -> Settings:
    """Return the settings; an option that the way to choose designs needs is there."""
    choice = METHODS[values["method"]].choices.get(str(values.get("controller", "")))
    return resolve({choice.needs: NEEDED, **values} if choice and choice.needs else values)


KEYS: Mapping[str, tuple[str, Callable[[Settings], str]]] = {
    "compression": ("controller", lambda settings: settings.search.controller),
    "controller": ("controller", lambda settings: settings.search.controller),
    "learner": ("learner", lambda settings: settings.search.learner),
    "strategy": ("es", lambda settings: str(settings.flat()["es"])),
}
"""Part → the option that decides which one it is, and its value in settings."""


def entries_of(found: Sequence[Variant]) -> dict[str, Entry]:
    """Return the options of these variants, with what must be given to have each and its defaults."""
    entries: dict[str, Entry] = {}
    for part in [field.name for field in fields(Settings)]:
        having = [variant for variant in found if getattr(variant.settings, part) is not None]
        models = {variant.words: type(getattr(variant.settings, part)).model_fields for variant in having}
        for option in dict.fromkeys(option for model in models.values() for option in model):
            owners = [variant for variant in having if option in models[variant.words]]
            field = models[owners[0].words][option]
            if option in entries or recorded_only(field):
                continue
            values = [(owner.words, getattr(getattr(owner.settings, part), option)) for owner in owners]
            entries[option] = Entry(part, field, _condition(part, owners, having), values)
    return entries


def _condition(part: str, owners: Sequence[Variant], having: Sequence[Variant]) -> str:
    """Return what must be given for an option to be there: `--es cem or cmaes`; nothing where it always is."""
    if part not in KEYS:
        return ""
    option, key = KEYS[part]
    names = list(dict.fromkeys(key(owner.settings) for owner in owners))
    if set(names) == {key(variant.settings) for variant in having}:
        return ""
    return f"{flag_of(option)} {either(names)}"


def recorded_only(field: FieldInfo) -> bool:
    """Return whether a search fills an option in for its run's record, and users do not give it."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("recorded_only"))
