"""Settings: the user's options with presets and defaults filled in, grouped by the parts that own them.

Users see one flat list of names. An option of another method is refused, and the message names its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.base import Options as CompressionOptions
from compactrl.errors import InputError, did_you_mean, either, flag_of
from compactrl.learners import LEARNERS
from compactrl.learners.metabatch import MetaBatchOptions
from compactrl.learners.options import Options as LearnerOptions
from compactrl.learners.options import widths
from compactrl.methods.names import ALIASES, current, current_name
from compactrl.methods.options import SearchOptions
from compactrl.methods.owners import listed, owners
from compactrl.methods.presets import PRESETS
from compactrl.methods.rows import METHODS, Choice, Method
from compactrl.methods.values import validated
from controllers import CONTROLLERS
from es import STRATEGIES
from es.strategy import Options as StrategyOptions


@dataclass(frozen=True)
class Settings:
    """Every option of a search, resolved, by the part that owns it."""

    search: SearchOptions
    compression: CompressionOptions
    controller: BaseModel
    learner: LearnerOptions
    strategy: StrategyOptions | None = None
    """Of the evolution strategy, where the learner has one."""
    meta_batch: MetaBatchOptions | None = None
    """Of the meta-batches, where many architectures learn at once."""

    @property
    def lanes(self) -> int:
        """L, environments that the learner's trials are dealt to."""
        least = 1 if self.meta_batch is None else self.meta_batch.meta_batch
        return self.search.num_envs or max(self.learner.default_lanes, least)

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
        for part in (self.search, self.compression, self.controller, self.learner, self.strategy, self.meta_batch):
            merged |= {} if part is None else part.model_dump(mode="json")
        return merged


def resolve(given: Mapping[str, Any], goals: bool = False) -> Settings:
    """Fill in presets and defaults, and check every name and value.

    Args:
        given: options by name; those that are None are not given.
        goals: whether the environment has goals, for which a method may have another learner.

    Raises:
        InputError: an unknown name, an option of another method, or a value out of range.
    """
    values = named_values(given)
    method = method_of(values)
    preset = _named("preset", values.get("preset", "default"), {**PRESETS, **method.presets})
    _refuse_fixed(method, values)
    controller, choice = _controller(method, preset, values)
    needed = next((name for option, name in method.learner_of.items() if values.get(option)), "")
    learner = str(values.get("learner") or needed or (goals and method.goal_learner) or method.learners[0])
    if learner not in method.learners:
        raise InputError(_unknown("learner", learner, method, "learners", LEARNERS))
    decided = {"method": method.name, "controller": controller, "learner": learner}
    if LEARNERS[learner].evolves:
        decided["es"] = str(values.get("es") or preset.get("es") or choice.defaults.get("es", "pgpe"))
        _named("fine-tune-es", values.get("fine_tune_es", "pgpe"), STRATEGIES)
    parts = _parts(method, choice, decided)
    known = {option for part in parts.values() for option in part.model_fields}
    for option in values:
        if option not in known:
            raise InputError(_unknown_option(option, decided, known))
    of_learner = method.learner_defaults.get(learner, {})
    merged = {**choice.defaults, **of_learner, **preset, **method.fixed, **values, **decided}
    hidden = validated(SearchOptions, merged).hidden
    merged = {**LEARNERS[learner].Options.following(hidden), **merged}
    return Settings(**{name: validated(part, merged) for name, part in parts.items()})


def named_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by their names of today.

    Raises:
        InputError: one is given by two names, with different values.
    """
    return current({key: value for key, value in given.items() if value is not None})


def method_of(values: Mapping[str, Any]) -> Method:
    """Return the row of the method that these options name.

    Raises:
        InputError: there is none.
    """
    method: Method = _named("method", values.get("method", SearchOptions.model_fields["method"].default), METHODS)
    return method


def _refuse_fixed(method: Method, values: Mapping[str, Any]) -> None:
    """Raise InputError where an option is given that this method does not let be chosen."""
    for option in method.fixed.keys() & values.keys():
        if not _same(option, values[option], method.fixed[option]):
            raise InputError(
                f"{flag_of(option)} is not for --method {method.name}: there it is {method.fixed[option] or 'none'}"
            )


def _controller(method: Method, preset: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, Choice]:
    """Return how the method chooses its designs: as named, else by the option that one way needs, else by default.

    Raises:
        InputError: the method has no such way, or an option that it needs is not given.
    """
    needing = next((name for name, choice in method.choices.items() if values.get(choice.needs)), None)
    controller = str(values.get("controller") or needing or preset.get("controller"))
    if controller not in method.choices:
        if values.get("controller"):
            raise InputError(_unknown("controller", controller, method, "choices", method.choices))
        controller = next(iter(method.choices))
    choice = method.choices[controller]
    if choice.needs and not values.get(choice.needs):
        raise InputError(f"--controller {controller} needs {flag_of(choice.needs)}")
    return controller, choice


def _parts(method: Method, choice: Choice, decided: Mapping[str, str]) -> dict[str, type[BaseModel]]:
    """Return the option models of the parts that were decided on, by their names in `Settings`."""
    parts: dict[str, type[BaseModel]] = {
        "search": SearchOptions,
        "compression": COMPRESSIONS[choice.compression].Options,
        "controller": CONTROLLERS[choice.controller].Options,
        "learner": LEARNERS[decided["learner"]].Options,
    }
    if "es" in decided:
        parts["strategy"] = _named("es", decided["es"], STRATEGIES).Options
    if method.meta_batch:
        parts["meta_batch"] = LEARNERS[decided["learner"]].MetaBatch
    return parts


def _named(option: str, name: Any, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise InputError(f"unknown --{option} '{name}'.{did_you_mean(str(name), table)} There are: {', '.join(table)}")
    return table[name]


def _same(option: str, value: Any, fixed: Any) -> bool:
    return bool(widths(value) == fixed) if option == "hidden" else value == fixed


def _unknown(option: str, name: str, method: Method, field: str, similar: Iterable[str]) -> str:
    """Return the message for a controller or a learner that a method does not have.

    Args:
        option: `controller` or `learner`.
        name: its value.
        method: that does not have it.
        field: of `Method`, with the values that a method has.
        similar: names among which the user may have meant one.
    """
    has = f"--method {method.name} takes {', '.join(getattr(method, field))}"
    others = [other.name for other in METHODS.values() if name in getattr(other, field)]
    if others:
        return f"--{option} {name} is for --method {either(others)}; {has}"
    return f"unknown --{option} '{name}'.{did_you_mean(name, similar)} {has}"


def _unknown_option(option: str, decided: Mapping[str, str], known: set[str]) -> str:
    table = owners()
    flag = flag_of(option)
    if option in table:
        search = " ".join(f"{flag_of(part)} {name}" for part, name in decided.items())
        return f"{flag} belongs to {listed(table[option])}; this search is {search}"
    names = [name.replace("_", "-") for name in sorted(known | table.keys() | ALIASES.keys())]
    hint = did_you_mean(flag[2:], names, lambda name: flag_of(current_name(name)))
    return f"unknown option {flag}.{hint} `compactrl search --help --method {decided['method']}` lists them"
