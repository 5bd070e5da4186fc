"""An environment's camera: where it looks, and how much time a step takes.

Gymnasium's MuJoCo environments have a camera that stands still, and a robot that runs is gone from its picture after
two seconds. Here it goes along with a robot whose root moves, at one height, from the side that shows the gait.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.mujoco.view import box_around
from compactrl.types import Floats

CAMERA_OPTIONS = frozenset({"camera_id", "camera_name", "default_camera_config"})
"""Of Gymnasium's MuJoCo environments: who gives one wants that camera, and keeps it."""
SIDE, TABLE, ABOVE = -20.0, -35.0, -60.0
"""Elevation of the camera in degrees: for what goes about upright, for what stays, and for what is flat."""
FLAT = 0.2
"""Height over width below which a robot that stays is seen from above."""
ROOM, ROOM_TO_MOVE = 1.6, 2.2
"""Distance of the camera over that from which a robot just fits in: of one that stays, and of one that runs."""
FLOOR_GREY = 0.35
"""Of what is beyond the floor's horizon."""


def mujoco_model(env: Any) -> Any:
    """Return the model of an environment that MuJoCo simulates, or None."""
    mujoco = sys.modules.get("mujoco")  # who has a model has imported it
    model = getattr(env.unwrapped, "model", None)
    return model if mujoco is not None and isinstance(model, mujoco.MjModel) else None


def step_seconds(env: Any) -> float | None:
    """Return how much time one step of an environment takes, in seconds; None where it does not say.

    MuJoCo's environments know it, some of classic control do, and differ there from the rate that they ask to be shown
    at. Of others that rate is what they say of time.
    """
    own = env.unwrapped
    known = [getattr(own, name, None) for name in ("dt", "tau")]
    rate = env.metadata.get("render_fps")
    shown = 1 / rate if isinstance(rate, (int, float)) and rate > 0 else None
    if mujoco_model(env) is None:
        if type(own).__module__.startswith("gymnasium.envs.classic_control."):
            shown = None
        else:
            known = [shown, *known]
    seconds = next((value for value in (*known, shown) if isinstance(value, (int, float)) and value > 0), None)
    return None if seconds is None else float(seconds)


class Root(NamedTuple):
    """The body that carries a robot about."""

    body: int
    """Its number in the model."""
    upright: bool
    """Whether it moves up and down too; else it moves on the ground, as a swimmer does."""


def moving_root(model: Any) -> Root | None:
    """Return the root of a robot that goes where it likes, or None: arms, and carts on a short rail, stay."""
    import mujoco

    if not model.njnt:
        return None
    body = int(model.jnt_bodyid[0])
    joints = [joint for joint in range(model.njnt) if model.jnt_bodyid[joint] == body]
    if any(model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE for joint in joints):
        return Root(body, True)
    slides = [
        joint for joint in joints
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE and not model.jnt_limited[joint]
    ]  # fmt: skip
    return Root(body, bool(np.abs(model.jnt_axis[slides, 2]).max() > 0.5)) if len(slides) > 1 else None


def aim(env: Any, options: dict[str, Any]) -> Callable[[], None]:
    """Point the camera of a MuJoCo environment that has just been reset; returns what moves it before each picture.

    Args:
        env: the environment; any other than Gymnasium's MuJoCo ones, and those who aim their camera, are left alone.
        options: it was made with.
    """
    renderer, model = getattr(env.unwrapped, "mujoco_renderer", None), mujoco_model(env)
    if renderer is None or model is None or CAMERA_OPTIONS & options.keys():
        return _stay
    own = dict(renderer.default_cam_config or {})
    _simplify(model)
    if "lookat" in own and "trackbodyid" not in own:
        return _stay
    data, root = env.unwrapped.data, moving_root(model)
    low, high = _box(model, data, root)
    center, size = (low + high) / 2, high - low
    flat = not root.upright if root else size[2] < FLAT * size[:2].max()
    fitting = size.max() / 2 / np.tan(np.radians(model.vis.global_.fovy) / 2)
    renderer.default_cam_config = {
        "distance": fitting * (ROOM_TO_MOVE if root else ROOM),
        "azimuth": 90.0,
        "elevation": ABOVE if flat else SIDE if root else TABLE,
        "lookat": center,
    }
    if root is None:
        return _stay
    _let_floors_go_on(model)

    def follow() -> None:
        if renderer.viewer is not None:  # it is made with the first picture
            renderer.viewer.cam.lookat[:2] = data.subtree_com[root.body][:2]

    return follow


def _box(model: Any, data: Any, root: Root | None) -> tuple[Floats, Floats]:
    """Return the corners of the box (3,), (3,) around a robot, or around all but floors where it has no moving root."""
    import mujoco

    shown = model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE
    if root is not None:
        shown &= model.body_rootid[model.geom_bodyid] == model.body_rootid[root.body]
    if not shown.any():
        return np.full(3, -1.0), np.full(3, 1.0)
    return box_around(model, data, shown)


def _stay() -> None:
    """Leave a camera where it is."""


def _simplify(model: Any) -> None:
    """Leave shadows, mirrors and most smoothing out: without a GPU they take far longer than all else together."""
    model.vis.quality.shadowsize, model.vis.quality.offsamples = 0, 2
    model.mat_reflectance[:] = 0


def _let_floors_go_on(model: Any) -> None:
    """Draw floors to the horizon, with the pattern they have: a robot runs beyond their edges, which simulation lacks.

    A size of 0 says so to MuJoCo; a pattern is then given by repetitions a metre.
    """
    import mujoco

    for floor in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        sides, material = model.geom_size[floor, :2].copy(), model.geom_matid[floor]
        if sides.min() <= 0:
            continue
        if material >= 0 and not model.mat_texuniform[material]:
            model.mat_texrepeat[material] /= 2 * sides
            model.mat_texuniform[material] = True
        model.geom_size[floor, :2] = 0
    model.vis.rgba.haze[:3] = FLOOR_GREY
