"""What the command line's help shows of options: a dozen to begin with, those of one method, or all of them.

Who owns an option, and what its default is, is found by `variants.py`; here it is put into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from compactrl.errors import either, flag_of
from compactrl.methods.owners import every_part, listed
from compactrl.methods.rows import METHODS, Method
from compactrl.methods.settings import method_of, named_values, resolve
from compactrl.methods.variants import NEEDED, Entry, Variant, entries_of, recorded_only, variants
from compactrl.quantities import short

BASIC = ("method", "env", "env_module", "steps", "seed", "hidden", "partitions", "num_envs", "threads", "workers")
"""Options of the first help, in its order."""
BASIC_PANEL = "Options"
PANELS: Mapping[str, tuple[str, ...]] = {
    BASIC_PANEL: (),
    "Environment": ("env", "tasks", "env_module", "env_options", "engine", "max_episode_steps"),
    "Final policy": ("fine_tune_share", "reevaluations", "reevaluation_episodes"),
    "Machines": (
        "num_envs", "threads", "workers", "ray_address", "worker_timeout", "checkpoint_seconds",
    ),
}  # fmt: skip
"""Title → options of every method; the first has all that no other has."""
TITLES = {
    "compression": "What is searched",
    "meta_batch": "Architectures that learn together",
    "controller": "Controller",
    "learner": "Learning",
    "strategy": "Evolution strategy",
}
"""Part of the settings, in the order of the help → the title of its options."""
METAVARS = {
    "env_module": "FILE",
    "ray_address": "ADDRESS",
    "colorings_from": "RUN",
    "teacher": "RUN",
    "start_from": "RUN",
}
"""Option → what stands for its value, where its type does not say it."""


class OptionHelp(NamedTuple):
    """The entry of an option in the help."""

    name: str
    type: str
    """`flag`, or the placeholder of its value."""
    help: str
    panel: str
    default: Any
    """The first that the help names."""


def every_option() -> dict[str, str]:
    """Return every option that can be given, with `flag` or the placeholder of its value."""
    options: dict[str, str] = {}
    for part in every_part():
        for option, field in part.model_fields.items():
            if not recorded_only(field):
                options.setdefault(option, _metavar(option, field))
    return options


def basic_options() -> list[OptionHelp]:
    """Return the options to begin with."""
    entries = entries_of(
        [Variant(f"--method {method.name}", resolve({"method": method.name})) for method in METHODS.values()]
    )
    return [_described(option, entries[option], BASIC_PANEL) for option in BASIC]


def options_of_method(given: Mapping[str, Any]) -> list[OptionHelp]:
    """Return the options that a method takes, by part.

    Args:
        given: the method by its option, and a controller, learner, strategy or preset, to which the answer is narrowed.

    Raises:
        InputError: there is no such method, or it has none of that name.
    """
    method = method_of(named_values(given))
    described = []
    for option, entry in _options_of(method, given).items():
        title = f"With {entry.condition}" if entry.condition else _panel(option, entry.part)
        described.append(_described(option, entry, title, _sentence(option, method)))
    return _in_order(described, [*PANELS, *TITLES.values()])


def describe_options() -> list[OptionHelp]:
    """Return every option, grouped by the methods that take it."""
    of_methods = {method.name: _options_of(method, {"method": method.name}) for method in METHODS.values()}
    described = []
    for option in every_option():
        taking = {name: entries[option] for name, entries in of_methods.items() if option in entries}
        first = next(iter(taking.values()))
        everywhere = first.part == "search"
        values = [(f"--method {name}", entry.values[0][1]) for name, entry in taking.items()]
        title = _panel(option, "search") if everywhere else _title_of_methods(taking)
        described.append(_described(option, first._replace(values=values), title))
    return _in_order(described, PANELS)


def _options_of(method: Method, given: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the options that a method takes, as far as they are for the user to choose."""
    entries = entries_of(variants(method, given))
    alone = [name for name, table in (("controller", method.choices), ("learner", method.learners)) if len(table) == 1]
    return {option: entry for option, entry in entries.items() if option not in (*method.fixed, *alone)}


