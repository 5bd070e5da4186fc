"""Help, defaults and owners of all options, for the command line and error messages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple, get_origin

from pydantic import BaseModel

from compactrl.compressions import COMPRESSIONS
from compactrl.learners import LEARNERS
from compactrl.learners.metabatch import MetaBatchOptions
from compactrl.methods.options import SearchOptions
from compactrl.methods.rows import METHODS, Method
from controllers import CONTROLLERS
from es import STRATEGIES


class OptionHelp(NamedTuple):
    """The entry of an option in the command line's help."""

    name: str
    type: str
    """`flag`, or the placeholder of its value."""
    help: str
    panel: str


def describe_options() -> list[OptionHelp]:
    """Return every option of every part, once, with its owners and their defaults."""
    table = owners()
    panels: list[tuple[str, list[tuple[str, type[BaseModel]]]]] = [
        ("Search", [("", SearchOptions)]),
        ("What is searched (--method)", [(name, kind.Options) for name, kind in COMPRESSIONS.items()]),
        ("What learns together (--method ghp)", [("", MetaBatchOptions)]),
        ("Who chooses designs (--controller)", [(name, kind.Options) for name, kind in CONTROLLERS.items()]),
        ("Who improves the weights (--learner)", [(name, kind.Options) for name, kind in LEARNERS.items()]),
        ("Evolution strategy (--es)", [(name, kind.Options) for name, kind in STRATEGIES.items()]),
    ]
    described: dict[str, OptionHelp] = {}
    for panel, parts in panels:
        for _, options in parts:
            for option, field in options.model_fields.items():
                if option in described or _recorded_only(field):
                    continue
                defaults = {
                    owner: _shown(other.model_fields[option].default)
                    for owner, other in parts
                    if option in other.model_fields
                }
                owned = f" For {' and '.join(table[option])}." if option in table else ""
                text = f"{field.description}{owned} (default: {_default_of(option, defaults)})"
                described[option] = OptionHelp(option, _metavar(field), text, panel)
    return list(described.values())


def _default_of(option: str, defaults: dict[str, str]) -> str:
    """Return an option's default in words, of each owner where they differ, and those that methods set otherwise."""
    if len(set(defaults.values())) > 1:
        default = ", ".join(f"{value} for {owner}" for owner, value in defaults.items())
    else:
        default = next(iter(defaults.values()))
    return default + "".join(f"; {value} for {' and '.join(names)}" for value, names in _overrides(option).items())


def _recorded_only(field: Any) -> bool:
    """Return whether a search fills an option in for its run's record, and users do not give it."""
    return bool((field.json_schema_extra or {}).get("recorded_only"))


def _overrides(option: str) -> dict[str, list[str]]:
    """Return the defaults of an option that differ from its part's own → the methods or controllers that set them."""
    overrides: dict[str, list[str]] = {}
    for method in METHODS.values():
        for name, choice in method.choices.items():
            if option in choice.defaults:
                alone = len(method.choices) == 1
                overrides.setdefault(_shown(choice.defaults[option]), []).append(method.name if alone else name)
    return overrides


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    return "none" if default in (None, "", {}) else str(default)


def _metavar(field: Any) -> str:
    if field.annotation is bool:
        return "flag"
    kinds = {int: "COUNT", float: "NUMBER", str: "NAME"}
    if get_origin(field.annotation) is Literal:
        return "NAME"
    return kinds.get(field.annotation, "NUMBER" if field.annotation == (float | None) else "VALUE")


def owners() -> dict[str, list[str]]:
    """Return, for each option that only some methods take, its owners ('--es pgpe', '--method masked', …)."""
    table: dict[str, list[str]] = {}
    for method in METHODS.values():
        for name, choice in method.choices.items():
            for option in COMPRESSIONS[choice.compression].Options.model_fields:
                owner = f"--method {method.name}"
                if not all(option in fields for fields in _fields_of_compressions(method)):
                    owner += f" --controller {name}"
                table.setdefault(option, []).append(owner)
        if method.meta_batch:
            for option in MetaBatchOptions.model_fields:
                table.setdefault(option, []).append(f"--method {method.name}")
    for name, controller in CONTROLLERS.items():
        for option in controller.Options.model_fields:
            table.setdefault(option, []).append(f"--controller {name}")
    for name, kind in LEARNERS.items():
        only = [f"--method {method.name}" for method in METHODS.values() if method.learners == (name,)]
        several = any(name in method.learners for method in METHODS.values() if len(method.learners) > 1)
        for option in kind.Options.model_fields:
            table.setdefault(option, []).extend([*only, *([f"--learner {name}"] if several else [])])
    for name, strategy in STRATEGIES.items():
        for option in strategy.Options.model_fields:
            table.setdefault(option, []).append(f"--es {name}")
    return {option: list(dict.fromkeys(names)) for option, names in table.items()}


def _fields_of_compressions(method: Method) -> list[Collection[str]]:
    return [COMPRESSIONS[choice.compression].Options.model_fields.keys() for choice in method.choices.values()]
