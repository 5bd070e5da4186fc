"""The usual tasks of Gymnasium's, as MuJoCo tasks: their models, options, observations, rewards and terminations.

Starts are drawn from the same distributions as Gymnasium's, from other generators.
"""

from __future__ import annotations

from importlib import import_module

from compactrl.envs.mujoco.task import MujocoTask

USUAL = {
    "HalfCheetah-v5": "planar:HalfCheetah",
    "Hopper-v5": "planar:Hopper",
    "Walker2d-v5": "planar:Walker2d",
    "Swimmer-v5": "planar:Swimmer",
    "InvertedPendulum-v5": "pendulums:InvertedPendulum",
    "InvertedDoublePendulum-v5": "pendulums:InvertedDoublePendulum",
    "Reacher-v5": "arms:Reacher",
    "Pusher-v5": "arms:Pusher",
    "Ant-v5": "legged:Ant",
    "Humanoid-v5": "legged:Humanoid",
}
"""Id → where its class is, in this package: these are not registered, since their ids are Gymnasium's own."""

SOONER = frozenset({"HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Swimmer-v5", "Pusher-v5", "Ant-v5", "Humanoid-v5"})
"""Those that the engine `mujoco` steps sooner than EnvPool does: all lanes in one call of C++, or steps that take long
beside what Python and numpy do for each lane. `python -m experiments.bench throughput` measures it."""


def load_usual(env: str) -> type[MujocoTask]:
    """Return the class of one of these tasks."""
    module, _, name = USUAL[env].partition(":")
    task: type[MujocoTask] = getattr(import_module(f"{__name__}.{module}"), name)
    return task
