"""A bandit whose best arm is known, for learners of discrete actions."""

import gymnasium
import numpy as np


class Bandit(gymnasium.Env):
    """Episodes of one step: the third of four arms pays 1, the others less."""

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float64)
        self.action_space = gymnasium.spaces.Discrete(4, start=1)

    def reset(self, *, seed=None, options=None):  # noqa: ARG002
        super().reset(seed=seed)
        return np.ones(1), {}

    def step(self, action):
        return np.ones(1), {1: 0.2, 2: 0.6, 3: 1.0, 4: 0.8}[int(action)], True, False, {}
