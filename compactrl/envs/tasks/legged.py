"""Robots with legs in space: Ant, Humanoid.

They see what MuJoCo computes in a step and keeps in no state (forces of contacts, inertias), and are rewarded by the
places of bodies as that step saw them: these are `fields`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.tasks.base import UsualTask, squares, within
from compactrl.types import Floats


class Legged(UsualTask):
    """Reward for the way along x and for standing, less costs of actions and of contacts."""

    def forward(self, before: MujocoState, after: MujocoState) -> Floats:
        """Return the speed along x, (n,) m/s."""
        raise NotImplementedError

    def healthy(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which stand, (n,)."""
        raise NotImplementedError

    def contact_cost(self, state: MujocoState) -> Floats:
        """Return what contacts cost, (n,)."""
        raise NotImplementedError

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the way forward and standing are worth, less the costs."""
        worth = self.forward_reward_weight * self.forward(before, after) + self.healthy_reward * self.healthy(after)
        return np.asarray(worth - (self.ctrl_cost_weight * squares(action) + self.contact_cost(after)))

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which have fallen."""
        return ~self.healthy(state) if self.terminate_when_unhealthy else super().terminated(state)

    def joints(self, state: MujocoState) -> list[Floats]:
        """Return positions without x and y, and velocities."""
        hidden = 2 if self.exclude_current_positions_from_observation else 0
        return [state.qpos[:, hidden:], state.qvel]


class Ant(Legged):
    """`Ant-v5`."""

    xml_file, frame_skip = "ant.xml", 5
    fields: tuple[str, ...] = ("xpos", "cfrc_ext")
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1,
        "ctrl_cost_weight": 0.5,
        "contact_cost_weight": 5e-4,
        "healthy_reward": 1.0,
        "main_body": 1,
        "terminate_when_unhealthy": True,
        "healthy_z_range": (0.2, 1.0),
        "contact_force_range": (-1.0, 1.0),
        "reset_noise_scale": 0.1,
        "exclude_current_positions_from_observation": True,
        "include_cfrc_ext_in_observation": True,
    }

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the joints, and the forces on each body."""
        parts = self.joints(state)
        if self.include_cfrc_ext_in_observation:
            parts.append(self._forces(state)[:, 1:].reshape(len(state.qpos), -1))
        return np.concatenate(parts, axis=1)

    def _forces(self, state: MujocoState) -> Floats:
        return np.asarray(np.clip(state.cfrc_ext, *self.contact_force_range))

    def forward(self, before: MujocoState, after: MujocoState) -> Floats:
        """See `Legged`."""
        body = self.mj_model.body(self.main_body).id
        return np.asarray((after.xpos[:, body, 0] - before.xpos[:, body, 0]) / self.dt)

    def healthy(self, state: MujocoState) -> NDArray[np.bool_]:
        """See `Legged`."""
        low, high = self.healthy_z_range
        height = state.qpos[:, 2]
        finite = np.isfinite(state.qpos).all(axis=1) & np.isfinite(state.qvel).all(axis=1)
        return np.asarray(finite & (low <= height) & (height <= high))

    def contact_cost(self, state: MujocoState) -> Floats:
        """See `Legged`."""
        return np.asarray(self.contact_cost_weight * squares(self._forces(state)))

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.normal(generator, model.nv)


class Humanoid(Legged):
    """`Humanoid-v5`."""

    xml_file, frame_skip = "humanoid.xml", 5
    fields = ("xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext")
    defaults: ClassVar[dict[str, Any]] = {
        "forward_reward_weight": 1.25,
        "ctrl_cost_weight": 0.1,
        "contact_cost_weight": 5e-7,
        "contact_cost_range": (-np.inf, 10.0),
        "healthy_reward": 5.0,
        "terminate_when_unhealthy": True,
        "healthy_z_range": (1.0, 2.0),
        "reset_noise_scale": 1e-2,
        "exclude_current_positions_from_observation": True,
        "include_cinert_in_observation": True,
        "include_cvel_in_observation": True,
        "include_qfrc_actuator_in_observation": True,
        "include_cfrc_ext_in_observation": True,
    }

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the joints, inertias and velocities of bodies, forces of actuators, and forces on bodies."""
        count = len(state.qpos)
        parts = self.joints(state)
        if self.include_cinert_in_observation:
            parts.append(state.cinert[:, 1:].reshape(count, -1))
        if self.include_cvel_in_observation:
            parts.append(state.cvel[:, 1:].reshape(count, -1))
        if self.include_qfrc_actuator_in_observation:
            parts.append(state.qfrc_actuator[:, 6:])
        if self.include_cfrc_ext_in_observation:
            parts.append(state.cfrc_ext[:, 1:].reshape(count, -1))
        return np.concatenate(parts, axis=1)

    def _center(self, state: MujocoState) -> Floats:
        mass = self.mj_model.body_mass
        return np.asarray(np.sum(np.ascontiguousarray(state.xipos[:, :, 0]) * mass, axis=1) / np.sum(mass))

    def forward(self, before: MujocoState, after: MujocoState) -> Floats:
        """See `Legged`: of the centre of mass."""
        return np.asarray((self._center(after) - self._center(before)) / self.dt)

    def healthy(self, state: MujocoState) -> NDArray[np.bool_]:
        """See `Legged`."""
        return within(state.qpos[:, 2], self.healthy_z_range)

    def contact_cost(self, state: MujocoState) -> Floats:
        """See `Legged`."""
        return np.asarray(np.clip(self.contact_cost_weight * squares(state.cfrc_ext), *self.contact_cost_range))

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, with noise."""
        model = self.mj_model
        return self.init_qpos + self.uniform(generator, model.nq), self.init_qvel + self.uniform(generator, model.nv)
