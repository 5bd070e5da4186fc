"""`--tasks NAME`: a search in a family of tasks, which is an environment with contexts (`compactrl.envs.family`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compactrl.envs.family import families, family_id, short_name
from compactrl.envs.modules import load_module
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.methods.options import SearchOptions


def with_family(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search's options, with the environment of the family that `tasks` names.

    Args:
        values: options as the user gave them, or of a run's record, which has both.

    Raises:
        InputError: there is no such family, or another environment is named beside it.
    """
    name = values.get("tasks")
    if not name:
        return dict(values)
    if not isinstance(name, str):
        raise InputError(f"--tasks {name!r}: expected the name of a family, such as HalfCheetah-Vel")
    load_module(values.get("env_module", ""))
    recorded = str(values.get("env"))
    if recorded in families().values() and short_name(recorded) == name:
        return dict(values)  # whatever else has come to be called so since
    env = family_id(name)
    if values.get("env", env) not in (env, name):
        raise InputError(f"--tasks {name} is the environment {env}, and --env {values['env']} another: leave one out")
    return {**values, "env": env}


def check_family(options: SearchOptions, spec: EnvironmentSpec) -> None:
    """Raise InputError where tasks are asked for and the environment has none."""
    if options.tasks and spec.contexts is None:
        names = ", ".join(sorted(families()))
        raise InputError(f"--tasks {options.tasks}: {spec.id} is no family of tasks; there are: {names}")
