"""The first lines of a task, written from its model: what there is to see and to move, and a reward to begin with."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.envs.mujoco.model import load_model
from compactrl.errors import InputError

STEP, EPISODE = 0.02, 10.0
"""Seconds of a step of the environment, about, and of an episode."""
NOISE = 0.05
"""Of a start: every velocity, and every position of a hinge or slide, lies within this of the pose that the model
gives. What is free keeps its place and its turn: it would begin in the floor, or with a quaternion that is none."""
MOST = 30
"""So many names of each kind are listed."""
ENDS = """
    # Without this, every episode has {steps} steps:
    # def terminated(self, state):
    #     return np.abs(state.qpos[:, {joint}]) > 1.0  # (n,) bool
"""
TINY = 1e-9
"""What an actuator does to a part that it does not act on, but for rounding."""
FALLEN = 0.5
"""What has a free joint has fallen below this part of its height at the start."""


def task_source(model: Path, folder: Path) -> tuple[str, str]:
    """Return the source of a module that registers a task, and the task's id.

    Args:
        model: an MJCF file.
        folder: where the module is to lie.

    Raises:
        InputError: the model cannot be a task.
    """
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W+|_", model.stem) if part)
    if not name or not name.isascii() or name[0].isdigit():
        name = f"Robot{name if name.isascii() else ''}"
    compiled = load_model(str(model.absolute()), folder, model.name)
    if model.absolute().is_relative_to(folder.absolute()):
        place = model.absolute().relative_to(folder.absolute()).as_posix()
    else:
        place = model.absolute().as_posix()
    frame_skip = max(1, round(STEP / compiled.opt.timestep))
    steps = max(1, round(EPISODE / (frame_skip * compiled.opt.timestep)))
    head = _described(compiled, model.name)
    body = (_moves(compiled) or _stays(compiled)).replace("{steps}", str(steps))
    text = f'''"""{head}

    compactrl search --env-module MODULE --env {name}-v0

Rows of arrays are lanes: each function gets many robots at once, and returns as many rows.
"""

import numpy as np

import compactrl.envs


class {name}(compactrl.envs.MujocoTask):
    model, frame_skip, episode_steps = "{place}", {frame_skip}, {steps}

{body}

compactrl.envs.register("{name}-v0", {name})
'''
    return text, f"{name}-v0"


def write_task(model: Path, out: Path | None) -> tuple[Path, str]:
    """Write a module that registers a task for a model; returns where it is, and the task's id.

    Args:
        model: an MJCF file.
        out: the module; by default it has the model's name and lies in the working directory.

    Raises:
        InputError: there is no such model, it cannot be a task, or the file is there already.
    """
    if not model.is_file():
        raise InputError(f"there is no model {model}: expected an MJCF file, such as robot.xml")
    stem = re.sub(r"\W", "_", model.stem)
    path = out or Path(f"{stem if stem.isidentifier() else f'robot_{stem}'}.py")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InputError(f"--out {path}: expected a name that Python can import, such as my_robot.py")
    if importlib.util.find_spec(path.stem) is not None and not path.exists():
        raise InputError(f"Python has a module {path.stem} already: give another name by --out, such as my_robot.py")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")
    text, env = task_source(model, path.parent)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("MODULE", path.stem))
    except FileExistsError as error:
        raise InputError(f"{path} is there already: give another name by --out") from error
    return path, env


def _described(model: Any, name: str) -> str:
    """Say what a model has, in a few lines."""
    lines = [f"A task for {name}: {_count(model.nu, 'action')}, qpos of {model.nq} and qvel of {model.nv} numbers.", ""]
    actions = [_named(_actuator(model, number), number) for number in range(model.nu)]
    lines += _listed("actions", actions)
    joints = [
        f"{_named(model.joint(number).name, number)} at qpos[{model.jnt_qposadr[number]}]"
        for number in range(model.njnt)
    ]
    lines += _listed("joints", joints)
    if model.nsensor:
        sensors = [
            f"{_named(model.sensor(number).name, number)} at sensordata[{model.sensor_adr[number]}]"
            for number in range(model.nsensor)
        ]
        lines += _listed("sensors", sensors)
    return "\n".join(lines).replace("\\", "").replace('"', "'")


def _listed(what: str, names: list[str]) -> list[str]:
    """Return lines of names."""
    more = [f"and {len(names) - MOST} more"] if len(names) > MOST else []
    return textwrap.wrap(
        f"{what}: {', '.join([*names[:MOST], *more])}", 100, initial_indent="    ", subsequent_indent="        "
    )


def _actuator(model: Any, number: int) -> str:
    """Return an actuator's name, or else that of the joint that it moves."""
    import mujoco

    name: str = model.actuator(number).name
    if not name and model.actuator_trntype[number] == mujoco.mjtTrn.mjTRN_JOINT:
        name = model.joint(model.actuator_trnid[number, 0]).name
    return name


