"""Rigid bodies with four motors, many at once: derivatives, and one step of the integrator.

Equations as in QuadSwarm (Huang et al. 2023, arXiv:2306.09537); with F the sum of the thrusts, R the attitude and tau
the torques,

    position' = velocity                      velocity' = R (0, 0, F) / mass - (0, 0, g)
    q' = q ⊗ (0, omega) / 2                   omega' = I⁻¹ (tau - omega × I omega)

and each motor's √thrust follows the command's with a first-order lag. Departures from QuadSwarm's integrator, which is
explicit Euler with Rodrigues' rotation of a matrix:

1. The attitude is a quaternion, turned by the same rotation, and brought to unit length every step, where QuadSwarm
   makes its matrix orthogonal every half second.
2. The lag is exact for its time constant at any rate of the physics; at 200 Hz it is QuadSwarm's.

All that is computed here is sums, products, quotients and roots of arrays with the lanes on the last axis: a lane has
the same bits alone and in any company. Components are worked on one by one, which numpy does fastest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.robots.quadrotor.airframe import ARM, GRAVITY, TORQUE_TO_THRUST, Airframes
from compactrl.types import Floats

FASTEST_TURN = 40.0
"""rad/s about each axis: beyond what the Crazyflie's gyroscope reads (2000°/s = 34.9 rad/s)."""

POSITION, VELOCITY, ATTITUDE, TURNING, MOTORS = slice(0, 3), slice(3, 6), slice(6, 10), slice(10, 13), slice(13, 17)
"""Rows of a state (17, L): m, m/s, quaternion body → world (w, x, y, z), rad/s in the body's frame, √thrust 0 … 1."""
STATE_SIZE = 17


class Derivatives(NamedTuple):
    """Of a state's first 13 rows."""

    position: Floats
    """(3, L) m/s"""
    velocity: Floats
    """(3, L) m/s²"""
    attitude: Floats
    """(4, L) 1/s"""
    turning: Floats
    """(3, L) rad/s²"""


class Body:
    """Numbers that follow from airframes, as the equations need them: (L,) or (3, L).

    Args:
        airframes: L of them.
        seconds: of a step of the physics.
    """

    def __init__(self, airframes: Airframes, seconds: float) -> None:
        count = len(airframes.mass)
        self._seconds = seconds
        self.lift, self.closing = np.empty(count), np.empty(count)
        """m/s² of one motor at full thrust, and the share of a motor's lag that closes in a step."""
        self.leverage, self.coupling = np.empty((3, count)), np.empty((3, count))
        """rad/s² of full thrust on one side alone, and of the product of the other two angular velocities."""
        self.take(airframes, np.arange(count))

    def take(self, airframes: Airframes, lanes: Any) -> None:
        """Compute the numbers of some lanes anew."""
        x, y, z = airframes.inertia[:, lanes]
        thrust = airframes.thrust[lanes]
        self.lift[lanes] = thrust / airframes.mass[lanes]
        self.closing[lanes] = 1.0 - np.exp(-self._seconds / airframes.motor_time[lanes])
        self.leverage[:, lanes] = [
            ARM * thrust / x, ARM * thrust / y, TORQUE_TO_THRUST * thrust / z
        ]  # fmt: skip
        self.coupling[:, lanes] = [(z - y) / x, (x - z) / y, (y - x) / z]

    def of(self, lanes: Any) -> Body:
        """Return the numbers of some lanes."""
        part = object.__new__(Body)
        part._seconds = self._seconds
        part.lift, part.closing = self.lift[lanes], self.closing[lanes]
        part.leverage, part.coupling = self.leverage[:, lanes], self.coupling[:, lanes]
        return part


def upward(attitude: Floats) -> Floats:
    """Return the body's z axis in the world, (3, L): the direction of thrust."""
    w, x, y, z = attitude
    axis = np.empty((3, attitude.shape[1]))
    np.add(x * z, w * y, out=axis[0])
    np.subtract(y * z, w * x, out=axis[1])
    np.add(x * x, y * y, out=axis[2])
    axis += axis
    np.subtract(1.0, axis[2], out=axis[2])
    return axis


def rotation(attitude: Floats) -> Floats:
    """Return rotation matrices body → world row by row, (9, L), of unit quaternions (4, L)."""
    w, x, y, _ = attitude
    doubled = attitude + attitude
    xx, yy, zz = doubled[1:] * attitude[1:]
    wx, wy, wz = doubled[1:] * w
    xy, xz = doubled[2:] * x
    yz = doubled[3] * y
    matrix = np.empty((9, attitude.shape[1]))
    np.add(yy, zz, out=matrix[0])
    np.subtract(xy, wz, out=matrix[1])
    np.add(xz, wy, out=matrix[2])
    np.add(xy, wz, out=matrix[3])
    np.add(xx, zz, out=matrix[4])
    np.subtract(yz, wx, out=matrix[5])
    np.subtract(xz, wy, out=matrix[6])
    np.add(yz, wx, out=matrix[7])
    np.add(xx, yy, out=matrix[8])
    np.subtract(1.0, matrix[::4], out=matrix[::4])
    return matrix


