"""What a MuJoCo task is tried with as it is described: a start and two steps in a few lanes, in which shapes must
hold, and all that again, which must be the same.

A simulation costs nothing and harms nobody, so that what would fail every episode of a search is said before it.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import AnswerError
from compactrl.envs.contexts import checked_contexts, tasks_for
from compactrl.envs.mujoco import view
from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.envs.probe import global_random_state_kept
from compactrl.errors import FaultError, InputError
from compactrl.types import Floats

LANES, STEPS = 3, 2
DEEP = 0.1
"""A start is inside a collision where bodies overlap by more than this part of the model's mean size."""


class Tried(NamedTuple):
    """What came of trying a task out."""

    width: int
    """O, of its observations."""
    repeats: bool
    """Whether it did the same again, from the same seeds and by the same actions."""


def try_task(env: str, task: MujocoTask) -> Tried:
    """Try a task out, twice.

    Args:
        env: its id.
        task: made with its options.

    Raises:
        InputError: it raises, or gives arrays of other shapes than it must, or numbers that are not finite; or its
            contexts will not do.
    """
    view.view_of(task)  # what will not do is said now, and not when a film is to be made
    if checked_contexts(env, task.contexts) is not None and not task.starts_with_task:
        raise InputError(f"{env} has contexts: give its start a second argument, start(self, generator, task)")
    if any(getattr(type(task), name) is getattr(MujocoTask, name) for name in ("observe", "reward")):
        raise InputError(f"{env} lacks a function: {task.name} needs observe and reward")
    try:
        with global_random_state_kept():
            seen = _run(env, task)
            again = _run(env, task, warns=False)
    except (AnswerError, FaultError) as error:
        raise InputError(f"{env}: {error}") from error
    same = all(np.array_equal(*pair, equal_nan=True) for pair in zip(seen, again, strict=True))
    return Tried(int(seen[0].shape[1]), same)


def _run(env: str, task: MujocoTask, warns: bool = True) -> list[NDArray[Any]]:
    """Begin an episode in every lane and take a few steps, at rest; return what was seen, first observations (n, O).

    Raises:
        InputError: MuJoCo warns, or numbers are not finite.
    """
    lanes, every = TaskLanes(task, LANES), np.arange(LANES)
    low, high = (np.nan_to_num(bound, posinf=1.0, neginf=-1.0) for bound in task.action_bounds)
    action = np.tile((low + high) / 2, (LANES, 1))
    for lane in every:
        own = tasks_for(task, np.array([lane]), None)
        if warning := lanes.begin(int(lane), np.random.default_rng(int(lane)), None if own is None else own[0]):
            raise InputError(f"{env} begins with a warning of MuJoCo's: {warning}")
        warns = warns and not _warn_of_overlap(env, task, lanes.qpos(int(lane)))  # once will do
    held = lanes.held(every)
    seen: list[NDArray[Any]] = [lanes.look(every).copy(), held.arrays.state, held.memory]
    _finite(env, "observe", seen[0])
    # Not always all of them: what is wrong with some shapes shows only then.
    for chosen in (every, every[:1], every)[:STEPS]:
        stepped = lanes.step(chosen, action[: len(chosen)])
        for warning in stepped.warnings.values():
            raise InputError(f"{env} diverges as it begins, at rest: MuJoCo says: {warning}")
        _finite(env, "observe", stepped.observation)
        _finite(env, "reward", stepped.reward)
        lanes.measure(stepped.state)
        seen += [stepped.observation.copy(), stepped.reward.copy(), stepped.terminated.copy()]
    return seen


def _finite(env: str, what: str, values: Any) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{env}: {what} gives NaN or infinite numbers as an episode begins: {np.ravel(values)[:8]}")


def _warn_of_overlap(env: str, task: MujocoTask, qpos: Floats) -> bool:
    """Warn of a start at which bodies are deep in each other: they will be thrown apart; return whether it is one."""
    import mujoco

    model = task.mj_model
    data = mujoco.MjData(model)
    data.qpos = qpos
    mujoco.mj_forward(model, data)
    overlaps = [(contact.dist, *contact.geom) for contact in data.contact if contact.dist < 0]
    depth, *geoms = min(overlaps, default=(0.0,))
    if -depth <= DEEP * model.stat.meansize:
        return False
    first, second = (_geom_name(model, geom) for geom in geoms)
    warnings.warn(
        f"{env} starts inside a collision: {first} is {-depth:.3g} m deep in {second}; start should place it free",
        stacklevel=2,
    )
    return True


def _geom_name(model: Any, geom: int) -> str:
    """Name a geom, or else the body that it is of."""
    name = model.geom(geom).name
    return f"'{name}'" if name else f"a geom of '{model.body(model.geom_bodyid[geom]).name}'"
