"""Environments by id, the user's own included: looked up, described, listed.

The engine is the one that steps the environment soonest, else the first of `ENGINES` that knows it, unless one is
named.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compactrl.envs.engines import CHOICES, ENGINES, EngineKind, preferred
from compactrl.envs.family import families
from compactrl.envs.given import find
from compactrl.envs.modules import load_module
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import FaultError, InputError, did_you_mean


def environment_of(options: Mapping[str, Any]) -> EnvironmentSpec:
    """Look up the environment of a run's options, in the user's own module where it is from one.

    Raises:
        InputError: there is no such module or environment, or it cannot be searched.
    """
    load_module(options["env_module"])
    environment = (options["env"], options["engine"], options["max_episode_steps"], options["env_options"])
    spec = describe(*environment, module=options["env_module"])
    return replace(spec, environments=options.get("max_envs", 0))  # not in runs of before there was a limit


def describe(
    env: str,
    engine: str = "auto",
    max_episode_steps: int = 0,
    kwargs: dict[str, Any] | None = None,
    module: str = "",
) -> EnvironmentSpec:
    """Look an environment up and say what a policy for it must look like.

    Args:
        env: its id, such as `HalfCheetah-v5`, or where it is, as in `robots:Robot`.
        engine: `auto`, or a name in `ENGINES`.
        max_episode_steps: a shorter or longer limit than the environment's own; 0 keeps its own, and where
            it sets none `DEFAULT_EPISODE_STEPS`.
        kwargs: options of the environment.
        module: of the user's own that has been imported, for what is said where nobody has this environment.

    Raises:
        InputError: unknown id, or spaces that a plain MLP cannot serve.
    """
    if engine not in ("auto", *ENGINES):
        raise InputError(f"unknown engine '{engine}': expected one of {CHOICES}.{did_you_mean(engine, ENGINES)}")
    find(env)
    kinds = preferred(env) if engine == "auto" else [ENGINES[engine]]
    for kind in kinds:
        spec = _described(kind, env, max_episode_steps, dict(kwargs or {}))
        if spec is not None:
            return spec
    raise InputError(_not_there(env, engine, module))


def _described(kind: EngineKind, env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
    """Say what an engine knows of an environment.

    Raises:
        InputError: it does not take these options; where another engine does, that is said.
    """
    try:
        return kind.describe(env, max_episode_steps, options)
    except FaultError:
        raise  # whichever engine steps it
    except InputError as error:
        other = _taking(kind, env, max_episode_steps, options) if options else ""
        if not other:
            raise
        raise InputError(f"{error}. --engine {other} takes these options, and is slower") from error


def _taking(kind: EngineKind, env: str, max_episode_steps: int, options: dict[str, Any]) -> str:
    """Return another engine that takes an environment's options; nothing where none does."""
    for other in ENGINES.values():
        with contextlib.suppress(InputError):
            if other is not kind and other.describe(env, max_episode_steps, options) is not None:
                return other.name
    return ""


def _not_there(env: str, engine: str, module: str) -> str:
    """Say why no engine, or not the one that was named, has this environment."""
    known = {name: kind.ids() for name, kind in ENGINES.items()}
    every = sorted(set().union(*known.values()))
    having = [name for name, ids in known.items() if env in ids]
    if engine in known and not known[engine]:
        package = ENGINES[engine].package
        return f"--engine {engine} needs the package {package}, which is not installed: `pip install {package}`"
    if engine in having and having != [engine]:
        return f"{env} has no flat observations in {engine}: use --engine auto"
    if engine in having or (having and engine == "auto"):
        return (
            f"{env} has no flat observations in {' or '.join(having)}: install the package that registers it with "
            "Gymnasium and name its module by --env-module"
        )
    if having:
        return f"--engine {engine} has no environment '{env}': use --engine auto, or {' or '.join(having)}"
    if env in families():
        return f"unknown environment '{env}': it is a family of tasks, --tasks {env}, which is --env {families()[env]}"
    old = re.fullmatch(r"(.+)-v[0-4]", env)
    if old and f"{old[1]}-v5" in every:
        return f"unknown environment '{env}': versions before v5 are gone from MuJoCo's bindings; use '{old[1]}-v5'"
    if module:
        return (
            f"unknown environment '{env}': --env-module {module} was imported and does not register it."
            f"{did_you_mean(env, every)} Expected in it gymnasium.register(id='{env}', …) or compactrl.envs.register"
        )
    return (
        f"unknown environment '{env}'.{did_you_mean(env, every)} `compactrl envs` lists what is there; your own "
        "environment is registered by --env-module"
    )


class Searchable(NamedTuple):
    """An environment that can be searched."""

    id: str
    engine: str
    observations: int
    actions: int
    episode_steps: int


USUAL = re.compile(
    r"(Swimmer|Hopper|HalfCheetah|Walker2d|Ant|Humanoid|HumanoidStandup|Reacher|Pusher|Inverted\w*)-v5|Fetch(Reach|Push|Slide|PickAndPlace)-v4|"
    r"(Pendulum|CartPole|Acrobot|MountainCar\w*|LunarLander\w*|BipedalWalker\w*)-v\d|(Striker|Thrower|Minitaur)-v0|compactrl/.*"
)
"""What `compactrl envs` lists without a pattern."""


def searchable(pattern: str = "") -> list[Searchable]:
    """Return the environments with `pattern` in their id (without one, the usual ones) that a plain MLP can serve."""
    known = sorted(set().union(*(kind.ids() for kind in ENGINES.values())))
    wanted = [env for env in known if (pattern.lower() in env.lower() if pattern else USUAL.fullmatch(env))]
    rows = []
    for env in wanted:
        # What cannot be made here (a missing package, images) is not offered.
        with contextlib.suppress(InputError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec = describe(env)
            rows.append(Searchable(env, spec.engine, spec.observation_size, spec.action.size, spec.max_episode_steps))
    return rows


class Family(NamedTuple):
    """A family of tasks that can be searched."""

    name: str
    """For `--tasks`."""
    contexts: tuple[str, ...]
    """(C,) what the numbers are that tell a task."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    id: str
    observations: int
    actions: int
    episode_steps: int


def searchable_families(pattern: str = "") -> list[Family]:
    """Return the families of tasks with `pattern` in their id."""
    rows = []
    for name, env in sorted(families().items()):
        if pattern.lower() not in env.lower():
            continue
        with contextlib.suppress(InputError):  # as of `searchable`
            spec = describe(env)
            told, sizes = spec.contexts, (spec.observation_size, spec.action.size, spec.max_episode_steps)
            if told is not None:
                rows.append(Family(name, told.names, told.low, told.high, env, *sizes))
    return rows
