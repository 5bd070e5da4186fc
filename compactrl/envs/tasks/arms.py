"""Arms: Reacher, Pusher."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.tasks.base import UsualTask, squares
from compactrl.types import Floats

SLOW = 0.005
"""The fastest that joints move as an episode begins."""


class Arm(UsualTask):
    """Sees the places of bodies, by name."""

    def place(self, state: MujocoState, body: str) -> Floats:
        """Return where a body is, (n, 3)."""
        raise NotImplementedError

    def distance(self, state: MujocoState, first: str, second: str) -> Floats:
        """Return the distance between two bodies, (n,)."""
        return np.sqrt(squares(self.place(state, first) - self.place(state, second)))


class Reacher(Arm):
    """`Reacher-v5`; it sees where bodies were in the last stage of a Runge-Kutta step, which no sensor tells."""

    xml_file, frame_skip, episode_steps = "reacher.xml", 2, 50
    fields = ("xpos",)
    defaults: ClassVar[dict[str, Any]] = {"reward_dist_weight": 1, "reward_control_weight": 1}

    def place(self, state: MujocoState, body: str) -> Floats:
        """See `Arm`."""
        return np.asarray(state.xpos[:, self.mj_model.body(body).id])

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the joints, where the target is, and where the fingertip is, seen from there."""
        angles = state.qpos[:, :2]
        away = self.place(state, "fingertip") - self.place(state, "target")
        parts = [np.cos(angles), np.sin(angles), state.qpos[:, 2:], state.qvel[:, :2], away[:, :2]]
        return np.concatenate(parts, axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Return minus the distance to the target and the cost of the actions."""
        distance = self.distance(after, "fingertip", "target")
        return np.asarray(-distance * self.reward_dist_weight - squares(action) * self.reward_control_weight)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Draw the arm's pose, and a target within its reach."""
        model = self.mj_model
        qpos = generator.uniform(-0.1, 0.1, model.nq) + self.init_qpos
        target = generator.uniform(-0.2, 0.2, 2)
        while np.hypot(*target) >= 0.2:
            target = generator.uniform(-0.2, 0.2, 2)
        qvel = self.init_qvel + generator.uniform(-SLOW, SLOW, model.nv)
        qpos[-2:], qvel[-2:] = target, 0.0
        return qpos, qvel


class Pusher(Arm):
    """`Pusher-v5`, which sees places through sensors that are added to its model."""

    xml_file, frame_skip, episode_steps = "pusher_v5.xml", 5, 100
    bodies = ("tips_arm", "object", "goal")
    defaults: ClassVar[dict[str, Any]] = {
        "reward_near_weight": 0.5,
        "reward_dist_weight": 1,
        "reward_control_weight": 0.1,
    }

    def change_model(self, spec: Any) -> None:
        """Add a sensor of each body's place."""
        import mujoco

        for body in self.bodies:
            spec.add_sensor(
                name=body, type=mujoco.mjtSensor.mjSENS_FRAMEPOS, objtype=mujoco.mjtObj.mjOBJ_XBODY, objname=body
            )

    def place(self, state: MujocoState, body: str) -> Floats:
        """See `Arm`."""
        start = 3 * self.bodies.index(body)
        return state.sensordata[:, start : start + 3]

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return the joints, and where the hand, the object and the goal are."""
        places = [self.place(state, body) for body in ("tips_arm", "object", "goal")]
        return np.concatenate([state.qpos[:, :7], state.qvel[:, :7], *places], axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:  # noqa: ARG002
        """Return minus the ways from hand to object and from object to goal, and the cost of the actions."""
        near, far = self.distance(after, "object", "tips_arm"), self.distance(after, "object", "goal")
        cost = squares(action) * self.reward_control_weight
        return np.asarray(-near * self.reward_near_weight - far * self.reward_dist_weight - cost)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Draw where the object lies, not at the goal."""
        place = np.zeros(2)
        while np.hypot(*place) <= 0.17:
            place = np.array([generator.uniform(-0.3, 0), generator.uniform(-0.2, 0.2)])
        qpos, qvel = self.init_qpos.copy(), self.init_qvel + generator.uniform(-SLOW, SLOW, self.mj_model.nv)
        qpos[-4:-2], qpos[-2:], qvel[-4:] = place, 0.0, 0.0
        return qpos, qvel
