"""A camera for MuJoCo tasks, which follows the robot unless the model or the task says otherwise."""

from __future__ import annotations

import atexit
import functools
import weakref
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.task import MujocoTask
from compactrl.errors import CompactrlError, InputError, did_you_mean
from compactrl.machine import drawing
from compactrl.types import Floats

AZIMUTH, ELEVATION = 90.0, -15.0
"""Degrees: looking along y, across what walks along x, a little from above."""
FAR = 2.2
"""Distance, in the model's extents."""


class Camera:
    """Draws a task's scene.

    Args:
        task: whose `camera` says from where.
        height: of pictures, pixels.
        width: of pictures, pixels.

    Raises:
        InputError: the task names a camera or a body that its model has not.
        CompactrlError: nothing draws here; the message says what to do.
    """

    def __init__(self, task: MujocoTask, height: int, width: int) -> None:
        model = self._model = task.mj_model
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
        model.vis.global_.offheight = max(model.vis.global_.offheight, height)
        self._data = mujoco.MjData(model)
        self._view = _view(task)
        self._renderer = _renderer(model, height, width)
        # Of what nobody closes: MuJoCo's own goodbye comes too late, when EGL has ended already.
        self._at_exit = functools.partial(_close, weakref.ref(self))
        atexit.register(self._at_exit)

    def picture(self, qpos: Floats) -> NDArray[np.uint8]:
        """Return what is seen at qpos, (height, width, 3)."""
        self._data.qpos = qpos
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, self._view)
        return np.asarray(self._renderer.render())

    def close(self) -> None:
        """Give the window back, which nobody sees."""
        atexit.unregister(self._at_exit)
        self._renderer.close()


def _close(camera: weakref.ref[Camera]) -> None:
    """Close a camera that is still there."""
    if (open_still := camera()) is not None:
        open_still.close()


class _Renderer(mujoco.Renderer):  # type: ignore[misc]  # (MuJoCo is not followed by the type checker)
    """MuJoCo's; where making it fails, its `__del__` does not fail as well."""

    _gl_context = _mjr_context = None


def _renderer(model: Any, height: int, width: int) -> _Renderer:
    """Make MuJoCo's renderer with what draws here.

    Raises:
        CompactrlError: nothing does.
    """
    drawing.choose()
    if hindered := drawing.hindrance():
        raise CompactrlError(hindered)
    try:
        return _Renderer(model, height, width)
    except Exception as error:
        raise CompactrlError(drawing.failure(f"{type(error).__name__}: {error}")) from error


def _view(task: MujocoTask) -> Any:
    """Return a camera of the model by number, or one that follows a body."""
    model, wanted = task.mj_model, dict(task.camera)
    cameras = [model.camera(number).name for number in range(model.ncam)]
    name = wanted.pop("name", "track" if "track" in cameras and not wanted else None)
    if name is not None:
        if name not in cameras:
            raise InputError(f"{task.name}: its model has no camera '{name}'.{did_you_mean(name, cameras)}")
        return cameras.index(name)
    view = mujoco.MjvCamera()
    bodies = [model.body(number).name for number in range(model.nbody)]
    body = wanted.pop("body", None)
    if body is not None and body not in bodies:
        raise InputError(f"{task.name}: its model has no body '{body}' for the camera.{did_you_mean(body, bodies)}")
    view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
    view.trackbodyid = bodies.index(body) if body is not None else _moved(model)
    view.distance = wanted.pop("distance", FAR * model.stat.extent)
    view.azimuth, view.elevation = wanted.pop("azimuth", AZIMUTH), wanted.pop("elevation", ELEVATION)
    if wanted:
        raise InputError(
            f"{task.name}: camera has '{next(iter(wanted))}': expected name, or body, distance, azimuth, elevation"
        )
    return view


def _moved(model: Any) -> int:
    """Return the body that an actuated joint's tree begins with, or the first that moves."""
    for number in range(model.nu):
        joint = model.actuator_trnid[number, 0]
        if model.actuator_trntype[number] == mujoco.mjtTrn.mjTRN_JOINT and joint >= 0:
            return int(model.body_rootid[model.jnt_bodyid[joint]])
    return int(model.jnt_bodyid[0])
