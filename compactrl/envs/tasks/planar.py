"""Robots in a plane that are to run or swim along x: HalfCheetah, Hopper, Walker2d, Swimmer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.tasks.base import UsualTask, once, squares, within
from compactrl.types import Floats

FASTEST = 10.0
"""Velocities beyond it are not seen, in Hopper and Walker2d."""


class Planar(UsualTask):
    """Reward for the distance along x, less a cost of the actions."""

    hidden = 1
    """How many positions are left out of observations."""

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return positions without x, and velocities."""
        hidden = self.hidden if self.exclude_current_positions_from_observation else 0
        return np.concatenate([state.qpos[:, hidden:], self.seen_velocities(state.qvel)], axis=1)

    def seen_velocities(self, velocities: Floats) -> Floats:
        """Return what of velocities (n, nv) is seen."""
        return velocities

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the way forward is worth, less what the actions cost."""
        velocity = (after.qpos[:, 0] - before.qpos[:, 0]) / self.dt
        return np.asarray(self.forward_reward_weight * velocity - self.ctrl_cost_weight * squares(action))

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.uniform(generator, model.nv)


class HalfCheetah(Planar):
    """`HalfCheetah-v5`."""

    xml_file, frame_skip = "half_cheetah.xml", 5
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1.0,
        "ctrl_cost_weight": 0.1,
        "reset_noise_scale": 0.1,
        "exclude_current_positions_from_observation": True,
    }

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise, of velocities normal."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.normal(generator, model.nv)


class Swimmer(Planar):
    """`Swimmer-v5`."""

    xml_file, frame_skip, hidden = "swimmer.xml", 4, 2
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1.0,
        "ctrl_cost_weight": 1e-4,
        "reset_noise_scale": 0.1,
        "exclude_current_positions_from_observation": True,
    }


class Falling(Planar):
    """One that can fall, and gets a reward for each step in which it has not."""

    @once
    def healthy(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which have not fallen."""
        height, angle = state.qpos[:, 1], state.qpos[:, 2]
        return within(height, self.healthy_z_range) & within(angle, self.healthy_angle_range)

    def seen_velocities(self, velocities: Floats) -> Floats:
        """Return them clipped."""
        return np.minimum(np.maximum(velocities, -FASTEST), FASTEST)  # sooner done than `np.clip`

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Add the reward for not having fallen."""
        velocity = (after.qpos[:, 0] - before.qpos[:, 0]) / self.dt
        healthy = self.healthy_reward * self.healthy(after)
        return np.asarray(self.forward_reward_weight * velocity + healthy - self.ctrl_cost_weight * squares(action))

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which have fallen."""
        return ~self.healthy(state) if self.terminate_when_unhealthy else super().terminated(state)


class Hopper(Falling):
    """`Hopper-v5`."""

    xml_file, frame_skip = "hopper.xml", 4
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1.0,
        "ctrl_cost_weight": 1e-3,
        "healthy_reward": 1.0,
        "terminate_when_unhealthy": True,
        "healthy_state_range": (-100.0, 100.0),
        "healthy_z_range": (0.7, float("inf")),
        "healthy_angle_range": (-0.2, 0.2),
        "reset_noise_scale": 5e-3,
        "exclude_current_positions_from_observation": True,
    }

    @once
    def healthy(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which have not fallen, and are nowhere near to diverging."""
        sound = within(state.qpos[:, 2:], self.healthy_state_range).all(axis=1)
        sound &= within(state.qvel, self.healthy_state_range).all(axis=1)
        return super().healthy(state) & sound


class Walker2d(Falling):
    """`Walker2d-v5`."""

    xml_file, frame_skip = "walker2d_v5.xml", 4
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1.0,
        "ctrl_cost_weight": 1e-3,
        "healthy_reward": 1.0,
        "terminate_when_unhealthy": True,
        "healthy_z_range": (0.8, 2.0),
        "healthy_angle_range": (-1.0, 1.0),
        "reset_noise_scale": 5e-3,
        "exclude_current_positions_from_observation": True,
    }
