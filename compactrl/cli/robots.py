"""`compactrl new-robot`: a task of one's own, begun from a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_robot(
    model: Annotated[Path, typer.Argument(help="The robot, an MJCF file.", metavar="MODEL.xml")],
    out: Annotated[
        Path | None, typer.Option(help="The module to write; by default it has the model's name.", metavar="FILE.py")
    ] = None,
) -> None:
    """Write a task for a robot of your own: thirty lines of Python, ready to be searched and to be changed."""
    from compactrl.envs.modules import load_module
    from compactrl.envs.mujoco.template import write_task
    from compactrl.envs.registry import describe

    path, env = write_task(model, out)
    print(f"{path}: the task {env}; what it sees and what it is rewarded for is there to be changed")
    if path.parent != Path():
        print(f"next, in {path.parent}: compactrl search --env-module {path.stem} --env {env}")
        return
    load_module(path.stem)
    spec = describe(env)
    sizes = f"observations of {spec.observation_size}, actions of {spec.action.size}"
    print(f"{sizes}, episodes of {spec.max_episode_steps} steps")
    print(f"next: compactrl search --env-module {path.stem} --env {env}")
