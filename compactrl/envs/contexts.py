"""Tasks of families, next to the environments: a family's contexts are checked, and an episode without a task gets one.

A family is an environment with `contexts`. Whoever runs an episode may say which task it has (`types.Trials.tasks`);
else it is a test task that the episode's seed decides, so that a family is also an environment like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from compactrl.envs.answers import NUMBERS, AnswerError
from compactrl.errors import InputError
from compactrl.policies.contexts import ROUNDING, Contexts, Listed
from compactrl.types import Floats, Integers

TRIED = 8
"""So many tasks are drawn from a family's samplers as it is described, and then one, as an episode does."""
EXTRAPOLATE = "extrapolate"
"""Option of a reset whose task may be outside of the family's range."""


def own_task(contexts: Contexts, generator: np.random.Generator) -> Floats:
    """Return the task (C,) of an episode that was given none: a test task.

    It takes nothing from the episode's generator: with the same task given, the same episode begins.

    Raises:
        InputError: the sampler draws none of the family's range.
    """
    drawing = generator.spawn(1)[0]
    if isinstance(contexts.test, Listed):  # which has an order, and so begins with the same one
        return np.array(contexts.test.rows[drawing.integers(len(contexts.test.rows))], np.float64)
    return np.asarray(contexts.drawn("test", drawing, 1)[0])


def tasks_for(environment: Any, seeds: Integers, tasks: Any) -> Any:
    """Return the tasks (n, C) of episodes with these seeds (n,): those given, else a family's own.

    Args:
        environment: a family where it has `contexts`.
        seeds: of what begins.
        tasks: (n, C), or None where none were given.

    Raises:
        InputError: what was given is not so many tasks of the family.
        AnswerError: the family's sampler draws no task of its range.
    """
    contexts = getattr(environment, "contexts", None)
    if contexts is None:
        return None if tasks is None else np.asarray(tasks, np.float64)
    if tasks is None:
        try:
            return np.array([own_task(contexts, np.random.default_rng(int(seed))) for seed in seeds])
        except InputError as error:
            raise AnswerError(f"{type(environment).__name__}: {error}") from error
    return given_tasks(type(environment).__name__, contexts, tasks, len(seeds))


def given_tasks(env: str, contexts: Contexts, tasks: Any, count: int) -> Floats:
    """Return the tasks (count, C) that episodes of a family were given.

    Raises:
        InputError: they are not so many rows of so many numbers.
    """
    rows = np.asarray(tasks)
    if rows.dtype.kind not in NUMBERS or rows.shape != (count, contexts.size) or not np.isfinite(rows).all():
        shown = f"{rows.ravel().tolist()}" if rows.size <= TRIED else f"of shape {rows.shape}"
        raise InputError(f"{env}: a task is {_words(contexts)}, and what was given is {shown}")
    return rows.astype(np.float64)


def reset_tasks(env: str, contexts: Contexts | None, options: Mapping[str, Any] | None) -> Floats | None:
    """Return the task (1, C) of a Gymnasium reset, which is in its options; None where there is none.

    Raises:
        InputError: it is none of the family's, or outside of its range where `extrapolate` is not among the options.
    """
    given = (options or {}).get("task")
    if given is None:
        return None
    if contexts is None:
        return np.asarray(given, np.float64)[None]
    tasks = given_tasks(env, contexts, np.asarray(given)[None], 1)
    if not (options or {}).get(EXTRAPOLATE):
        for name, value, low, high in zip(contexts.names, tasks[0], contexts.low, contexts.high, strict=True):
            if _outside(value, low, high):
                raise InputError(
                    f"{env}: the task's {name} {value:g} is outside of {low:g} … {high:g}, the range of this family: "
                    f'reset(options={{"task": …, "{EXTRAPOLATE}": True}}) allows that'
                )
    return tasks


def reset_options(contexts: Contexts | None, task: Any) -> dict[str, Any]:
    """Return the options of a Gymnasium reset for a task (C,) that somebody has chosen, outside of the range or not."""
    beyond = contexts is not None and any(map(_outside, task, contexts.low, contexts.high))
    return {"task": task, EXTRAPOLATE: True} if beyond else {"task": task}


def _outside(value: float, low: float, high: float) -> bool:
    """Return whether a number of a task is outside of its family's range, by more than rounding."""
    slack = ROUNDING * (high - low)
    return not low - slack <= value <= high + slack


def _words(contexts: Contexts) -> str:
    """Say what a task is."""
    names = ", ".join(contexts.names)
    return f"({names}), one number" if contexts.size == 1 else f"({names}), {contexts.size} numbers"


def checked_contexts(env: str, contexts: Any) -> Contexts | None:
    """Return what tells a family's tasks apart, as its class has it in `contexts`; None where it is no family.

    Args:
        env: its id.
        contexts: anything.

    Raises:
        InputError: it is something else, or its samplers do not give tasks of its range.
    """
    if contexts is None:
        return None
    if not isinstance(contexts, Contexts):
        raise InputError(
            f"{env} has contexts {contexts!r}: expected compactrl.policies.contexts.Contexts(names, low, high, train, "
            "test)"
        )
    names = contexts.names
    if isinstance(names, str) or not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(f'{env}: the names of its contexts are {names!r}, expected words, such as ("velocity",)')
    for side in ("low", "high"):
        bounds = np.asarray(getattr(contexts, side))
        if bounds.dtype.kind not in NUMBERS or bounds.shape != (contexts.size,) or not np.isfinite(bounds).all():
            raise InputError(
                f"{env}: {side} of its contexts is {getattr(contexts, side)!r}, expected a finite number for each of "
                f"{', '.join(names)}"
            )
    for name, low, high in zip(names, contexts.low, contexts.high, strict=True):
        if low > high:
            raise InputError(f"{env}: its contexts have low {low:g} above high {high:g} for '{name}'")
    for kind in ("train", "test"):
        _check_sampler(env, contexts, kind)
    return contexts


def _check_sampler(env: str, contexts: Contexts, kind: Literal["train", "test"]) -> None:
    """Check what a sampler of train or test tasks draws.

    Raises:
        InputError: no tasks of the family's range.
    """
    sampler = getattr(contexts, kind)
    if isinstance(sampler, Listed) and not sampler.rows:
        raise InputError(f"{env} has no {kind} tasks: its list of them is empty")
    if not callable(sampler):
        raise InputError(
            f"{env}: {kind} of its contexts is {sampler!r}, expected Uniform(low, high), Listed(rows), or a function "
            "of a generator and a number of tasks"
        )
    try:
        for count in (TRIED, 1):
            contexts.drawn(kind, np.random.default_rng(0), count)
    except InputError as error:
        raise InputError(f"{env}: {error}") from error
