"""The room, 10 x 10 x 10 m: a floor that stops and levels what touches it, walls and a ceiling that throw it back.

As in QuadSwarm (Huang et al. 2023). Departures: while it stands on the floor a quadrotor does not slide and turns about
its z axis alone, where QuadSwarm's goes on to gather angular velocity that it takes off with; walls are felt once a
control step; a rebound is drawn from a table of the lane's own, so that it depends on the episode's seed alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.robots.quadrotor.airframe import REACH
from compactrl.envs.robots.quadrotor.dynamics import ATTITUDE, MOTORS, POSITION, TURNING, VELOCITY
from compactrl.types import Floats, Integers

LOW, HIGH = np.array([-5.0, -5.0, 0.0]), np.array([5.0, 5.0, 10.0])
"""m, the corners of the room."""
FLOOR = REACH
"""m, the height of the middle of what stands on the floor."""
REBOUND = (0.2, 0.8)
"""Of the speed, that is left after a wall."""
SLOWEST, FASTEST = 0.1, 6.0
"""m/s, after a wall."""
SPIN = np.pi
"""rad/s about each axis at most, after a wall."""
DRAWS = 8
"""Numbers 0 … 1 of a rebound: speed, direction (3), spin (3), and the heading of what fell upside down."""
REBOUNDS = 32
"""Rebounds that are drawn as an episode begins; after them come the same ones again."""


def stand(state: Floats, standing: NDArray[np.bool_], draws: Floats) -> bool:
    """Hold what is on the floor: stopped and levelled with its motors off at first touch, then held level.

    Args:
        state: (17, n), changed in place.
        standing: (n,) who stood on it before; changed to who does now.
        draws: (n,) numbers 0 … 1, for the headings of those that fell upside down.

    Returns:
        Whether anyone is on the floor.
    """
    height = state[2]
    if (height > FLOOR).all():
        standing[:] = False
        return False
    low = height <= FLOOR
    held = ~low
    np.maximum(height, FLOOR, out=height)
    state[3:5] *= held
    np.maximum(state[5], 0.0, out=state[5], where=low)
    state[10:12] *= held  # level it stays, since it turns about z alone
    landed = np.flatnonzero(low > standing)
    if len(landed):
        state[VELOCITY, landed] = 0.0
        state[TURNING, landed] = 0.0
        state[MOTORS, landed] = 0.0
        state[ATTITUDE, landed] = _levelled(state[ATTITUDE, landed], draws[landed])
    standing[:] = low
    return True


def _levelled(attitude: Floats, draws: Floats) -> Floats:
    """Return attitudes (4, n) with the same heading and level; where they are upside down, with a heading drawn."""
    w, x, y, z = attitude
    upright = x * x + y * y <= 0.5
    north, east = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)
    # A heading drawn on the circle by the stereographic parametrisation, which needs no sine.
    slope = 4.0 * draws - 2.0
    circle = 1.0 + slope * slope
    north = np.where(upright, north, (1.0 - slope * slope) / circle)
    east = np.where(upright, east, 2.0 * slope / circle)
    length = np.sqrt(north * north + east * east)
    length = np.where(length > 0.0, length, 1.0)
    cosine = north / length
    level = np.zeros_like(attitude)
    level[0] = np.sqrt(np.maximum(1.0 + cosine, 0.0) / 2.0)
    level[3] = np.copysign(np.sqrt(np.maximum(1.0 - cosine, 0.0) / 2.0), east)
    short = level[0] + np.abs(level[3]) < 0.5  # a nose straight up or down has no heading
    level[0, short] = 1.0
    return level


def rebound(state: Floats, outside: Integers, draws: Floats) -> None:
    """Throw back who has gone through a wall or the ceiling, with some of its speed and a spin.

    Args:
        state: (17, n), changed in place.
        outside: (m,) who.
        draws: (8, m) numbers 0 … 1.
    """
    position, velocity = state[POSITION, outside], state[VELOCITY, outside]
    inside = np.minimum(np.maximum(position, LOW[:, None]), HIGH[:, None])
    x, y, z = velocity
    speed = np.sqrt(x * x + y * y + z * z) * (REBOUND[0] + (REBOUND[1] - REBOUND[0]) * draws[0])
    direction = 2.0 * draws[1:4] - 1.0
    # Away from each wall that was met, by at least a tenth of the largest component.
    direction = np.where(position > inside, -0.1 - 0.9 * draws[1:4], direction)
    direction = np.where(position < inside, 0.1 + 0.9 * draws[1:4], direction)
    dx, dy, dz = direction
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    state[POSITION, outside] = inside
    state[VELOCITY, outside] = direction * (np.minimum(np.maximum(speed, SLOWEST), FASTEST) / length)
    state[TURNING, outside] = SPIN * (2.0 * draws[4:7] - 1.0)


def beyond_walls(position: Floats) -> NDArray[np.bool_]:
    """Return who is outside the walls or above the ceiling, (n,) of positions (3, n)."""
    return np.asarray((np.abs(position[:2]) > HIGH[0]).any(axis=0) | (position[2] > HIGH[2]))
