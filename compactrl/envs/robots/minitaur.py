"""`Minitaur-v0`: a quadruped whose policy modulates a trajectory generator (Iscen et al. 2018).

The generator is a trot: each leg swings and lifts with one phase, diagonal legs together. A policy sees that phase,
sets the generator's frequency, amplitudes and heights, and adds a correction to each of the eight joints. The sizes of
the chromatic paper's tables are 7 observations and 13 actions; how these are made up is not published, and our choice:

- observations (7,): roll and pitch (rad), their velocities (rad/s), sine and cosine of the phase, the wanted speed
  (m/s);
- actions (13,) in -1 … 1: frequency; amplitudes of swinging, front and back legs; heights, front and back; eight
  corrections, swing and extension of each leg in the order of the actuators.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.types import Floats

ACTIONS = 13
FASTEST, RAMP, EPISODE = 0.8, 2.0, 10.0
"""The wanted speed rises to so many m/s in so many seconds, and falls again to the episode's end."""
FREQUENCY = (1.75, 1.25)
"""Hz, the middle and half the range; so are the others."""
SWING = (0.25, 0.25)
"""Amplitude, rad."""
HEIGHT = (0.0, 0.03)
"""Extension of a leg that stands, m."""
LIFT = 0.03
"""By how much a leg that swings forward is shortened, m."""
CORRECTION = np.array([0.25, 0.02])
"""The largest of a leg's swing (rad) and of its extension (m)."""
OFFSETS = np.array([0.0, np.pi, np.pi, 0.0])
"""Of the legs' phases: front left, front right, back left, back right."""
BACK = np.array([0, 0, 1, 1])
"""Which pair of legs each is of."""
LOWEST, STEEPEST = 0.1, 0.7
"""It has fallen where its torso is lower (m), or its back's upward part is less."""


class Minitaur(MujocoTask):
    """Walk at the speed that is wanted; the memory is (phase in rad,).

    Reward: `FASTEST · exp(-(speed - wanted)² / (2 · 0.2²))` a step, until it falls.
    """

    model, frame_skip, memory = "minitaur.xml", 10, 1
    episode_steps = round(EPISODE / 0.02)
    measures = ("distance",)
    camera: ClassVar[dict[str, Any]] = {"body": "torso", "distance": 1.4, "azimuth": 120.0, "elevation": -20.0}

    @property
    def action_bounds(self) -> tuple[Floats, Floats]:
        """See `MujocoTask`: what modulates the generator, not the joints' targets."""
        return -np.ones(ACTIONS), np.ones(ACTIONS)

    def control(self, state: MujocoState, action: Floats) -> NDArray[Any]:
        """Return what the generator says at this phase, with the corrections."""
        parts = np.ascontiguousarray(np.clip(action, -1.0, 1.0).T)  # (13, n)
        phases = state.memory[:, 0] + OFFSETS[:, None]  # (4, n)
        amplitude = SWING[0] + SWING[1] * parts[1:3][BACK]
        height = HEIGHT[0] + HEIGHT[1] * parts[3:5][BACK]
        # A leg goes forward while the cosine rises, from pi to 2 pi, and is then lifted.
        swing = amplitude * np.cos(phases)
        extension = height - LIFT * np.maximum(-np.sin(phases), 0.0)
        targets = np.stack([swing, extension], axis=1)  # (4, 2, n)
        targets += CORRECTION[:, None] * parts[5:].reshape(4, 2, -1)
        return targets.reshape(8, -1).T

    def remember(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Go on with the phase."""
        frequency = FREQUENCY[0] + FREQUENCY[1] * np.clip(action[:, :1], -1.0, 1.0)
        return np.asarray(np.mod(before.memory + 2 * np.pi * frequency * self.dt, 2 * np.pi))

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """See the module."""
        w, x, y, z = np.ascontiguousarray(state.qpos[:, 3:7].T)
        roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
        pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
        phase = state.memory[:, 0]
        rates = [state.qvel[:, 3], state.qvel[:, 4]]
        return np.stack([roll, pitch, *rates, np.sin(phase), np.cos(phase), self.wanted(state)], axis=1)

    def wanted(self, state: MujocoState) -> Floats:
        """Return the speed that is wanted, (n,) m/s."""
        return np.asarray(FASTEST * np.clip(np.minimum(state.time, EPISODE - state.time) / RAMP, 0.0, 1.0))

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """See the class."""
        speed = (after.qpos[:, 0] - before.qpos[:, 0]) / self.dt
        return np.asarray(FASTEST * np.exp(-np.square(speed - self.wanted(after)) / (2 * 0.2**2)))

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return which have fallen."""
        upward = 1 - 2 * (np.square(state.qpos[:, 4]) + np.square(state.qpos[:, 5]))
        return (state.qpos[:, 2] < LOWEST) | (upward < STEEPEST)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Stand, at any phase."""
        qpos = self.init_qpos.copy()
        qpos[7:] += generator.uniform(-0.005, 0.005, 8)
        return qpos, np.zeros(14), generator.uniform(0, 2 * np.pi, 1)

    def measure(self, state: MujocoState) -> dict[str, NDArray[Any]]:
        """Return how far it came, m."""
        return {"distance": state.qpos[:, 0].copy()}
