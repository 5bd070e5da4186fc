"""Environments: what compactrl must know of one before it can search, and toy ones with known answers."""

from compactrl.envs.batched import BatchedEnvironment, register_batched

__all__ = ["BatchedEnvironment", "register_batched"]