def _named(name: str, number: int) -> str:
    return name or f"#{number}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _pose(model: Any) -> str:
    return "self.mj_model.key_qpos[0]" if model.nkey else "self.init_qpos"


def _start(model: Any) -> str:
    """Return a start: the model's pose with noise, but for what is free."""
    import mujoco

    kinds = mujoco.mjtJoint
    single = np.isin(model.jnt_type, (kinds.mjJNT_HINGE, kinds.mjJNT_SLIDE))
    if single.all():
        return f"""    def start(self, generator):
        noise = generator.uniform(-{NOISE}, {NOISE}, self.mj_model.nq + self.mj_model.nv)
        return {_pose(model)} + noise[: self.mj_model.nq], noise[self.mj_model.nq :]
"""
    moved = "".join(
        f"        qpos[{part}] += generator.uniform(-{NOISE}, {NOISE}, {length})\n"
        for part, length in _runs(model.jnt_qposadr[single], model.nq)
    )
    return f"""    def start(self, generator):
        qpos = {_pose(model)}.copy()  # what is free begins in its place, and not in the floor
{moved}        return qpos, generator.uniform(-{NOISE}, {NOISE}, self.mj_model.nv)
"""


def _runs(numbers: Any, size: int) -> Iterator[tuple[str, int]]:
    """Yield slices of an array of this size, as text, that have these numbers in their order, and how long each is.

    Example:
        >>> list(_runs([0, 1, 4], 5)), list(_runs(range(5), 5))
        ([(':2', 2), ('4:', 1)], [(':', 5)])
    """
    wanted = np.zeros(size + 2, np.int8)  # nothing before and nothing after
    wanted[np.asarray(numbers, int) + 1] = 1
    edges = np.diff(wanted)
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        yield f"{first or ''}:{end if end < size else ''}", int(end - first)


def _observe(model: Any, first: int = 0, axes: int = 0) -> str:
    """Return what is observed: positions, velocities and sensors, but for where along x, or x and y, a robot is.

    Args:
        model: of the robot.
        first: number in `qpos` of its place along x.
        axes: along how many axes its place is not observed.
    """
    positions = np.delete(np.arange(model.nq), np.arange(first, first + axes))
    left = np.setdiff1d(np.arange(model.nsensordata), _places(model, axes))
    parts = [*_columns("qpos", positions, model.nq), "state.qvel", *_columns("sensordata", left, model.nsensordata)]
    why = (
        f"        # Without its place along {'x and y' if axes == 2 else 'x'}: that is nothing to walk by.\n"
        if axes
        else ""
    )
    return f"""    def observe(self, state):
{why}        seen = [{", ".join(parts)}]
        return np.concatenate(seen, axis=1)
"""


def _columns(name: str, numbers: Any, size: int) -> list[str]:
    """Return columns with these numbers of an array of a state, of this size, as text."""
    runs = _runs(numbers, size)
    return [f"state.{name}" if length == size else f"state.{name}[:, {part}]" for part, length in runs]


