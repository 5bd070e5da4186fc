"""Options: one flat list of names for the user, one frozen pydantic model for each part that owns some.

`resolve` turns what the user gave into a `Settings`: presets and defaults filled in, names checked, and
an option of another method refused by the name of its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from compactrl.compressions import COMPRESSIONS
from compactrl.errors import InputError, did_you_mean
from compactrl.learners import LEARNERS
from compactrl.learners.options import widths
from compactrl.methods.help import owners
from compactrl.methods.options import ALIASES, SearchOptions
from compactrl.methods.presets import PRESETS
from compactrl.methods.rows import METHODS, Choice, Method
from controllers import CONTROLLERS
from es import STRATEGIES


class Settings(BaseModel):
    """Every option of a search, resolved, by the part that owns it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    search: SearchOptions
    compression: Any
    controller: Any
    learner: Any
    strategy: Any = None
    """Of the evolution strategy, where the learner has one."""

    @property
    def lanes(self) -> int:
        """L, environments that the learner's trials are dealt to."""
        return self.search.lanes or max(self.learner.default_lanes, getattr(self.compression, "meta_batch", 1))

    @property
    def method(self) -> Method:
        """The method's row."""
        return METHODS[self.search.method]

    @property
    def choice(self) -> Choice:
        """How the method finds its designs."""
        return self.method.choices[self.search.controller]

    def flat(self) -> dict[str, Any]:
        """Every option by its name, as JSON values."""
        merged: dict[str, Any] = {}
        for part in (self.search, self.compression, self.controller, self.learner, self.strategy):
            merged |= {} if part is None else part.model_dump(mode="json")
        return merged


def resolve(given: Mapping[str, Any]) -> Settings:
    """Fill in presets and defaults, and check every name and value.

    Raises:
        InputError: an unknown name, an option of another method, or a value out of range.
    """
    values = {ALIASES.get(key, key): value for key, value in given.items() if value is not None}
    method = _named("method", values.get("method", SearchOptions.model_fields["method"].default), METHODS)
    preset_name = values.get("preset", "default")
    preset = _named("preset", preset_name, {**PRESETS, **method.presets})
    for option in method.fixed.keys() & values.keys():
        if _same(option, values[option], method.fixed[option]):
            continue
        raise InputError(
            f"--{_flag(option)} is not for --method {method.name}: there it is {method.fixed[option] or 'none'}"
        )
    asked_for = next((name for name, choice in method.choices.items() if values.get(choice.needs)), None)
    wanted = values.get("controller") or asked_for or preset.get("controller")
    if wanted not in method.choices:
        if values.get("controller"):
            raise InputError(_unknown_controller(method, str(wanted)))
        wanted = next(iter(method.choices))
    choice = method.choices[wanted]
    if choice.needs and not values.get(choice.needs):
        raise InputError(f"--controller {wanted} needs --{_flag(choice.needs)}")
    learner = str(values.get("learner") or method.learners[0])
    if learner not in method.learners:
        raise InputError(_unknown_learner(method, learner))
    parts: dict[str, type[BaseModel]] = {
        "search": SearchOptions,
        "compression": COMPRESSIONS[choice.compression].Options,
        "controller": CONTROLLERS[choice.controller].Options,
        "learner": LEARNERS[learner].Options,
    }
    decided = {"method": method.name, "controller": wanted, "learner": learner}
    if learner == "evolution":
        decided["es"] = str(values.get("es") or preset.get("es") or choice.defaults.get("es", "pgpe"))
        parts["strategy"] = _named("es", decided["es"], STRATEGIES).Options
        _named("settle-es", values.get("settle_es", "pgpe"), STRATEGIES)
    known = {option for part in parts.values() for option in part.model_fields}
    for option in values:
        if option not in known:
            raise InputError(_unknown_option(option, decided, known))
    merged = {**choice.defaults, **preset, **method.fixed, **values, **decided}
    models: dict[str, Any] = {}
    for name, part in parts.items():
        chosen = {option: merged[option] for option in part.model_fields if option in merged}
        try:
            models[name] = part(**chosen)
        except ValidationError as error:
            raise InputError(_invalid(error)) from error
    return Settings(**models)


def _named(option: str, name: Any, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise InputError(f"unknown --{option} '{name}'.{did_you_mean(str(name), table)} There are: {', '.join(table)}")
    return table[name]


def _same(option: str, value: Any, fixed: Any) -> bool:
    return bool(widths(value) == fixed) if option == "hidden" else value == fixed


def _flag(option: str) -> str:
    return option.replace("_", "-")


def _unknown_controller(method: Method, wanted: str) -> str:
    takes = f"--method {method.name} takes {', '.join(method.choices)}"
    others = [other.name for other in METHODS.values() if wanted in other.choices]
    if others:
        return f"--controller {wanted} is for --method {' or '.join(others)}; {takes}"
    return f"unknown --controller '{wanted}'.{did_you_mean(wanted, method.choices)} {takes}"


def _unknown_learner(method: Method, wanted: str) -> str:
    takes = f"--method {method.name} takes {', '.join(method.learners)}"
    others = [other.name for other in METHODS.values() if wanted in other.learners]
    if others:
        return f"--learner {wanted} is for --method {' or '.join(others)}; {takes}"
    return f"unknown --learner '{wanted}'.{did_you_mean(wanted, LEARNERS)} {takes}"


def _unknown_option(option: str, decided: Mapping[str, str], known: set[str]) -> str:
    table = owners()
    flag = _flag(option)
    if option in table:
        this = " ".join(f"--{_flag(part)} {name}" for part, name in decided.items())
        return f"--{flag} belongs to {' and '.join(table[option])}; this search is {this}"
    hint = did_you_mean(flag, [_flag(name) for name in known | table.keys()])
    return f"unknown option --{flag}.{hint} `compactrl search --help` lists them"


def _invalid(error: ValidationError) -> str:
    lines: dict[str, str] = {}  # the first of an option's: others may only follow from it
    for problem in error.errors():
        option = str(problem["loc"][0]) if problem["loc"] else "options"
        line = f"--{_flag(option)} {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}"
        lines.setdefault(option, line)
    return "; ".join(lines.values())
