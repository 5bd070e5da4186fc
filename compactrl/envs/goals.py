"""Goals: environments whose observation says what is wanted and what has been achieved.

These are the environments with Gymnasium-Robotics' dictionaries of `observation`, `achieved_goal`, `desired_goal`.
A policy observes [observation | desired goal]; the achieved goal is for hindsight and for saying what succeeded.
Reward must be a function of the two goals, as `compute_reward` of those environments is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYS = ("observation", "achieved_goal", "desired_goal")

Rewards = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""(achieved (B, G), desired (B, G)) → rewards (B,)."""


@dataclass(frozen=True)
class Goal:
    """What an environment's goals are."""

    size: int
    """G, the last numbers of an observation."""
    reward: Rewards
    success: Rewards
    """1 where the achieved goal is the desired one, 0 elsewhere."""
    lowest: float | None = None
    """The reward anywhere but at the goal, where that is one number, and 0 at it: it bounds what any policy can get."""


def has_goals(space: Any) -> bool:
    """Return whether a Gymnasium observation space is the dictionary of a goal environment."""
    from gymnasium.spaces import Dict

    return isinstance(space, Dict) and set(KEYS) <= set(space.spaces)


def distance_goal(size: int, threshold: float, dense: bool) -> Goal:
    """Return goals that are points, reached within a distance: Fetch's.

    Example:
        >>> goal = distance_goal(1, threshold=0.1, dense=False)
        >>> goal.reward(np.array([[0.0], [0.5]]), np.array([[0.05], [0.0]]))
        array([-0., -1.])
    """

    def distance(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.linalg.norm(achieved - desired, axis=-1))

    def reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        away = distance(achieved, desired)
        return -away if dense else -(away > threshold).astype(np.float64)

    def success(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return (distance(achieved, desired) <= threshold).astype(np.float64)

    return Goal(size, reward, success, None if dense else -1.0)


def goal_of(env: Any, size: int) -> Goal:
    """Return the goals of a Gymnasium environment with `compute_reward`; success has the reward of being there."""
    compute = env.unwrapped.compute_reward

    def reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(compute(achieved, desired, {}), np.float64)

    def success(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return (reward(achieved, desired) >= reward(desired, desired)).astype(np.float64)

    return Goal(size, reward, success)
