"""Environments: what compactrl must know of one before it can search, and toy ones with known answers."""

from compactrl.envs.batched import BatchedEnvironment, register_batched
from compactrl.envs.mujoco.task import MujocoState, MujocoTask, register

__all__ = ["BatchedEnvironment", "MujocoState", "MujocoTask", "register", "register_batched"]
