"""A Crazyflie: `compactrl/Quadrotor-v0`, one of HyperPPO's robots, as a batched environment. Importing registers it."""

from compactrl.envs.batched import register_batched
from compactrl.envs.robots.quadrotor.env import SECONDS, Quadrotor

__all__ = ["ENV", "STEPS", "Quadrotor"]

ENV = "compactrl/Quadrotor-v0"
STEPS = int(SECONDS * 100) + 1
"""Length of an episode, at the usual rate."""

register_batched(ENV, Quadrotor, max_episode_steps=STEPS)
