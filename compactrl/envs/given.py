"""Environments given in Python: a class, a function that makes one, or a made one.

Each is registered, a class of MuJoCo tasks as one, all else with Gymnasium, under a name that says where it is from,
and is then an environment like any other:

- `robots:Robot`: what the module `robots` has under this name. Any process that can import it finds it by its name;
  `--env robots:Robot` does, and a run's record.
- `__main__:Robot`: of the script or notebook that runs. It is found in that process, and in a script that has it too.
- `local/Robot-1f3a2b`: a function without a name, a class inside a function, a made environment: only the process that
  it was given to knows it.

A made environment is copied by its `spec` where the copies are like it; else it exists once (`only_one`).
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import secrets
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compactrl.envs.batched import BATCHED
from compactrl.envs.modules import load_module
from compactrl.envs.mujoco.task import TASKS, MujocoTask, register
from compactrl.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import gymnasium

    Environment = str | type[gymnasium.Env] | type[MujocoTask] | Callable[..., gymnasium.Env] | gymnasium.Env
    """What a search takes: an id, a class, a function that makes one, or a made one."""

MAIN, LOCAL = "__main__", "local/"
_KNOWN: dict[str, Any] = {}
"""What was given in this process, by its name."""


@dataclass(frozen=True)
class Given:
    """An environment as it was given in Python."""

    name: str
    """By which it is registered."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of a search that it brings along."""
    note: str = ""
    """What its user should know."""


def take(environment: Any) -> Given:
    """Register an environment that was given in Python; an id stays what it is.

    Raises:
        InputError: it is none.
    """
    import gymnasium

    if isinstance(environment, str):
        return Given(environment)
    if isinstance(environment, gymnasium.Env):
        return _taken_object(environment)
    if not callable(environment):
        raise InputError(
            f"env has the type {type(environment).__name__}: expected an environment's id, a class, a function that "
            "makes one, or a made one of Gymnasium's"
        )
    name = _name_of(environment)
    _register(name, environment)
    return Given(name)


def stand_in(recorded: str, environment: Any, options: Mapping[str, Any]) -> Given:
    """Let an environment that is given stand for the one that a run has recorded.

    Args:
        recorded: its name.
        environment: that is given.
        options: `env_options` that are recorded with it.

    Raises:
        InputError: it is none; or the recorded one is another, which this process finds by its id, or was made with
            other options.
    """
    given = take(environment)
    if given.name == recorded:
        made_with = given.options.get("env_options", {})
        if "engine" in given.options and made_with != options:
            raise InputError(
                f"env={given.name} was made with options {made_with}, and the run's with {dict(options)}: leave env "
                "out, the run's is found by its id"
            )
        return given
    if not recorded.startswith(LOCAL) and _is_found(recorded):
        raise InputError(f"env={given.name} is another environment than the run's, which was begun in {recorded}")
    find(given.name)
    options_of_it = {**given.options.get("env_options", {})}
    plain = given.name in _KNOWN and not options_of_it
    _register(recorded, _KNOWN[given.name] if plain else _maker(given.name, options_of_it))
    if exists_once(given.name):
        _ONCE.add(recorded)
    return given


def find(env: str) -> None:
    """Register the environment that an id such as `robots:Robot` names, unless it is registered; others are left alone.

    Raises:
        InputError: it is not there, or only in another process.
    """
    if not is_given(env) or env in _KNOWN:
        return
    module, _, name = env.partition(":")
    if env.startswith(LOCAL) or (module == MAIN and not hasattr(sys.modules[MAIN], name.partition(".")[0])):
        raise InputError(_not_here(env))
    if module != MAIN:
        load_module(module, f"--env {env}")
    _register(env, _looked_up(env, module, name))


def is_given(env: str) -> bool:
    """Return whether an id is one that this module makes.

    Example:
        >>> is_given("robots:Robot"), is_given("HalfCheetah-v5")
        (True, False)
    """
    return ":" in env or env.startswith(LOCAL)


def _is_found(env: str) -> bool:
    try:
        find(env)
    except InputError:
        return False
    return True


def module_of(env: str) -> str:
    """Return the module that has this environment; nothing where it is registered, or of this process alone.

    Example:
        >>> module_of("robots.arms:Robot"), module_of("HalfCheetah-v5"), module_of("__main__:Robot")
        ('robots.arms', '', '')
    """
    return env.partition(":")[0] if ":" in env and not is_local(env) else ""


def is_local(env: str) -> bool:
    """Return whether an environment is known to one process alone."""
    return env.startswith((LOCAL, f"{MAIN}:"))


def origin_of(env: str) -> str:
    """Say where an environment of one process alone was defined."""
    if env.startswith(LOCAL):
        return f"{env} was given in Python as a function without a name of its own, or as a made environment"
    return f"{env.partition(':')[2]} was defined in a script's __main__, a notebook or python -c"


_ONCE: set[str] = set()


def exists_once(env: str) -> bool:
    """Return whether there is one environment of this name, and no copies of it can be made."""
    return env in _ONCE


