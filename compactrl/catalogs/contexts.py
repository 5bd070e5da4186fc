"""Contexts as they are typed, and which runs have tasks."""

from __future__ import annotations

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.compressions.multitask import MultiTask
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError, either
from compactrl.methods.rows import METHODS, Method
from compactrl.policies.contexts import Contexts
from compactrl.runs.run import Run
from compactrl.types import Floats


def read_context(text: str, family: Contexts, extrapolate: bool = False) -> Floats:
    """Return a context (C,) as it is typed.

    Args:
        text: a number for each that tells a task, with commas between them.
        family: what tells its tasks apart.
        extrapolate: whether contexts may be outside of the family's range.

    Raises:
        InputError: it is no context of the family.
    """
    names, parts = family.names, text.split(",")
    try:
        context = np.array([float(part) for part in parts])
    except ValueError:
        context = np.zeros(0)
    if context.shape != (family.size,) or not np.isfinite(context).all():
        expected = "a number" if len(names) == 1 else f"{len(names)} numbers with commas between them"
        example = ",".join(f"{value:g}" for value in np.add(family.low, family.high) / 2)
        raise InputError(f"--context {text}: expected {expected} for {', '.join(names)}, such as {example}")
    for name, value, low, high in zip(names, context, family.low, family.high, strict=True):
        if not (low <= value <= high or extrapolate):
            raise InputError(
                f"--context {text}: {name} {value:g} is outside of {low:g} … {high:g}, the range of this family, where "
                "nothing is known of the policy; --extrapolate takes it nevertheless"
            )
    return context


def as_typed(context: Floats) -> str:
    """Return a context (C,) as it would be typed, each number in as few digits as tell it from all others.

    Example:
        >>> as_typed(np.array([1.0, -0.25]))
        '1,-0.25'
    """
    return ",".join(np.format_float_positional(value, trim="-") for value in context)


def family_of(spec: EnvironmentSpec) -> Contexts:
    """Return what tells the tasks of an environment apart.

    Raises:
        InputError: it has none: the record of its run has been changed by hand.
    """
    if spec.contexts is None:
        raise InputError(f"{spec.id} has no tasks any more: use the environment of then")
    return spec.contexts


def has_tasks(run: Run) -> bool:
    """Return whether a run's policy is one of many tasks."""
    return "train_contexts" in run.config


def of_tasks(method: Method) -> bool:
    """Return whether a method's policies are of many tasks."""
    return all(issubclass(COMPRESSIONS[choice.compression], MultiTask) for choice in method.choices.values())


def check_tasks(run: Run, option: str) -> None:
    """Raise InputError where an option (as it is typed) is for policies of tasks, and a run has none."""
    if not has_tasks(run):
        methods = [name for name, row in METHODS.items() if of_tasks(row)]
        raise InputError(
            f"{option}: {run.path} is a run of --method {run.config['method']}, whose policy is for no family of "
            f"tasks; those of --method {either(methods)} are"
        )