def accelerations(state: Floats, thrust: Floats, body: Body) -> tuple[Floats, Floats]:
    """Return the sum of the thrusts over the mass (L,), m/s², and the change of angular velocity (3, L), rad/s².

    Args:
        state: (17, L).
        thrust: (4, L) of each motor, as a fraction of full thrust.
        body: of these quadrotors.
    """
    front_right, back_right, back_left, front_left = thrust
    right, left = front_right + back_right, front_left + back_left
    turning = state[TURNING]
    change = np.empty_like(turning)
    np.subtract(left, right, out=change[0])
    np.subtract(back_right + back_left, front_right + front_left, out=change[1])
    np.subtract(back_right + front_left, front_right + back_left, out=change[2])
    change *= body.leverage
    products = np.empty_like(turning)
    np.multiply(turning[1], turning[2], out=products[0])
    np.multiply(turning[2], turning[0], out=products[1])
    np.multiply(turning[0], turning[1], out=products[2])
    products *= body.coupling
    change -= products
    right += left
    right *= body.lift
    return right, change


def derivatives(state: Floats, thrust: Floats, body: Body) -> Derivatives:
    """Return how a state (17, L) changes under thrusts (4, L), fractions of full thrust."""
    push, turning = accelerations(state, thrust, body)
    velocity = push * upward(state[ATTITUDE])
    velocity[2] -= GRAVITY
    still = np.concatenate([np.zeros((1, state.shape[1])), state[TURNING] / 2])
    return Derivatives(state[VELOCITY].copy(), velocity, product(state[ATTITUDE], still), turning)


def product(one: Floats, other: Floats) -> Floats:
    """Return products of quaternions (4, L), w first."""
    each = one[:, None] * other  # (4, 4, L)
    result = np.empty_like(one)
    np.subtract(each[0, 0], each[1, 1], out=result[0])
    np.add(each[0, 1], each[1, 0], out=result[1])
    np.subtract(each[0, 2], each[1, 3], out=result[2])
    np.add(each[0, 3], each[1, 2], out=result[3])
    result[0] -= each[2, 2]
    result[1] += each[2, 3]
    result[2] += each[2, 0]
    result[3] -= each[2, 1]
    result[0] -= each[3, 3]
    result[1] -= each[3, 2]
    result[2] += each[3, 1]
    result[3] += each[3, 0]
    return result


def turn(turning: Floats, seconds: float) -> Floats:
    """Return the rotations (4, L) by constant angular velocities (3, L) over some time, as quaternions.

    Sine and cosine of half the angle are their series: within 1e-15 of them at `FASTEST_TURN` about all axes and 5 ms,
    half an angle of 0.17 rad, and, unlike numpy's functions, the same bits on every machine.
    """
    half = turning * (seconds / 2)
    x, y, z = half
    square = x * x
    square += y * y
    square += z * z
    result = np.empty((4, turning.shape[1]))
    np.multiply(square, -1 / 3628800, out=result[0])
    sine = square * (-1 / 39916800)
    for cosine_term, sine_term in SERIES:
        result[0] += cosine_term
        result[0] *= square
        sine += sine_term
        sine *= square
    result[0] += 1.0
    sine += 1.0
    np.multiply(half, sine, out=result[1:])
    return result


SERIES = ((1 / 40320, 1 / 362880), (-1 / 720, -1 / 5040), (1 / 24, 1 / 120), (-1 / 2, -1 / 6))
"""Of cosine and of sine over its argument, from the eighth power down to the second."""


def follow(motors: Floats, command_root: Floats, body: Body) -> None:
    """Let motors (4, L), √thrust, follow the roots of their commands for a step of the physics."""
    gap = command_root - motors
    gap *= body.closing
    motors += gap


def advance(state: Floats, thrust: Floats, body: Body, seconds: float) -> None:
    """Move bodies (17, L) on by one step of the physics, in place; motors are moved by `follow`.

    Explicit Euler, with the attitude turned first, as in QuadSwarm: thrust pushes along where the body then points.
    """
    push, change = accelerations(state, thrust, body)
    turning, velocity = state[TURNING], state[VELOCITY]
    state[ATTITUDE] = product(state[ATTITUDE], turn(turning, seconds))
    change *= seconds
    turning += change
    np.maximum(turning, -FASTEST_TURN, out=turning)
    np.minimum(turning, FASTEST_TURN, out=turning)
    state[POSITION] += velocity * seconds
    push *= seconds
    velocity += push * upward(state[ATTITUDE])
    velocity[2] -= GRAVITY * seconds


def normalize(attitude: Floats) -> None:
    """Bring quaternions (4, L) back to unit length, in place."""
    w, x, y, z = attitude
    square = w * w
    square += x * x
    square += y * y
    square += z * z
    np.sqrt(square, out=square)
    attitude /= square
