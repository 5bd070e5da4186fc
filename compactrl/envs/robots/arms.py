"""An arm of seven joints and a ball: `Striker-v0`, `Thrower-v0`.

Observations are (23,): the arm's angles and their velocities, and where the hand, the ball and the goal are. Actions
are the torques of its joints, (7,) in -3 … 3 N m, Thrower's in -10 … 10. A policy with 41 hidden units has the 1230
edges of the chromatic paper's Table 2.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.types import Floats

JOINTS = 7
NEAR, FAR, COST = 0.5, 3.0, 0.1
"""Striker's weights of the way from hand to ball, of the way from ball to goal, and of torques."""
THROW_COST = 0.002
MOVED = 0.05
"""A ball that is faster (m/s) has been struck."""
HIT = 0.1
"""A ball within this distance of the goal (m) has hit it."""
FLOOR, BALL = -0.4, 0.03
"""The height of Thrower's floor, and its ball's radius (m)."""
HAND = np.array([0.705, 0.0, 0.005 + BALL])
"""Where Thrower's ball lies as an episode begins, the arm being stretched; the goal is to the left of it."""


class Arm(MujocoTask):
    """What both have in common; a lane remembers how near the goal the ball has been, or where it landed."""

    frame_skip, episode_steps = 5, 100
    measures = ("distance", "success")
    camera: ClassVar[dict[str, Any]] = {"body": "shoulder", "distance": 2.6, "azimuth": 150.0, "elevation": -30.0}

    def ball(self, state: MujocoState) -> Floats:
        """Return where the ball is, (n, 3)."""
        raise NotImplementedError

    def goal(self, state: MujocoState) -> Floats:
        """Return where the goal is, (n, 3)."""
        raise NotImplementedError

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the joints, and where hand, ball and goal are."""
        arm = [state.qpos[:, :JOINTS], state.qvel[:, :JOINTS], state.sensordata]
        return np.concatenate([*arm, self.ball(state), self.goal(state)], axis=1)

    def measure(self, state: MujocoState) -> dict[str, NDArray[Any]]:
        """Return the distance that decides, and whether it is a hit."""
        distance = self.distance(state)
        return {"distance": distance, "success": (distance <= HIT).astype(np.float64)}

    def distance(self, state: MujocoState) -> Floats:
        """Return the distance from ball to goal that decides, (n,)."""
        raise NotImplementedError


class Striker(Arm):
    """A ball lies on a table, and is to be struck so that it rolls to the goal.

    Reward: minus 3 times the smallest distance from ball to goal so far, half the distance from hand to ball until it
    is struck, and a tenth of the sum of squared torques. The memory is (smallest distance, whether it was struck).
    """

    model, memory = "striker.xml", 2

    def ball(self, state: MujocoState) -> Floats:
        """See `Arm`."""
        return _on_table(state.qpos[:, 7:9])

    def goal(self, state: MujocoState) -> Floats:
        """See `Arm`."""
        return _on_table(state.qpos[:, 9:11])

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stretch the arm; draw where the ball lies and where the goal is."""
        qpos, qvel = np.zeros(11), np.zeros(11)
        qvel[:JOINTS] = generator.uniform(-0.1, 0.1, JOINTS)
        qpos[7:9] = generator.uniform((0.55, 0.15), (0.65, 0.3))
        qpos[9:11] = generator.uniform((0.1, 0.8), (0.6, 1.2))
        return qpos, qvel, np.array([np.hypot(*(qpos[7:9] - qpos[9:11])), 0.0])

    def remember(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Keep the smallest distance, and whether the ball was struck."""
        nearest = np.minimum(before.memory[:, 0], _length(self.ball(after) - self.goal(after)))
        struck = np.maximum(before.memory[:, 1], _length(after.qvel[:, 7:9]) > MOVED)
        return np.stack([nearest, struck], axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """See the class."""
        near = _length(self.ball(after) - after.sensordata) * (1.0 - after.memory[:, 1])
        return np.asarray(-FAR * after.memory[:, 0] - NEAR * near - COST * np.square(action).sum(axis=1))

    def distance(self, state: MujocoState) -> Floats:
        """See `Arm`: the smallest so far."""
        return state.memory[:, 0].copy()


class Thrower(Arm):
    """A ball lies in the hand, and is to be thrown so that it lands at the goal.

    Reward: minus the distance from the ball (once it has landed, from where it did) to the goal, seen from above, and
    0.002 of the sum of squared torques. The memory is (whether it has landed, and x and y of where).
    """

    model, memory = "thrower.xml", 3

    def ball(self, state: MujocoState) -> Floats:
        """See `Arm`."""
        return np.asarray(state.qpos[:, 7:10])

    def goal(self, state: MujocoState) -> Floats:
        """See `Arm`."""
        return np.concatenate([state.qpos[:, 10:12], np.full((len(state.qpos), 1), FLOOR)], axis=1)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stretch the arm, the ball in its hand; draw where the goal is."""
        qpos, qvel = np.zeros(12), np.zeros(12)
        qvel[:JOINTS] = generator.uniform(-0.02, 0.02, JOINTS)
        qpos[7:10] = HAND
        qpos[10:12] = generator.uniform((0.4, 0.8), (0.8, 1.2))
        return qpos, qvel, np.zeros(3)

    def remember(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Keep where the ball has landed first."""
        landed = before.memory[:, 0] > 0
        lands = ~landed & (after.qpos[:, 9] <= FLOOR + BALL + 0.01)
        place = np.where(lands[:, None], after.qpos[:, 7:9], before.memory[:, 1:])
        return np.concatenate([(landed | lands)[:, None].astype(np.float64), place], axis=1)

    def distance(self, state: MujocoState) -> Floats:
        """See `Arm`: from where the ball has landed, or is."""
        place = np.where(state.memory[:, :1] > 0, state.memory[:, 1:], state.qpos[:, 7:9])
        return _length(place - state.qpos[:, 10:12])

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """See the class."""
        return np.asarray(-self.distance(after) - THROW_COST * np.square(action).sum(axis=1))


def _on_table(places: Floats) -> Floats:
    """Return places (n, 2) with their height, (n, 3)."""
    return np.concatenate([places, np.zeros((len(places), 1))], axis=1)


def _length(vectors: Floats) -> Floats:
    """Return the length of each row, (n, k) → (n,)."""
    return np.asarray(np.sqrt(np.square(vectors).sum(axis=1)))