def _described(option: str, entry: Entry, panel: str, sentence: str = "") -> OptionHelp:
    """Return an option's help: a sentence, its default, and the other ones with what leads to them."""
    text = sentence or str(entry.field.description)
    own = f"{flag_of(option)} "  # with another method or controller it is another one, which goes without saying
    words_of: dict[str, list[str]] = {}
    for words, value in [pair for pair in entry.values if not pair[0].startswith(own)] or entry.values[:1]:
        words_of.setdefault(_shown(value), []).append(words)
    if any(words_of):
        first, *others = words_of
        other = "".join(f"; {value or 'none'} with {listed(words_of[value])}" for value in others)
        text += f" (default: {first or 'none'}{other})"
    return OptionHelp(option, _metavar(option, entry.field), text, panel, entry.values[0][1])


def _sentence(option: str, method: Method) -> str:
    """Return what an option of this method says where its values are the method's; else nothing."""
    if option == "controller":
        what = (
            "What samples the architectures or tasks"
            if method.meta_batch
            else "What chooses which edges share a weight"
        )
        return f"{what}: {either(method.choices)}."
    if option == "learner":
        goals = f", or {method.goal_learner} in environments with goals" if method.goal_learner else ""
        return f"Algorithm that trains the weights: {either(method.learners)}; by default the first{goals}."
    return ""


def _panel(option: str, part: str) -> str:
    """Return the title of an option that its part always has."""
    if part != "search":
        return TITLES[part]
    return next((title for title, names in PANELS.items() if option in names), next(iter(PANELS)))


def _title_of_methods(taking: Mapping[str, Entry]) -> str:
    """Return 'chromatic, masked with --es cem; …' for the methods that take an option."""
    methods_of: dict[str, list[str]] = {}
    for name, entry in taking.items():
        methods_of.setdefault(entry.condition, []).append(name)
    return "; ".join(_together(names) + (f" with {words}" if words else "") for words, names in methods_of.items())


def _together(names: Sequence[str]) -> str:
    """Return names of methods, those of a kind by its name."""
    left = list(names)
    for kind, methods in kinds_of_methods().items():
        if set(methods) <= set(left):
            left = [kind, *(name for name in left if name not in methods)]
    return ", ".join(left)


def kinds_of_methods() -> dict[str, list[str]]:
    """Return the methods by how their weights are trained: 'by evolution', 'by gradients'."""
    kinds: dict[str, list[str]] = {}
    for method in METHODS.values():
        kind = "evolution" if method.learners == ("evolution",) else "gradients"
        kinds.setdefault(f"methods by {kind}", []).append(method.name)
    return kinds


def _in_order(described: list[OptionHelp], first: Iterable[str]) -> list[OptionHelp]:
    """Return options with those of one panel beside each other, these panels first."""
    order = {title: place for place, title in enumerate(dict.fromkeys([*first, *(entry.panel for entry in described)]))}
    return sorted(described, key=lambda entry: order[entry.panel])


def _shown(default: Any) -> str:
    """Return a default as it is typed; nothing where there is none to type."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, int):
        return short(default)
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    return str(default) if default not in (None, "", {}, NEEDED) else ""


def _metavar(option: str, field: FieldInfo) -> str:
    """Return `flag`, or what stands for an option's value."""
    if field.annotation is bool:
        return "flag"
    kinds = {tuple: "WIDTHS", dict: "JSON", int: "COUNT", float: "NUMBER"}  # a tuple of ints is one
    mentioned = (get_origin(field.annotation), field.annotation, *get_args(field.annotation))
    return METAVARS.get(option, next((word for kind, word in kinds.items() if kind in mentioned), "NAME"))
