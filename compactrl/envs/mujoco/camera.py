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
from compactrl.envs.mujoco.view import view_of
from compactrl.errors import CompactrlError
from compactrl.machine import drawing
from compactrl.types import Floats

NEAR = 0.1
"""What is nearer than this part of the camera's distance may be left out; MuJoCo's own limit is a part of the model's
extent, and so of its floor's."""


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
        self._view = view_of(task)
        if not isinstance(self._view, int):
            near = NEAR * self._view.distance / model.stat.extent
            model.vis.map.znear = min(model.vis.map.znear, near)
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
