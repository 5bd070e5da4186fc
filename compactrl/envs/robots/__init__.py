"""Robots of the papers' tables that are nowhere else to be had any more, in MuJoCo models of compactrl's own.

They are re-implementations from published descriptions, and returns in them are not the papers' returns. Importing this
package registers them.
"""

from compactrl.envs.mujoco.task import register
from compactrl.envs.robots.arms import Striker, Thrower
from compactrl.envs.robots.minitaur import Minitaur

__all__ = ["Minitaur", "Striker", "Thrower"]

register("Striker-v0", Striker)
register("Thrower-v0", Thrower)
register("Minitaur-v0", Minitaur)
