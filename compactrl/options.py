"""Options: one flat list of names for the user, one frozen pydantic model for each part that owns some.

`resolve` turns what the user gave into a `Settings`: presets and defaults filled in, names checked, and
an option of another method refused by the name of its owner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from compactrl.compressions import COMPRESSIONS
from compactrl.errors import InputError, did_you_mean
from compactrl.learners import LEARNERS
from compactrl.learners.options import Count, Hidden, widths
from compactrl.methods import METHODS, PRESETS, Choice, Method
from controllers import CONTROLLERS
from es import STRATEGIES


def _mapping(value: Any) -> Any:
    """Read a JSON object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"not a JSON object: {error}") from error


ALIASES = {"sampling": "controller"}
"""Other names of options: whoever proposes the architectures of a graph hyper policy samples them."""


class SearchOptions(BaseModel):
    """What every method takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = Field("chromatic", description="What to search: a row of `compactrl methods`.")
    env: str = Field("HalfCheetah-v5", description="Environment id; `compactrl envs` lists them.")
    env_module: str = Field("", description="Importable module that registers your own environments with Gymnasium.")
    env_options: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(
        {}, description="Options of the environment, as a JSON object."
    )
    engine: str = Field("auto", description="What steps the environment: auto, envpool or gymnasium.")
    max_episode_steps: Count = Field(
        0, ge=0, description="Cut episodes after this many environment steps; 0 keeps the environment's own limit."
    )
    steps: Count = Field(
        20_000_000,
        ge=1,
        description="Budget in environment steps, re-evaluations included; of gradient methods the last is beyond it.",
    )
    seed: Count = Field(0, ge=0, description="Source of all randomness.")
    hidden: Hidden = Field(
        (41,), description="Widths of the hidden layers, such as 41 or 41,41; none for a linear policy."
    )
    controller: str = Field("", description="What chooses the designs; the default is the method's own.")
    learner: str = Field("", description="Who improves the weights; the default is the method's own.")
    lanes: Count = Field(
        0,
        ge=0,
        description="Environments that evaluations are dealt to, or that stand for gradient methods; 0 for at most "
        "160 of the former, 8 of the latter. Results depend on it.",
    )
    threads: Count = Field(0, ge=0, description="Threads that step environments; 0 for every core. Changes no result.")
    workers: Count = Field(
        0,
        ge=0,
        description="Ray workers that step environments, in place of threads; 0 for none, or with --ray-address for "
        "every CPU of the cluster. Changes no result.",
    )
    ray_address: str = Field(
        "", description="Ray cluster to join, as HOST:PORT or auto; without it --workers begins a Ray on this machine."
    )
    worker_timeout: float = Field(
        600.0,
        gt=0,
        description="Seconds after which a worker's share of a generation counts as hung and is done again elsewhere.",
    )
    settle: float = Field(
        0.4, ge=0, lt=1, description="Last share of the budget, spent on the weights of the design that leads."
    )
    selections: Count = Field(
        10, ge=1, description="How many times in a search the leading designs are re-evaluated for what ships."
    )
    selection_episodes: Count = Field(
        32, ge=2, description="Fresh episodes for each of the last designs standing in a re-evaluation."
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="Save at least this often, in seconds; 0 for every generation."
    )
    preset: str = Field("default", description="Settings by name: " + ", ".join(PRESETS) + ".")


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


class OptionHelp(NamedTuple):
    """What the command line shows of an option."""

    name: str
    type: str
    """`flag`, or what stands for its value."""
    help: str
    panel: str


def describe_options() -> list[OptionHelp]:
    """Return every option of every part, once, with its owners and their defaults."""
    table = owners()
    panels: list[tuple[str, list[tuple[str, type[BaseModel]]]]] = [
        ("Search", [("", SearchOptions)]),
        ("What is searched (--method)", [(name, kind.Options) for name, kind in COMPRESSIONS.items()]),
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
                different = len(set(defaults.values())) > 1
                each = ", ".join(f"{value} for {owner}" for owner, value in defaults.items())
                default = each if different else next(iter(defaults.values()))
                default += "".join(f"; {value} for {' and '.join(who)}" for value, who in _overrides(option).items())
                who = f" For {' and '.join(table[option])}." if option in table else ""
                text = f"{field.description}{who} (default: {default})"
                described[option] = OptionHelp(option, _metavar(field), text, panel)
    return list(described.values())


def _recorded_only(field: Any) -> bool:
    """Return whether an option is no user's to give, but what a search fills in and its run keeps."""
    return bool((field.json_schema_extra or {}).get("recorded_only"))


def _overrides(option: str) -> dict[str, list[str]]:
    """Return the defaults of an option that methods set otherwise than its part, with who does."""
    found: dict[str, list[str]] = {}
    for method in METHODS.values():
        for name, choice in method.choices.items():
            if option in choice.defaults:
                alone = len(method.choices) == 1
                found.setdefault(_shown(choice.defaults[option]), []).append(method.name if alone else name)
    return found


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
    """Return, for each option that only some methods take, who has it ('--es pgpe', '--method masked', …)."""
    table: dict[str, list[str]] = {}
    for method in METHODS.values():
        for name, choice in method.choices.items():
            label = f"--method {method.name}"
            for option in COMPRESSIONS[choice.compression].Options.model_fields:
                owner = (
                    label
                    if len({c.compression for c in method.choices.values()}) == 1
                    else f"{label} --controller {name}"
                )
                if all(option in COMPRESSIONS[c.compression].Options.model_fields for c in method.choices.values()):
                    owner = label
                table.setdefault(option, []).append(owner)
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
    return {option: list(dict.fromkeys(who)) for option, who in table.items()}


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
