"""Lanes of one MuJoCo task: their states, begun and stepped together, and what the task says of them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import AnswerError, array_of, asked, flags_of, numeric
from compactrl.envs.batched import ROWS
from compactrl.envs.mujoco.physics import Physics, Rollouts, Singly
from compactrl.envs.mujoco.state import Arrays, MujocoState, shown
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.errors import FaultError, InputError, did_you_mean
from compactrl.types import Floats, Integers


class Stepped(NamedTuple):
    """What n lanes came to by a step."""

    observation: Floats
    """(n, O)"""
    reward: Floats
    """(n,)"""
    terminated: NDArray[np.bool_]
    """(n,)"""
    state: MujocoState
    warnings: dict[int, str]
    """Position → MuJoCo's warning: from here on that lane's numbers mean nothing."""


class Held(NamedTuple):
    """All that n lanes are."""

    arrays: Arrays
    ctrl: Floats
    memory: Floats


class TaskLanes:
    """So many lanes of a task; for one thread.

    Args:
        task: what they do.
        count: L
        width: O; without it, that of what is seen first.

    Raises:
        InputError: the task asks for what MuJoCo has not.
    """

    def __init__(self, task: MujocoTask, count: int, width: int | None = None) -> None:
        self.task, self.count = task, count
        model = task.mj_model
        shapes = _field_shapes(task)
        self._physics: Physics = (
            Singly(model, task.frame_skip, task.fields) if shapes else Rollouts(model, task.frame_skip, count)
        )
        # Twice: what lanes were, and what they come to. The two change places where all lanes step.
        self._now, self._next = (
            Arrays(
                np.zeros((count, self._physics.size)),
                np.zeros((count, model.nsensordata)),
                {name: np.zeros((count, *shape)) for name, shape in shapes.items()},
            )
            for _ in range(2)
        )
        self._ctrl, self._memory = np.zeros((count, model.nu)), np.zeros((count, task.memory))
        # What tasks see of these, made once.
        self._shown_now, self._shown_next = self._now.shown(), self._next.shown()
        self._shown_ctrl, self._shown_memory = shown(self._ctrl), shown(self._memory)
        self.width = width

    def begin(self, lane: int, generator: np.random.Generator, task: Floats | None = None) -> str:
        """Begin an episode in a lane, which depends on what is drawn, and a trial's task, alone.

        Returns:
            a warning of MuJoCo's, or nothing.

        Raises:
            RaisedError: the task raised.
            FaultError: what it says of a start has another shape.
            AnswerError: it is not finite.
        """
        start = asked(self.task, "start", generator, *(() if task is None else (task,)))
        model, remembers = self.task.mj_model, bool(self.task.memory)
        if not isinstance(start, tuple) or len(start) != 2 + remembers:
            memory = f" and memory (memory = {self.task.memory})" if remembers else ""
            raise FaultError(f"start returned {_kind(start)}, expected qpos and qvel{memory}")
        qpos = _sound("start's qpos", start[0], model.nq)
        qvel = _sound("start's qvel", start[1], model.nv)
        self._memory[lane] = _sound("start's memory", start[2], self.task.memory) if remembers else 0.0
        self._ctrl[lane] = 0.0
        return self._physics.begin(qpos, qvel, self._now, lane)

    def qpos(self, lane: int) -> Floats:
        """Return where a lane is, (nq,)."""
        return self._now.state[lane, self._physics.parts["qpos"]]

    def look(self, lanes: Integers) -> Floats:
        """Return what is seen of lanes (n,) as they are, (n, O)."""
        arrays, ctrl, memory = self._now.rows(lanes).shown(), shown(self._ctrl[lanes]), shown(self._memory[lanes])
        return self._observed(self._state(arrays, ctrl, memory))

    def step(self, lanes: Integers, actions: NDArray[Any]) -> Stepped:
        """Step lanes (n,), each once, by actions (n, A).

        Raises:
            RaisedError: the task raised.
            FaultError: what it says has another shape or type than it must have.
        """
        count, everyone = len(lanes), len(lanes) == self.count
        now, after, seen_now, seen_after = self._now, self._next, self._shown_now, self._shown_next
        ctrl, memory = self._shown_ctrl, self._shown_memory
        if not everyone:
            now, after, seen_after = now.rows(lanes), after.rows(slice(count)), seen_after.rows(slice(count))
            seen_now, ctrl = now.shown(), shown(ctrl[lanes])
        if self.task.memory:
            memory = shown(self._memory[lanes])
        before = self._state(seen_now, ctrl, memory)
        # Rows must lie in memory as they do alone: sums along them are taken in that order.
        action, task = shown(np.ascontiguousarray(actions, np.float64)), self.task
        control = array_of(
            "the control", asked(task, "control", before, action), (count, self._ctrl.shape[1]), np.float64
        )
        warnings = self._physics.step(now.state, control, after)
        state = self._state(seen_after, shown(control), self._shown_memory[:0])
        if task.memory:
            state.memory = before.memory  # until it is known
            memory = array_of(
                "the memory", asked(task, "remember", before, state, action), before.memory.shape, np.float64
            )
            state.memory = shown(memory)
            self._memory[lanes] = memory
        observation = self._observed(state)
        reward = array_of("the reward", asked(task, "reward", before, state, action), (count,), np.float64)
        terminated = flags_of(
            "what has terminated", asked(task, "terminated", state), (count,), "state.qpos[:, 0] < 0.2"
        )
        self._ctrl[lanes] = control
        self._take(lanes, after, everyone)
        return Stepped(observation, reward, terminated, state, warnings)

    def held(self, lanes: Integers) -> Held:
        """Return copies of what lanes (n,) are."""
        return Held(self._now.rows(lanes), self._ctrl[lanes], self._memory[lanes])

    def hold(self, lanes: Integers, held: Held) -> None:
        """Make of lanes (n,) what others were."""
        self._take(lanes, held.arrays, everyone=False)
        self._ctrl[lanes], self._memory[lanes] = held.ctrl, held.memory

    def _take(self, lanes: Integers, after: Arrays, everyone: bool) -> None:
        """Make of what lanes came to what they are."""
        if everyone:
            self._now, self._next = self._next, self._now
            self._shown_now, self._shown_next = self._shown_next, self._shown_now
            return
        self._now.state[lanes] = after.state
        if after.sensordata.shape[1]:
            self._now.sensordata[lanes] = after.sensordata
        for name, values in after.fields.items():
            self._now.fields[name][lanes] = values

    def measure(self, state: MujocoState) -> dict[str, Floats]:
        """Return the task's measures, name → (n,).

        Raises:
            RaisedError: the task raised.
            FaultError: one is missing, or has another shape.
        """
        found, one = asked(self.task, "measure", state), (len(state.qpos),)
        if not isinstance(found, Mapping):
            raise FaultError(f"measure returned {_kind(found)}, expected a dictionary of the task's measures")
        for name in self.task.measures:
            if name not in found:
                raise FaultError(
                    f"the measure '{name}' is named in the task's measures, and measure returns "
                    f"{', '.join(map(repr, found)) or 'none'}"
                )
        return {name: array_of(f"the measure '{name}'", found[name], one, np.float64) for name in self.task.measures}

    def _state(self, arrays: Arrays, ctrl: Floats, memory: Floats) -> MujocoState:
        return MujocoState(arrays, self._physics.parts, ctrl, memory)

    def _observed(self, state: MujocoState) -> Floats:
        """Return what the task sees, as wide as ever; (n, O)."""
        seen = numeric("the observation", asked(self.task, "observe", state)).astype(np.float64, copy=False)
        count = len(state.qpos)
        if seen.ndim != 2 or len(seen) != count or not seen.shape[1]:
            raise FaultError(f"the observation has shape {seen.shape}, expected ({count}, O){ROWS}")
        if self.width is None:
            self.width = seen.shape[1]
        if seen.shape[1] != self.width:
            raise FaultError(f"the observation changed its width from {self.width} to {seen.shape[1]} numbers")
        return seen


def _field_shapes(task: MujocoTask) -> dict[str, tuple[int, ...]]:
    """Return the shape of each field that a task asks for."""
    import mujoco

    if isinstance(task.fields, str):
        raise InputError(f"{task.name}: fields is '{task.fields}', expected a tuple, such as ('{task.fields}',)")
    data = mujoco.MjData(task.mj_model)
    known = [name for name in dir(data) if isinstance(getattr(data, name, None), np.ndarray)]
    for name in task.fields:
        if name not in known:
            raise InputError(f"{task.name}: MjData has no array '{name}' for fields.{did_you_mean(name, known)}")
    return {name: getattr(data, name).shape for name in task.fields}


def _sound(what: str, values: Any, size: int) -> Floats:
    """Return finite numbers (size,).

    Raises:
        FaultError: there are not so many.
        AnswerError: they are not finite.
    """
    array = array_of(what, values, (size,), np.float64)
    if not np.isfinite(array).all():
        raise AnswerError(f"{what} is not finite: {array}")
    return array


def _kind(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, tuple) else type(value).__name__
