"""An environment of one's own, given as a class: `python examples/own_environment.py`.

A tank is to be kept at the level asked for; the valve answers late. Observations are a dictionary: the policy and its C
name each number.
"""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

import compactrl


class Tank(gymnasium.Env):
    """Water flows in through a valve and out through a hole; a step is a second."""

    def __init__(self, hole: float = 0.05):
        self.observation_space = Dict(level=Box(0, 2, (1,)), wanted=Box(0, 2, (1,)), flow=Box(0, 1, (1,)))
        self.action_space = Box(0.0, 1.0, (1,))
        self.hole, self.level, self.flow, self.wanted = hole, 0.0, 0.0, 1.0

    def reset(self, *, seed=None, options=None):
        """Begin with some water; all randomness is `np_random`'s."""
        super().reset(seed=seed, options=options)
        self.level, self.wanted = self.np_random.uniform(0.2, 1.8, 2)
        self.flow = 0.0
        return self.look(), {}

    def step(self, action):
        """Move the valve a third of the way to where it is to be."""
        self.flow += (float(action[0]) - self.flow) / 3
        self.level = float(np.clip(self.level + 0.1 * self.flow - self.hole * self.level, 0.0, 2.0))
        return self.look(), -abs(self.level - self.wanted), False, False, {}

    def look(self):
        """Return what sensors see."""
        seen = {"level": self.level, "wanted": self.wanted, "flow": self.flow}
        return {name: np.array([value], np.float32) for name, value in seen.items()}


if __name__ == "__main__":
    run = compactrl.search(
        Tank, max_episode_steps=100, method="chromatic", partitions=4, hidden=4, steps="300k", out="runs/tank"
    )
    print(run.policy.names)
    print(run.policy.predict({"level": [0.5], "wanted": [1.0], "flow": [0.0]}))
    print(run.summary["return_mean"], run.summary["baselines"])
