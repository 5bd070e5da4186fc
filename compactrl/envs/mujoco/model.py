"""A task's MuJoCo model: compiled, and refused with one line where lanes could not be made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from compactrl.errors import InputError
from compactrl.machine import drawing


def load_model(model: Any, folder: Path, task: str, change: Callable[[Any], None] | None = None) -> Any:
    """Compile a model.

    Args:
        model: a file of MJCF or URDF, or MJCF as text, which begins with `<`.
        folder: where a relative file is looked for, before the working directory.
        task: whose it is, for what is said.
        change: called with MuJoCo's `MjSpec` before it is compiled.

    Returns:
        MuJoCo's `MjModel`, which keeps a state that has diverged instead of starting anew by itself.

    Raises:
        InputError: it does not compile, or a lane's state would not be all that decides what happens.
    """
    try:
        import mujoco
    except Exception as error:  # it reads MUJOCO_GL as it is imported, and loads what that names
        raise InputError(f"{task}: MuJoCo cannot be imported: {_why_not_imported(error)}") from error

    if not isinstance(model, (str, Path)) or not str(model).strip():
        raise InputError(f"{task}: model is {model!r}, expected an MJCF file, such as model = 'robot.xml'")
    text = str(model).lstrip()
    try:
        made, given = ("string", text) if text.startswith("<") else ("file", str(model_path(text, folder, task)))
        if change is None:
            compiled = getattr(mujoco.MjModel, "from_xml_" + made.replace("file", "path"))(given)
        else:
            spec = getattr(mujoco.MjSpec, f"from_{made}")(given)
            change(spec)
            compiled = spec.compile()
    except ValueError as error:
        where = "its model" if text.startswith("<") else text
        raise InputError(f"{task}: MuJoCo cannot compile {where}: {' '.join(str(error).split())}") from error
    _refuse(compiled, task)
    compiled.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    if compiled.ntree == 1:
        # One tree is at most one island, and looking for it takes a tenth of a step: the same bits without.
        compiled.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND
    return compiled


def _why_not_imported(error: Exception) -> str:
    """Say what fails as MuJoCo is imported: what it draws with, where that is loaded, or else the package."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if not drawing.is_of_drawing(error):
        return f"{what}. Install the package mujoco again, in the version that compactrl asks for"
    hindered = drawing.hindrance()
    return f"{what}. {hindered}" if hindered else drawing.failure(what)


def model_path(name: str, folder: Path, task: str) -> Path:
    """Return where a model's file is.

    Raises:
        InputError: it is in neither place.
    """
    for place in (folder / name, Path(name)):
        if place.is_file():
            return place.absolute()
    raise InputError(f"{task}: there is no model {name} in {folder} or in the working directory")


def _refuse(model: Any, task: str) -> None:
    """Raise InputError for a model that no policy can act in, or whose lanes would not be restored whole."""
    if model.nu == 0:
        raise InputError(
            f"{task}: its model has no actuators, so a policy could do nothing: add some, such as "
            '<actuator><motor joint="…" ctrlrange="-1 1"/></actuator>'
        )
    if model.nmocap:
        bodies = [model.body(body).name for body in range(model.nbody) if model.body_mocapid[body] >= 0]
        raise InputError(
            f"{task}: its model moves {', '.join(map(repr, bodies))} as mocap bodies, whose places are no part of the "
            "state that a lane is restored from: give them joints, or search it as an environment of Gymnasium's"
        )
    if model.nplugin:
        raise InputError(
            f"{task}: its model uses plugins, whose own data are no part of the state that a lane is restored from: "
            "search it as an environment of Gymnasium's"
        )
    if model.nv == 0:
        raise InputError(f"{task}: nothing moves in its model: give a body a joint")
