"""Batched toy environments with known answers: `compactrl/PointMass-v0`, and a family, `compactrl/HiddenPointMass-v0`.

Importing this module registers them, as `toy` does the others.

Example:
    >>> import gymnasium
    >>> env = gymnasium.make("compactrl/PointMass-v0")
    >>> observation, _ = env.reset(seed=0)
    >>> for _ in range(2):
    ...     observation, reward, _, _, info = env.step(-observation[:2] - observation[2:] / 2)
    >>> reward, info["success"]
    (-0.0, 1.0)
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from compactrl.envs.batched import Step, register_batched
from compactrl.policies.contexts import Contexts, Listed
from compactrl.types import Floats, Integers

STEPS = 20
"""Length of an episode, in environment steps."""
ROOM = 2.0
"""Its walls are this far from the middle."""
REACHED = 0.05
"""Within this distance of its goal the mass has reached it."""


class PointMass:
    """A mass in a square room is pushed to the middle, or to the goal that is its task (x, y).

    The room is -2 … 2 each way; its walls stop the mass. It begins at rest, uniformly in -1 … 1 each way. A step
    halves the velocity, adds the push to it, a box (2,) in -2 … 2, and adds the velocity to the position: mass and time
    step are 1. Observations are (4,): where the mass is, seen from the goal, and its velocity. Reward: minus the
    distance to the goal after the step.

    The push `-(offset + velocity / 2)` brings the mass to the middle in one step and to rest in the next, without being
    beyond 1: the best return is 0. Doing nothing gets -20 times the distance at the start.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": [],
        "measures": ("distance", "success"),
        "lower_is_better": ("distance",),
    }

    def __init__(self, num_lanes: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float64)
        self.action_space = gymnasium.spaces.Box(-2.0, 2.0, (2,), np.float64)
        self._position, self._velocity, self._goal = np.zeros((3, num_lanes, 2))

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> Floats:
        """Begin episodes; a task (2,) is where the goal lies."""
        if tasks is not None and tasks.shape != (len(lanes), 2):
            raise ValueError(f"the task of a point mass is its goal (x, y), and tasks have shape {tasks.shape}")
        self._position[lanes] = [np.random.default_rng(int(seed)).uniform(-1.0, 1.0, 2) for seed in seeds]
        self._velocity[lanes] = 0.0
        self._goal[lanes] = 0.0 if tasks is None else tasks
        return self._look(lanes)

    def step(self, lanes: Integers, actions: NDArray[Any]) -> Step:
        """Push."""
        velocity = self._velocity[lanes] / 2 + np.clip(actions, -2.0, 2.0)
        free = self._position[lanes] + velocity
        position = np.clip(free, -ROOM, ROOM)
        self._position[lanes], self._velocity[lanes] = position, np.where(position == free, velocity, 0.0)
        x, y = (position - self._goal[lanes]).T
        distance = np.sqrt(x * x + y * y)
        measures = {"distance": distance, "success": (distance <= REACHED).astype(np.float64)}
        return self._look(lanes), -distance, np.zeros(len(lanes), bool), measures

    def _look(self, lanes: Integers) -> Floats:
        return np.concatenate([self._position[lanes] - self._goal[lanes], self._velocity[lanes]], axis=1)


SIDES = Listed(((-1.0,), (1.0,)))


class HiddenPointMass(PointMass):
    """A family of two tasks that cannot be told from observations: where to push the mass, only rewards say.

    As `PointMass`, with the goal at (x, 0), x = -1 or 1: that is the task. Observations are (4,): where the mass is in
    the room, and its velocity. Who knows the task can have the return 0: one push reaches the goal, and the next stops
    the mass there. Who does not, and does the same in both, has at best -20 on average: the distances from a point to
    both goals are 2 together, or more.
    """

    contexts: ClassVar[Contexts] = Contexts(("x",), (-1.0,), (1.0,), train=SIDES, test=SIDES)

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> Floats:
        """Begin episodes; a task (1,) is where the goal lies on the x axis, without one in the middle."""
        x = np.zeros((len(lanes), 1)) if tasks is None else tasks
        return super().reset(lanes, seeds, np.concatenate([x, np.zeros((len(lanes), 1))], axis=1))

    def _look(self, lanes: Integers) -> Floats:
        return np.concatenate([self._position[lanes], self._velocity[lanes]], axis=1)


register_batched("compactrl/PointMass-v0", PointMass, max_episode_steps=STEPS)
register_batched("compactrl/HiddenPointMass-v0", HiddenPointMass, max_episode_steps=STEPS)
