"""Families of robots that are to run along x: forward or backward, or at a velocity.

Rewards and lengths of episodes are those of HypeRL (Sarafian et al. 2021, section 5 and its code's tasks, which are
MAML's and PEARL's), in Gymnasium's v5 models. Departures:

1. Ant-FwdBack is truly forward and backward. The published one goes 57.3 degrees to either side of forward: its
   direction is (cos g, sin g) with g = 1 and -1 in radians, where 0 and pi were meant.
2. HalfCheetah does not see its x, nor Ant its x and y and the forces on its bodies: 17 and 27 numbers.
3. Velocities are differences of the root's position in `qpos`, over the time of a step; Gymnasium's Ant takes that of
   its torso as MuJoCo's last step began. Contacts cost what Gymnasium's Ant pays for them.
4. Walker2d-Vel is no task of theirs. A step is worth 3, the highest velocity, less the distance to the velocity that is
   wanted: less, and falling would end what standing pays for. Its episodes are as long as Walker2d's.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.tasks.base import UsualTask, squares
from compactrl.envs.tasks.legged import Ant
from compactrl.envs.tasks.planar import HalfCheetah, Walker2d
from compactrl.policies.contexts import Contexts, Listed, Uniform
from compactrl.types import Floats

STEPS = 200
"""Length of an episode of HalfCheetah and Ant, 10 s."""
FASTEST = 3.0
"""m/s, the highest velocity that is wanted."""

BOTH_WAYS = Listed(((1.0,), (-1.0,)))
DIRECTION = Contexts(("direction",), (-1.0,), (1.0,), train=BOTH_WAYS, test=BOTH_WAYS)
"""1 is forward, -1 is backward."""
VELOCITIES = Uniform((0.0,), (FASTEST,))
VELOCITY = Contexts(("velocity",), (0.0,), (FASTEST,), train=VELOCITIES, test=VELOCITIES)
"""m/s, along x."""
MEDIUM = Contexts(
    ("velocity",), (0.0,), (FASTEST,), train=Uniform((0.0,), (2.5,)), test=Uniform((2.5,), (FASTEST,))
)  # fmt: skip
"""Tests are beyond what was trained."""


class Running(UsualTask):
    """A robot whose task is one number about its velocity along x; a lane remembers it, and where it began.

    The measure `velocity` is the mean over the episode, m/s.
    """

    memory, episode_steps, measures = 2, STEPS, ("velocity",)

    def worth(self, velocity: Floats, wanted: Floats) -> Floats:
        """Return what velocities (n,) are worth in a step, in tasks (n,)."""
        raise NotImplementedError

    def run(self, before: MujocoState, after: MujocoState) -> Floats:
        """Return what the way of a step is worth, (n,)."""
        return self.worth((after.qpos[:, 0] - before.qpos[:, 0]) / self.dt, after.memory[:, 0])

    def start(self, generator: np.random.Generator, task: Any = None) -> tuple[NDArray[Any], ...]:
        """Begin as the robot does, with a task (1,)."""
        qpos, qvel = super().start(generator)
        return qpos, qvel, np.array([*task, qpos[0]])

    def measure(self, state: MujocoState) -> dict[str, NDArray[Any]]:
        """Return the mean velocity."""
        return {"velocity": (state.qpos[:, 0] - state.memory[:, 1]) / state.time}


class Directed(Running):
    """It is to run forward or backward, as fast as it can."""

    contexts = DIRECTION

    def worth(self, velocity: Floats, wanted: Floats) -> Floats:
        """See `Running`."""
        return velocity * wanted


class Paced(Running):
    """It is to run at a velocity."""

    contexts = VELOCITY

    def worth(self, velocity: Floats, wanted: Floats) -> Floats:
        """See `Running`."""
        return -np.abs(velocity - wanted)


class CheetahFamily(Running, HalfCheetah):
    """HalfCheetah; actions cost 0.05 of the sum of their squares."""

    defaults: ClassVar[dict[str, Any]] = {**HalfCheetah.defaults, "ctrl_cost_weight": 0.05}

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the way is worth, less what the actions cost."""
        worth = self.forward_reward_weight * self.run(before, after)
        return np.asarray(worth - self.ctrl_cost_weight * squares(action))


class HalfCheetahFwdBack(Directed, CheetahFamily):
    """±v - 0.05 |a|²."""


class HalfCheetahVel(Paced, CheetahFamily):
    """-|v - g| - 0.05 |a|², g in 0 … 3 m/s."""


class HalfCheetahVelMedium(HalfCheetahVel):
    """The same, trained for 0 … 2.5 m/s and tested for 2.5 … 3 m/s."""

    contexts = MEDIUM


class AntFamily(Running, Ant):
    """Ant, with its 27 numbers of joints; a step is worth 0.05 in itself, and an episode ends in a fall."""

    fields = ("cfrc_ext",)
    defaults: ClassVar[dict[str, Any]] = {
        **Ant.defaults,
        "ctrl_cost_weight": 0.005,
        "healthy_reward": 0.05,
        "include_cfrc_ext_in_observation": False,
    }

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the way and the step are worth, less the costs of actions and contacts."""
        worth = self.forward_reward_weight * self.run(before, after) + self.healthy_reward
        return np.asarray(worth - (self.ctrl_cost_weight * squares(action) + self.contact_cost(after)))


class AntFwdBack(Directed, AntFamily):
    """±v - 0.005 |a|² - contacts + 0.05."""


class AntVel(Paced, AntFamily):
    """1 - |v - g| - 0.005 |a|² - contacts + 0.05, g in 0 … 3 m/s."""

    def worth(self, velocity: Floats, wanted: Floats) -> Floats:
        """See `Running`."""
        return 1.0 + super().worth(velocity, wanted)


class Walker2dVel(Paced, Walker2d):
    """3 - |v - g| - 0.001 |a|² until it falls, g in 0 … 3 m/s."""

    episode_steps = 1000
    defaults: ClassVar[dict[str, Any]] = {**Walker2d.defaults, "healthy_reward": FASTEST}

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the way and standing are worth, less what the actions cost."""
        worth = self.forward_reward_weight * self.run(before, after) + self.healthy_reward * self.healthy(after)
        return np.asarray(worth - self.ctrl_cost_weight * squares(action))
