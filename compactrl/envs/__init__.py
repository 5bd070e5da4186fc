"""Environments: what compactrl must know of one before it can search, and toy ones with known answers."""

from compactrl.envs.batched import BatchedEnvironment, register_batched
from compactrl.envs.family import register_tasks
from compactrl.envs.mujoco.task import MujocoState, MujocoTask, register
from compactrl.policies.contexts import Contexts, Listed, Uniform

__all__ = [
    "BatchedEnvironment", "Contexts", "Listed", "MujocoState", "MujocoTask", "Uniform", "register", "register_batched",
    "register_tasks",
]  # fmt: skip