def _not_here(env: str) -> str:
    name = "..." if env.startswith(LOCAL) else env.partition(":")[2]
    return (
        f"{origin_of(env)}, which no other process can import. Give it again, in Python: "
        f"compactrl.load(RUN, env={name}) to evaluate, play or export, compactrl.resume(RUN, env={name}) to go on; "
        "or define it in a module, where it is found by its name"
    )


def _name_of(environment: Callable[..., Any]) -> str:
    """Return the name of a class or a function."""
    module, name = getattr(environment, "__module__", None), getattr(environment, "__qualname__", "")
    if module == "__mp_main__":
        module = MAIN
    if module and name and _has(sys.modules.get(module), name, environment) and (module == MAIN or _is_file(module)):
        return f"{module}:{name}"
    for known, other in _KNOWN.items():
        if known.startswith(LOCAL) and _same(environment, other):
            return known
    return _local_name(environment)


def _local_name(thing: Any) -> str:
    plain = thing.func if isinstance(thing, functools.partial) else thing
    name = getattr(plain, "__name__", None) or type(plain).__name__
    return f"{LOCAL}{name.strip('<>')}-{secrets.token_hex(3)}"


def _has(module: Any, name: str, thing: Any) -> bool:
    """Return whether a module has this thing under this name."""
    return functools.reduce(lambda found, part: getattr(found, part, None), name.split("."), module) is thing


def _is_file(module: str) -> bool:
    """Return whether another process can import a module, and not this one alone."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _same(one: Any, other: Any) -> bool:
    """Return whether two functions do the same, as those that a loop defines again and again."""
    if not (inspect.isfunction(one) and inspect.isfunction(other)):
        return one is other
    values = [
        (*(function.__closure__ or ()), *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        for function in (one, other)
    ]
    return (
        one.__code__ is other.__code__
        and len(values[0]) == len(values[1])
        and all(mine is theirs for mine, theirs in zip(*values, strict=True))
    )


def _looked_up(env: str, module: str, name: str) -> Any:
    """Return what a module has under a name: a class, a function, or the id of an environment that it registers.

    Raises:
        InputError: it has none.
    """
    import gymnasium

    if name in gymnasium.registry:  # Gymnasium's own notation, module:id
        return _maker(name, {})
    found: Any = sys.modules[module]
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"--env {env}: {module} has no '{name}'.{did_you_mean(name, _makers_in(module))}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(
            f"--env {env}: expected a class, or a function that makes an environment, got a {type(found).__name__}"
        )
    return found


def _makers_in(module: str) -> list[str]:
    return [name for name, value in vars(sys.modules[module]).items() if callable(value)]


def _register(name: str, make: Any) -> None:
    """Register what makes an environment; what had the name before is no longer found.

    Raises:
        InputError: it makes many lanes at once, or is a task that will not do.
    """
    import gymnasium

    _refuse_batched(make)
    gymnasium.registry.pop(name, None)
    TASKS.pop(name, None)
    if isinstance(make, type) and issubclass(make, MujocoTask):
        register(name, make)
    else:
        gymnasium.register(name, make)
    _KNOWN[name] = make


def _refuse_batched(make: Any) -> None:
    """Raise InputError for a class of batched environments: only whoever registers it says how long episodes are."""
    import gymnasium

    if not isinstance(make, type) or issubclass(make, (gymnasium.Env, MujocoTask)):
        return
    known = next((env for env, batched in BATCHED.items() if batched.make is make), "")
    if known:
        raise InputError(f"{make.__name__} is a class of batched environments: give the id of it, {known!r}")
    if "num_lanes" not in _parameters(make):
        return
    raise InputError(
        f"{make.__name__} is a class of batched environments: register it, by compactrl.envs.register_batched("
        f'"{make.__name__}-v0", {make.__name__}, max_episode_steps=...), and give its id'
    )


def _parameters(make: Any) -> Collection[str]:
    """Return the names of what a class is made with, where Python knows them."""
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError):  # written in C
        return ()


def _maker(env: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function that makes an environment that is registered by another name."""

    def make(**more: Any) -> Any:
        import gymnasium

        return gymnasium.make(gymnasium.spec(env), **{**options, **more})

    return make


def _taken_object(made: Any) -> Given:
    """Register a made environment: by its spec, or as the only one there is."""
    from compactrl.envs.only_one import copies_by_spec, options_of, sharing

    for known, thing in _KNOWN.items():
        if getattr(thing, "made", None) is made:
            return _alone(known, made) if exists_once(known) else Given(known)
    options = options_of(made)
    if options is not None:
        return Given(made.spec.id, options)
    name = _local_name(made.unwrapped)
    copies = copies_by_spec(made)
    if copies is not None:
        _register(name, copies)
        return Given(name)
    _register(name, sharing(made))
    _ONCE.add(name)
    return _alone(name, made)


def _alone(name: str, made: Any) -> Given:
    return Given(
        name,
        {"num_envs": 1},
        f"{type(made.unwrapped).__name__} was given as a made environment that cannot be copied: it exists once, and "
        "one episode runs after the other. Its class, or a function that makes it, is searched side by side",
    )
