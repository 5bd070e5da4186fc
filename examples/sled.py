"""A robot of one's own from its model: a sled that is to go far without its mast falling over.

    compactrl search --env-module examples/sled.py --env Sled-v0 --method chromatic --partitions 3 --steps 300k
    compactrl play runs/NAME --video sled.mp4

The model is `sled.xml`. Rows of arrays are lanes: each function gets many sleds at once, and returns as many rows.
"""

import numpy as np

import compactrl.envs


class Sled(compactrl.envs.MujocoTask):
    """Thrust along the track; the mast leans freely."""

    model, frame_skip, episode_steps = "sled.xml", 4, 500

    def observe(self, state):
        """Where the mast leans, and all velocities."""
        return np.concatenate([state.sensordata, state.qvel], axis=1)

    def reward(self, before, after, action):
        """Way made, less a cost of thrust."""
        forward = (after.qpos[:, 0] - before.qpos[:, 0]) / self.dt
        return forward - 0.1 * np.square(action).sum(axis=1)

    def terminated(self, state):
        """The mast has fallen over."""
        return np.abs(state.qpos[:, 1]) > 1.0

    def start(self, generator):
        """Stand still, the mast nearly upright."""
        return self.init_qpos, generator.uniform(-0.05, 0.05, self.mj_model.nv)


compactrl.envs.register("Sled-v0", Sled)
