"""Distillation in the teacher's environment, where the user names no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compactrl.runs.run import Run

SHARED = ("env", "env_module", "env_options", "max_episode_steps", "engine")
"""Options that say what is controlled."""


def with_environment_of_teacher(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search's options, with the environment of the run that is imitated where they name no other.

    Args:
        values: options as the user gave them; those are kept, and so are all of a run's record.

    Raises:
        InputError: there is no such run.
    """
    missing = [name for name in SHARED if name not in values]
    if values.get("method") != "distill" or not values.get("teacher") or not missing:
        return dict(values)
    teacher = Run(values["teacher"]).config
    if values.get("env", teacher["env"]) != teacher["env"]:
        return dict(values)  # another environment, for which it may do: the sizes of its spaces say
    return {**{name: teacher[name] for name in missing if name in teacher}, **values}
