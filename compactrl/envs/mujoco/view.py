"""From where a task is seen: a camera of its model, or one that follows the robot, from where all of it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.task import MujocoTask
from compactrl.errors import InputError, did_you_mean
from compactrl.types import Floats

AZIMUTH, ELEVATION = 90.0, -15.0
"""Degrees: looking along y, across what walks along x, a little from above."""
FAR = 2.2
"""Distance, in sizes of what moves."""
PARTS = "name, or body, distance, azimuth, elevation"


def view_of(task: MujocoTask) -> Any:
    """Return a camera of the model by number, or one of MuJoCo's that follows a body.

    Raises:
        InputError: the task names a camera or a body that its model has not.
    """
    import mujoco

    model = task.mj_model
    if not isinstance(task.camera, Mapping):
        raise InputError(f"{task.name}: camera is {task.camera!r}, expected a dictionary with {PARTS}")
    wanted = dict(task.camera)
    cameras = [model.camera(number).name for number in range(model.ncam)]
    name = wanted.pop("name", "track" if "track" in cameras and not wanted else None)
    if name is not None:
        if name not in cameras:
            raise InputError(f"{task.name}: its model has no camera '{name}'.{did_you_mean(str(name), cameras)}")
        return cameras.index(name)
    view = mujoco.MjvCamera()
    bodies = [model.body(number).name for number in range(model.nbody)]
    body = wanted.pop("body", None)
    if body is not None and body not in bodies:
        raise InputError(
            f"{task.name}: its model has no body '{body}' for the camera.{did_you_mean(str(body), bodies)}"
        )
    view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
    view.trackbodyid = bodies.index(body) if body is not None else _moved(model)
    own = {"distance": FAR * _size(model), "azimuth": AZIMUTH, "elevation": ELEVATION}
    for part, value in {**own, **wanted}.items():
        if part not in own:
            raise InputError(f"{task.name}: camera has '{part}': expected {PARTS}")
        if not isinstance(value, Real):
            raise InputError(f"{task.name}: camera has {part} {value!r}: expected a number")
        setattr(view, part, value)
    return view


def _moved(model: Any) -> int:
    """Return the body that an actuated joint's tree begins with, or the first that moves."""
    import mujoco

    for number in range(model.nu):
        joint = model.actuator_trnid[number, 0]
        if model.actuator_trntype[number] == mujoco.mjtTrn.mjTRN_JOINT and joint >= 0:
            return int(model.body_rootid[model.jnt_bodyid[joint]])
    return int(model.jnt_bodyid[0])


def _size(model: Any) -> float:
    """Return the longest side of the box around all that moves, m; floors and walls do not count."""
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    moving = (model.body_weldid[model.geom_bodyid] != 0) & (model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE)
    if not moving.any():
        return float(model.stat.extent)
    low, high = box_around(model, data, moving)
    return float((high - low).max())


def box_around(model: Any, data: Any, geoms: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the corners (3,), (3,) of the box around geoms: those that are true in `geoms`, one or more."""
    turns = data.geom_xmat[geoms].reshape(-1, 3, 3)
    middles = data.geom_xpos[geoms] + np.einsum("gij,gj->gi", turns, model.geom_aabb[geoms, :3])
    halves = np.einsum("gij,gj->gi", np.abs(turns), model.geom_aabb[geoms, 3:])
    return (middles - halves).min(axis=0), (middles + halves).max(axis=0)
