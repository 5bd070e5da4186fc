"""Poles on a cart: InvertedPendulum, InvertedDoublePendulum."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.tasks.base import UsualTask
from compactrl.types import Floats

FASTEST = 10.0
"""Velocities and forces beyond it are not seen."""


class InvertedPendulum(UsualTask):
    """`InvertedPendulum-v5`."""

    xml_file, frame_skip = "inverted_pendulum.xml", 2
    defaults: ClassVar[dict[str, Any]] = {"reset_noise_scale": 0.01}

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return positions and velocities."""
        return np.concatenate([state.qpos, state.qvel], axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Return 1 while the pole stands."""
        return (~self.terminated(after)).astype(np.float64)

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return where the pole leans by more than 0.2 rad."""
        return np.asarray(np.abs(state.qpos[:, 1]) > 0.2)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.uniform(generator, model.nv)


class InvertedDoublePendulum(UsualTask):
    """`InvertedDoublePendulum-v5`: sees the force that holds the cart on its rail, which is not part of a state."""

    xml_file, frame_skip = "inverted_double_pendulum.xml", 5
    fields = ("site_xpos", "qfrc_constraint")
    defaults: ClassVar[dict[str, Any]] = {"healthy_reward": 10.0, "reset_noise_scale": 0.1}

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the place of the cart, sines and cosines of the angles, velocities, and the force on the cart."""
        angles = state.qpos[:, 1:]
        force = state.qfrc_constraint[:, :1]
        seen = [np.clip(values, -FASTEST, FASTEST) for values in (state.qvel, force)]
        return np.concatenate([state.qpos[:, :1], np.sin(angles), np.cos(angles), *seen], axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Return the reward for standing, less the tip's way from the top and the speed of the joints."""
        x, height = after.site_xpos[:, 0, 0], after.site_xpos[:, 0, 2]
        first, second = after.qvel[:, 1], after.qvel[:, 2]
        place, speed = 0.01 * x**2 + (height - 2) ** 2, 1e-3 * first**2 + 5e-3 * second**2
        return np.asarray(self.healthy_reward * ~self.terminated(after) - place - speed)

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return where the tip is below 1 m."""
        return np.asarray(state.site_xpos[:, 0, 2] <= 1)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.normal(generator, model.nv)
