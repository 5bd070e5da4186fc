"""Robots of the papers that are not to be had elsewhere, or not at this speed, in models of compactrl's own.

Three are MuJoCo models from published descriptions, and returns in them are not the papers'; the quadrotor steps in
numpy. Importing this package registers them.
"""

from compactrl.envs.mujoco.task import register
from compactrl.envs.robots.arms import Striker, Thrower
from compactrl.envs.robots.minitaur import Minitaur
from compactrl.envs.robots.quadrotor import Quadrotor

__all__ = ["Minitaur", "Quadrotor", "Striker", "Thrower"]

register("Striker-v0", Striker)
register("Thrower-v0", Thrower)
register("Minitaur-v0", Minitaur)
