"""The controllers that pilots of a Crazyflie know, for many quadrotors at once: what policies are compared with.

- `Cascade`: PID controllers of position, velocity, attitude and angular velocity, one inside the other, with the
  structure, gains, limits and rates of the Crazyflie's firmware (bitcraze/crazyflie-firmware, its documentation and
  default parameters).
- `Geometric`: the tracking controller of Mellinger and Kumar (2011, "Minimum snap trajectory generation and control for
  quadrotors", equations 6 to 14), with the integral terms, the damping and the gains of the same firmware.

Both act at 500 Hz and see the true state; their motors reach 0.12 N, the firmware's scale, as long as the simulator's
can. They are given the goal's position alone, as our policies of 18 numbers are, or its velocity and acceleration too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compactrl.envs.robots.quadrotor import Quadrotor
from compactrl.envs.robots.quadrotor.airframe import GRAVITY
from compactrl.envs.robots.quadrotor.dynamics import ATTITUDE, POSITION, TURNING, VELOCITY, rotation
from compactrl.types import Floats

RATE = 500.0
"""Control steps a second."""
OPTIONS: dict[str, Any] = {"control_rate": RATE, "physics_rate": 1000.0, "noise": False}
"""Of the environments that they fly in."""
FULL = 65535.0
"""The firmware's number for full thrust."""
THRUST_MAX = 0.12
"""N, of a motor at that."""
POSITION_EVERY = 5
"""Steps between those of the position controller, which the firmware runs at 100 Hz."""


class Pid:
    """A controller of L numbers.

    Args:
        count: L.
        gains: proportional, integral, derivative (of what is measured).
        seconds: of a step.
        integral: the largest integral of the error.
        output: the largest output.
    """

    def __init__(
        self, count: int, gains: tuple[float, float, float], seconds: float, integral: float = np.inf,
        output: float = np.inf,
    ) -> None:  # fmt: skip
        self._gains, self._seconds, self._limit, self._most = gains, seconds, integral, output
        self._sum, self._before = np.zeros(count), np.full(count, np.nan)

    def __call__(self, error: Floats, measured: Floats) -> Floats:
        """Return outputs (L,) for errors (L,) and what is measured (L,)."""
        proportional, integral, derivative = self._gains
        before = np.where(np.isnan(self._before), measured, self._before)
        slope = (before - measured) / self._seconds
        self._before = measured.copy()
        self._sum = np.clip(self._sum + error * self._seconds, -self._limit, self._limit)
        return np.clip(proportional * error + integral * self._sum + derivative * slope, -self._most, self._most)


def mix(thrust: Floats, roll: Floats, pitch: Floats, yaw: Floats, full: Floats) -> Floats:
    """Return actions (L, 4) of thrust and torques in the firmware's units, each motor from 0 to `FULL`.

    Args:
        thrust: (L,) of each motor.
        roll: (L,) about x.
        pitch: (L,) about y, nose down.
        yaw: (L,) about z.
        full: (L,) N, of a simulated motor at full thrust.
    """
    roll, pitch = roll / 2, pitch / 2
    motors = np.stack(
        [
            thrust - roll - pitch - yaw,
            thrust - roll + pitch + yaw,
            thrust + roll + pitch - yaw,
            thrust + roll - pitch + yaw,
        ]
    )
    motors -= np.maximum(motors.max(axis=0) - FULL, 0.0)  # torques are kept, and thrust is given up for them
    fraction = np.clip(motors, 0.0, FULL) / FULL * (THRUST_MAX / full)
    return np.clip(2.0 * fraction.T - 1.0, -1.0, 1.0)


def wrapped(degrees: Floats) -> Floats:
    """Return angles in -180 … 180."""
    return (degrees + 180.0) % 360.0 - 180.0


class Pilot:
    """What both have in common.

    Args:
        env: is flown.
        full_state: whether the goal's velocity and acceleration are told too.
    """

    def __init__(self, env: Quadrotor, full_state: bool = False) -> None:
        self._env, self._full_state, self._steps = env, full_state, 0
        self._before: Floats | None = None
        self._yaw: Floats | None = None

    def goal(self) -> tuple[Floats, Floats, Floats]:
        """Return the goal's position, velocity and acceleration (3, L)."""
        goals = self._env.goals
        if not self._full_state:
            return goals.position, np.zeros_like(goals.position), np.zeros_like(goals.position)
        velocity = goals.velocity.copy()
        acceleration = np.zeros_like(velocity) if self._before is None else (velocity - self._before) * RATE
        self._before = velocity
        most = 2 * GRAVITY
        return goals.position, velocity, np.where(np.abs(acceleration) < most, acceleration, 0.0)  # not of jumps

    def __call__(self) -> Floats:
        """Return actions (L, 4) for the state that the environment is in."""
        raise NotImplementedError


