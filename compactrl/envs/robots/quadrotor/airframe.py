"""The Crazyflie's masses, lengths and motors, and the spread of them that randomisation draws from.

Numbers are those of QuadSwarm's Crazyflie model (Huang et al. 2023, arXiv:2306.09537; its inertia is computed there
from the links' masses). The ranges are what the literature has for Crazyflies and their decks: Förster 2015,
Molchanov et al. 2019, Eschmann et al. 2024 (Learning to Fly in Seconds), and the motors of its rl-tools.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compactrl.types import Floats

GRAVITY = 9.81
"""m/s²"""
MASS = 0.028
"""kg"""
INERTIA = (1.3669e-5, 1.4357e-5, 2.6562e-5)
"""kg m², about the body's x (forward), y (left) and z (up)."""
ARM = 0.0325
"""m, of each motor from the middle, along x and along y."""
REACH = ARM * 2.0**0.5
"""m, from the middle to a motor."""
TORQUE_TO_THRUST = 0.006
"""m, torque about z over thrust of a propeller."""
THRUST_TO_WEIGHT = 1.9
"""Of all motors at full thrust, at the nominal mass."""
MOTOR_TIME = -0.005 / np.log(1 - 4 * 0.005 / 0.15)
"""s, time constant of a motor's speed: as QuadSwarm's filter, which closes 4/0.15 of the gap in a second at 200 Hz."""

MASS_RANGE = (0.027, 0.0328)
INERTIA_X_RANGE = (0.385e-5, 1.68e-5)
INERTIA_Z_RANGE = (0.6e-5, 2.98e-5)
MOTOR_TIME_RANGE = (0.025, 0.15)


def thrust_of_a_motor(thrust_to_weight: float, mass: float = MASS) -> float:
    """Return the full thrust of a motor, N.

    Example:
        >>> round(thrust_of_a_motor(1.9), 5)
        0.13047
    """
    return thrust_to_weight * mass * GRAVITY / 4


@dataclass
class Airframes:
    """What each of L quadrotors is built of."""

    mass: Floats
    """(L,) kg"""
    inertia: Floats
    """(3, L) kg m²"""
    motor_time: Floats
    """(L,) s"""
    thrust: Floats
    """(L,) N, of a motor at full thrust."""

    @classmethod
    def nominal(cls, count: int, mass: float = MASS, thrust_to_weight: float = THRUST_TO_WEIGHT) -> Airframes:
        """Return so many quadrotors, all as the model says."""
        inertia = np.repeat(np.array(INERTIA)[:, None], count, axis=1)
        thrust = thrust_of_a_motor(thrust_to_weight, mass)
        return cls(np.full(count, mass), inertia, np.full(count, MOTOR_TIME), np.full(count, thrust))

    def draw(self, lane: int, spread: float, generator: np.random.Generator, mass: float = MASS) -> None:
        """Build a lane's quadrotor anew; its motors stay, whatever it weighs.

        Args:
            lane: which.
            spread: 0 … 1, how far from nominal to the numbers drawn from their ranges.
            generator: draws them.
            mass: kg, nominal.
        """
        ranges = (MASS_RANGE, INERTIA_X_RANGE, INERTIA_Z_RANGE, MOTOR_TIME_RANGE)
        drawn = [float(generator.uniform(*limits)) for limits in ranges]
        weight, x, z, motor = (
            nominal + spread * (value - nominal)
            for nominal, value in zip((mass, INERTIA[0], INERTIA[2], MOTOR_TIME), drawn, strict=True)
        )
        self.mass[lane], self.motor_time[lane] = weight, motor
        self.inertia[:, lane] = x, x * INERTIA[1] / INERTIA[0], z
