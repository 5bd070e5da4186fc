"""What a search takes from a run that it imitates or begins from, where the user says nothing else.

The environment of either; and of the one that it begins from the network, since its weights are for no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.methods.rows import METHODS
from compactrl.policies.policy import Policy
from compactrl.runs.evaluation import check_task
from compactrl.runs.run import START, Run
from compactrl.types import Floats

SHARED = ("env", "env_module", "env_options", "max_episode_steps", "engine")
"""Options that say what is controlled."""
SOURCES = ("start_from", "teacher")
"""Options that name a run to take that from, the first one first."""
NETWORK = ("hidden", "activation", "output_bias")
"""Options that say what the network is."""


def with_environment_of_teacher(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search's options, with the environment of the run that is imitated or begun from.

    Args:
        values: options as the user gave them; those are kept, and so are all of a run's record.

    Raises:
        InputError: there is no such run.
    """
    missing = [name for name in SHARED if name not in values]
    source = next((values[name] for name in SOURCES if values.get(name)), None)
    if source is None or not missing or not {*SOURCES} & {*_options_of(values)}:
        return dict(values)
    teacher = Run(source).config
    if values.get("env", teacher["env"]) != teacher["env"]:
        return dict(values)  # another environment, for which it may do: the sizes of its spaces say
    return {**{name: teacher[name] for name in missing if name in teacher}, **values}


def with_network_of_start(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a search's options, with the network of the run that it begins from.

    Args:
        values: options as the user gave them; those are kept, and so are all of a run's record.

    Raises:
        InputError: there is no such run.
        CompactrlError: it has no policy yet.
    """
    options = _options_of(values)
    names = [name for name in NETWORK if name in options]
    if not values.get("start_from") or "start_from" not in options or all(name in values for name in names):
        return dict(values)
    skeleton = Run(values["start_from"]).policy.skeleton
    network = {
        "hidden": skeleton.sizes[1:-1],
        "activation": skeleton.activation,
        "output_bias": skeleton.biased[-1],
    }
    return {**{name: network[name] for name in names}, **values}


def _options_of(values: Mapping[str, Any]) -> Collection[str]:
    """Return the options of a search's method with any of its learners; none where it is unknown, as is said later."""
    method = METHODS.get(str(values.get("method", "")))
    if method is None:
        return ()
    kinds = [COMPRESSIONS[choice.compression].Options for choice in method.choices.values()]
    parts = [*kinds, *(LEARNERS[name].Options for name in method.learners)]
    return {"hidden", *(name for part in parts for name in part.model_fields)}


def task_taken_over(policies: Mapping[str, Policy], spec: EnvironmentSpec, resumed: bool) -> Floats | None:
    """Return the task (C,) that a search in a family stays in: that of the policy it imitates, or begins from, if any.

    Args:
        policies: taken over.
        spec: the environment.
        resumed: whether the search goes on, with what it was begun with.

    Raises:
        InputError: it is a task of another family, whose numbers mean something else.
    """
    for stem, policy in ({} if resumed else policies).items():
        check_task(policy, spec, "the policy of --start-from" if stem == START else "the policy of --teacher")
    return next((policy.context for policy in policies.values() if policy.context is not None), None)


def check_start(start: Policy, name: str, spec: EnvironmentSpec) -> None:
    """Raise InputError where the policy of the run of this name is not one for this environment."""
    if (start.shape[0], start.shape[-1]) != (spec.observation_size, spec.action.size):
        raise InputError(
            f"--start-from {name} is a policy for {start.env}, with {start.shape[0]} observations and "
            f"{start.shape[-1]} actions; {spec.id} has {spec.observation_size} and {spec.action.size}. Leave --env out"
        )
    if changed := spec.reordered(start.names):
        raise InputError(
            f"--start-from {name} observes {start.env} in another order than {spec.id} has: {changed}. Leave --env out"
        )
