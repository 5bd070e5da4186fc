"""MuJoCo's steps for many lanes of one model, each from its row of state: what a lane does is a function of that row.

Two ways, of which a task gets the first that gives it all that it asks for:

- `Rollouts`: `mujoco.rollout` once a step, which takes all lanes in one call of C++ and gives states and sensors. Its
  solver begins each step of the environment without a guess, so that a state is the whole of what decides.
- `Singly`: lanes one after the other in one `MjData`, whose arrays can then be read; the state has the solver's guess
  (`qacc_warmstart`), and trajectories are Gymnasium's to the bit.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from compactrl.envs.mujoco.state import Arrays
from compactrl.envs.mujoco.warnings import heard, listen
from compactrl.types import Floats

FORCES = frozenset({"cacc", "cfrc_int", "cfrc_ext"})
"""Arrays of `MjData` that a step leaves out unless a sensor needs them."""
SUBTREES = frozenset({"subtree_linvel", "subtree_angmom"})


class Physics(Protocol):
    """Steps lanes of one model; for one thread."""

    size: int
    """S"""
    parts: dict[str, slice]
    """Where `time`, `qpos`, `qvel` and `act` are in a row of state."""

    def begin(self, qpos: Floats, qvel: Floats, out: Arrays, row: int) -> str:
        """Put a lane's first state and all that goes with it into a row; returns a warning of MuJoCo's, or nothing."""

    def step(self, state: Floats, control: Floats, out: Arrays) -> dict[int, str]:
        """Step n lanes from states (n, S) by controls (n, nu); returns position → warning of MuJoCo's."""


def _layout(model: Any, names: tuple[str, ...]) -> tuple[int, int, dict[str, slice]]:
    """Return MuJoCo's word for a state of these parts, its size, and where each part is."""
    import mujoco

    kinds = [getattr(mujoco.mjtState, f"mjSTATE_{name.upper()}").value for name in names]
    parts, start = {}, 0
    for name, kind in sorted(zip(names, kinds, strict=True), key=lambda pair: pair[1]):  # their order in the state
        parts[name] = slice(start, start + mujoco.mj_stateSize(model, kind))
        start = parts[name].stop
    return sum(kinds), start, parts


PHYSICS = ("time", "qpos", "qvel", "act", "history", "plugin")
"""The parts of MuJoCo's full physics state."""


class _OneData:
    """What both ways share: one `MjData`, and the state as an episode begins."""

    def __init__(self, model: Any, frame_skip: int, names: tuple[str, ...]) -> None:
        import mujoco

        listen()
        self._mujoco, self._model, self._frame_skip = mujoco, model, frame_skip
        self._kind, self.size, self.parts = _layout(model, names)
        self._data = mujoco.MjData(model)
        self._fresh = np.empty(self.size)
        mujoco.mj_getState(model, self._data, self._fresh, self._kind)

    def _forward(self, qpos: Floats, qvel: Floats) -> None:
        """Begin at a state, and compute what follows from it."""
        self._mujoco.mj_resetData(self._model, self._data)
        self._data.qpos, self._data.qvel = qpos, qvel
        self._mujoco.mj_forward(self._model, self._data)


class Rollouts(_OneData):
    """All lanes in one call.

    Args:
        model: MuJoCo's.
        frame_skip: its time steps a step.
        count: the most lanes of a call.
    """

    def __init__(self, model: Any, frame_skip: int, count: int) -> None:
        from mujoco.rollout import Rollout

        super().__init__(model, frame_skip, PHYSICS)
        self._rollout, self._models = Rollout(nthread=0), [model] * count
        self._controls = np.empty((count, frame_skip, model.nu))
        self._states = np.empty((count, frame_skip, self.size))
        self._sensors = np.empty((count, frame_skip, model.nsensordata))

    def begin(self, qpos: Floats, qvel: Floats, out: Arrays, row: int) -> str:
        """See `Physics`."""
        state = out.state[row]
        state[:] = self._fresh
        state[self.parts["qpos"]], state[self.parts["qvel"]] = qpos, qvel
        if not out.sensordata.shape[1]:
            return ""
        self._forward(qpos, qvel)
        out.sensordata[row] = self._data.sensordata
        return heard()

    def step(self, state: Floats, control: Floats, out: Arrays) -> dict[int, str]:
        """See `Physics`."""
        self._roll(state, control, out)
        if not heard():
            return {}
        warnings = {}
        for row in range(len(state)):  # a call says that a lane met a warning, and not which
            one = slice(row, row + 1)
            self._roll(state[one], control[one], Arrays(out.state[one], out.sensordata[one], {}))
            if text := heard():
                warnings[row] = text
        return warnings

    def _roll(self, state: Floats, control: Floats, out: Arrays) -> None:
        count = len(state)
        self._controls[:count] = control[:, None]
        sensors = self._sensors[:count] if self._sensors.shape[2] else None
        self._rollout.rollout(
            self._models[:count], [self._data], state, self._controls[:count], skip_checks=True,
            nstep=self._frame_skip, state=self._states[:count], sensordata=sensors,
        )  # fmt: skip
        out.state[:] = self._states[:count, -1]
        if sensors is not None:
            out.sensordata[:] = sensors[:, -1]


class Singly(_OneData):
    """One lane after the other.

    Args:
        model: MuJoCo's.
        frame_skip: its time steps a step.
        fields: arrays of `MjData` that are wanted.
    """

    def __init__(self, model: Any, frame_skip: int, fields: tuple[str, ...]) -> None:
        super().__init__(model, frame_skip, (*PHYSICS, "warmstart"))
        self._forces, self._subtrees = bool(FORCES & set(fields)), bool(SUBTREES & set(fields))
        self._views = {name: getattr(self._data, name) for name in fields}
        self._control, self._sensordata = self._data.ctrl, self._data.sensordata

    def begin(self, qpos: Floats, qvel: Floats, out: Arrays, row: int) -> str:
        """See `Physics`."""
        self._forward(qpos, qvel)
        self._read(out, row)
        return heard()

    def step(self, state: Floats, control: Floats, out: Arrays) -> dict[int, str]:
        """See `Physics`."""
        mujoco, model, data = self._mujoco, self._model, self._data
        warnings = {}
        for row in range(len(state)):
            mujoco.mj_setState(model, data, state[row], self._kind)
            self._control[:] = control[row]
            mujoco.mj_step(model, data, self._frame_skip)
            if self._forces:
                mujoco.mj_rnePostConstraint(model, data)
            if self._subtrees:
                mujoco.mj_subtreeVel(model, data)
            self._read(out, row)
            if text := heard():
                warnings[row] = text
                mujoco.mj_resetData(model, data)
        return warnings

    def _read(self, out: Arrays, row: int) -> None:
        self._mujoco.mj_getState(self._model, self._data, out.state[row], self._kind)
        if out.sensordata.shape[1]:
            out.sensordata[row] = self._sensordata
        for name, view in self._views.items():
            out.fields[name][row] = view