def _places(model: Any, axes: int) -> list[int]:
    """Return which numbers of `sensordata` say where something is along the world's first axes, x, or x and y."""
    import mujoco

    kinds = mujoco.mjtSensor
    return [
        int(model.sensor_adr[number]) + axis
        for number in range(model.nsensor)
        if model.sensor_type[number] == kinds.mjSENS_SUBTREECOM
        or (model.sensor_type[number] == kinds.mjSENS_FRAMEPOS and model.sensor_reftype[number] == 0)
        for axis in range(axes)
    ]


def _moves(model: Any) -> str:
    """Return the functions of a robot that goes along x: reward for the way, until it falls; nothing of any other."""
    import mujoco

    number = _carrier(model)
    if number is None:
        return ""
    free = model.jnt_type[number] == mujoco.mjtJoint.mjJNT_FREE
    first, joint = int(model.jnt_qposadr[number]), _named(model.joint(number).name, number)
    worth, fallen, until = "forward", ENDS.replace("{joint}", f"{first + 1}"), ""
    if free:
        height = FALLEN * float((model.key_qpos[0] if model.nkey else model.qpos0)[first + 2])
        worth, until = "1.0 + forward", f", and counts as fallen below {height:.3g} m"
        fallen = f"""
    def terminated(self, state):
        return state.qpos[:, {first + 2}] < {height:.3g}  # m: it has fallen
"""
    assumed = (
        f"Assumed: a robot that goes along x{until}, since the joint {joint} {'is free' if free else 'slides along x'} "
        f"and carries what is actuated. For another aim, write here what that is worth"
        f"{', and in terminated when it has failed, or leave that out' if free else ''}."
    )
    return f"""{_observe(model, first, 2 if free else 1)}
    def reward(self, before, after, action):
{_comment(assumed)}
        forward = (after.qpos[:, {first}] - before.qpos[:, {first}]) / self.dt  # m/s along x
        return {worth} - 0.01 * np.square(action).sum(axis=1)
{fallen}
{_start(model)}"""


def _carrier(model: Any) -> int | None:
    """Return the joint by which what is actuated goes along x: free, or a slide that no actuator moves; else None."""
    import mujoco

    pushed, kinds = _pushed(model), mujoco.mjtJoint
    trees = set(model.dof_treeid[pushed].tolist())
    for number in range(model.njnt):
        dof, kind = int(model.jnt_dofadr[number]), model.jnt_type[number]
        slides = kind == kinds.mjJNT_SLIDE and abs(model.jnt_axis[number][0]) == 1 and dof not in pushed
        outermost = model.body_parentid[model.jnt_bodyid[number]] == 0
        if outermost and (slides or kind == kinds.mjJNT_FREE) and int(model.dof_treeid[dof]) in trees:
            return number
    return None


def _pushed(model: Any) -> list[int]:
    """Return the numbers in `qvel` that actuators act on, by whatever transmission, in the pose that it begins in."""
    import mujoco

    data = mujoco.MjData(model)
    if model.nkey:
        mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    return sorted(set(data.moment_colind[np.abs(data.actuator_moment) > TINY].tolist()))


def _stays(model: Any) -> str:
    """Return the functions of a robot that stays where it is: reward for being in the model's own pose, at rest."""
    assumed = (
        "Assumed: to keep its pose, at rest, since what is actuated has no free joint, and no slide along x that is "
        "not actuated. For another aim, such as to go somewhere or to push something, write here what that is worth."
    )
    return f"""{_observe(model)}
    def reward(self, before, after, action):
{_comment(assumed)}
        away = np.square(after.qpos - {_pose(model)}).sum(axis=1)
        return -away - 0.01 * np.square(after.qvel).sum(axis=1) - 0.01 * np.square(action).sum(axis=1)
{ENDS.replace("{joint}", "0")}
{_start(model)}"""


def _comment(text: str) -> str:
    """Return a comment within a function."""
    return textwrap.fill(text, 115, initial_indent="        # ", subsequent_indent="        # ")
