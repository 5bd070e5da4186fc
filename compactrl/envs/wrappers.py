"""A goal environment with a flat observation: [observation | desired goal], the achieved goal kept beside it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from compactrl.types import Floats


class GoalObservation(gymnasium.ObservationWrapper):  # type: ignore[misc]
    """Flattens a goal environment's observation; `achieved` is the goal that the last step achieved, (G,)."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.goal_space = env.observation_space["desired_goal"]
        self.goal_size = int(np.prod(self.goal_space.shape))
        size = int(np.prod(env.observation_space["observation"].shape)) + self.goal_size
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.achieved: Floats = np.zeros(self.goal_size)

    def observation(self, observation: Any) -> Floats:
        """Return [observation | desired goal]."""
        self.achieved = np.asarray(observation["achieved_goal"], np.float64).ravel()
        return np.concatenate([np.ravel(observation["observation"]), np.ravel(observation["desired_goal"])])