class Cascade(Pilot):
    """The PID cascade; its setpoint is the goal's position alone."""

    def __init__(self, env: Quadrotor, full_state: bool = False) -> None:
        super().__init__(env, full_state)
        count, slow, fast = env.state.shape[1], POSITION_EVERY / RATE, 1 / RATE
        self._position = [
            Pid(count, (2.0, 0.0, 0.0), slow, 5000.0, 1.1),
            Pid(count, (2.0, 0.0, 0.0), slow, 5000.0, 1.1),
            Pid(count, (2.0, 0.5, 0.0), slow, 5000.0, 1.1),
        ]
        self._velocity = [
            Pid(count, (25.0, 1.0, 0.0), slow, 5000.0, 22.0),
            Pid(count, (25.0, 1.0, 0.0), slow, 5000.0, 22.0),
            Pid(count, (25.0, 15.0, 0.0), slow, 5000.0, FULL / 2000),
        ]
        self._angle = [
            Pid(count, (6.0, 3.0, 0.0), fast, 20.0),
            Pid(count, (6.0, 3.0, 0.0), fast, 20.0),
            Pid(count, (6.0, 1.0, 0.35), fast, 360.0),
        ]
        self._turning = [
            Pid(count, (250.0, 500.0, 2.5), fast, 33.3, FULL / 2),
            Pid(count, (250.0, 500.0, 2.5), fast, 33.3, FULL / 2),
            Pid(count, (120.0, 16.7, 0.0), fast, 166.7, FULL / 2),
        ]
        self._wanted = np.zeros((2, count))
        self._thrust = np.zeros(count)

    def __call__(self) -> Floats:
        """See `Pilot`."""
        state = self._env.state
        matrix = rotation(state[ATTITUDE])
        roll = np.degrees(np.arctan2(matrix[7], matrix[8]))
        pitch = np.degrees(np.arcsin(np.clip(-matrix[6], -1.0, 1.0)))
        yaw = np.degrees(np.arctan2(matrix[3], matrix[0]))
        self._yaw = yaw.copy() if self._yaw is None else self._yaw
        if self._steps % POSITION_EVERY == 0:
            self._go(state, np.radians(yaw))
        self._steps += 1
        errors = (self._wanted[0] - roll, self._wanted[1] - pitch, wrapped(self._yaw - yaw))
        rates = [pid(error, angle) for pid, error, angle in zip(self._angle, errors, (roll, pitch, yaw), strict=True)]
        turning = np.degrees(state[TURNING])
        torques = [pid(rate - turned, turned) for pid, rate, turned in zip(self._turning, rates, turning, strict=True)]
        return mix(self._thrust, *torques, self._env.airframes.thrust)

    def _go(self, state: Floats, yaw: Floats) -> None:
        """Find the attitude and the thrust that bring it to its goal: x and y as seen with its heading."""
        cosine, sine = np.cos(yaw), np.sin(yaw)

        def turned(vectors: Floats) -> Floats:
            return np.stack(
                [vectors[0] * cosine + vectors[1] * sine, vectors[1] * cosine - vectors[0] * sine, vectors[2]]
            )

        error = turned(self.goal()[0] - state[POSITION])
        velocity = turned(state[VELOCITY])
        pushes = []
        for outer, inner, far, speed in zip(self._position, self._velocity, error, velocity, strict=True):
            pushes.append(inner(outer(far, -far) - speed, speed))
        self._wanted = np.clip(np.stack([-pushes[1], pushes[0]]), -20.0, 20.0)
        self._thrust = np.clip(1000.0 * pushes[2] + 36000.0, 20000.0, FULL)


class Geometric(Pilot):
    """Mellinger's controller."""

    mass, thrust_per_newton = 0.028, 132000.0

    def __init__(self, env: Quadrotor, full_state: bool = False) -> None:
        super().__init__(env, full_state)
        count = env.state.shape[1]
        self._sum, self._yaw_sum = np.zeros((3, count)), np.zeros(count)
        self._turned: Floats | None = None

    def __call__(self) -> Floats:
        """See `Pilot`."""
        state, seconds = self._env.state, 1 / RATE
        position, velocity, acceleration = self.goal()
        error, slower = position - state[POSITION], velocity - state[VELOCITY]
        limits = np.array([2.0, 2.0, 0.4])[:, None]
        self._sum = np.clip(self._sum + error * seconds, -limits, limits)
        near, slow, sums = (
            np.array(gains)[:, None] for gains in ((0.4, 0.4, 1.25), (0.2, 0.2, 0.4), (0.05, 0.05, 0.05))
        )
        force = self.mass * acceleration + near * error + slow * slower + sums * self._sum  # equation 6
        force[2] += self.mass * GRAVITY
        matrix = rotation(state[ATTITUDE]).reshape(3, 3, -1)
        thrust = self.thrust_per_newton * (force * matrix[:, 2]).sum(axis=0)  # equation 7
        if self._yaw is None:
            self._yaw = np.arctan2(matrix[1, 0], matrix[0, 0])
        wanted = _attitude(force, self._yaw)
        difference = np.einsum("kil,kjl->ijl", wanted, matrix)
        difference = difference - difference.transpose(1, 0, 2)  # equation 10, without its half
        tilt = np.stack([difference[2, 1], difference[0, 2], difference[1, 0]])
        turning = state[TURNING]
        change = np.zeros_like(turning) if self._turned is None else (turning - self._turned) / seconds
        self._turned = turning.copy()
        self._yaw_sum = np.clip(self._yaw_sum - tilt[2] * seconds, -1500.0, 1500.0)
        torques = np.stack(  # equation 14
            [
                -70000.0 * tilt[0] - 20000.0 * turning[0] - 200.0 * change[0],
                -70000.0 * tilt[1] - 20000.0 * turning[1] - 200.0 * change[1],
                -60000.0 * tilt[2] - 12000.0 * turning[2] + 500.0 * self._yaw_sum,
            ]
        )
        torques = np.where(thrust > 0, np.clip(torques, -32000.0, 32000.0), 0.0)
        return mix(np.maximum(thrust, 0.0), *torques, self._env.airframes.thrust)


def _attitude(force: Floats, yaw: Floats) -> Floats:
    """Return the rotation (3, 3, L) whose z axis is along a force (3, L), and whose x axis is nearest to a heading."""
    up = force / np.sqrt((force * force).sum(axis=0))
    heading = np.stack([np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)])
    left = np.cross(up, heading, axis=0)
    left = left / np.sqrt((left * left).sum(axis=0))
    return np.stack([np.cross(left, up, axis=0), left, up], axis=1)
