"""The options of a quadrotor's environment, checked before anything is made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.robots.quadrotor.airframe import MASS, THRUST_TO_WEIGHT, thrust_of_a_motor
from compactrl.envs.robots.quadrotor.goals import CENTER, PERIOD, SCENARIOS
from compactrl.envs.robots.quadrotor.room import FLOOR, HIGH, LOW
from compactrl.errors import InputError, did_you_mean
from compactrl.types import Floats


class Options(NamedTuple):
    """What `compactrl/Quadrotor-v0` is made with."""

    scenario: str = "mixture"
    """One of `SCENARIOS`."""
    noise: bool = True
    """Of sensors and motors."""
    randomise: float = 0.0
    """0 … 1: how far from nominal to numbers drawn, each episode anew, from the ranges of mass, inertia, motor lag."""
    observe_goal_velocity: bool = False
    """21 numbers are observed instead of 18."""
    thrust_to_weight: float = THRUST_TO_WEIGHT
    """Of all motors at full thrust, at the nominal mass."""
    control_rate: float = 100.0
    """Steps of the policy a second."""
    physics_rate: float = 200.0
    """Steps of the integrator a second: a multiple of the above."""
    mass: float = MASS
    """kg, nominal."""
    goal: Any = CENTER
    """x, y, z in m: where `static`, `dynamic` and `bezier` begin."""
    spread: float = 2.0
    """m: an episode begins so far from its goal at most, along each axis."""
    period: float = PERIOD
    """s, of `figure-eight`."""

    @property
    def substeps(self) -> int:
        """Steps of the physics in a control step."""
        return round(self.physics_rate / self.control_rate)

    @property
    def motor_thrust(self) -> float:
        """N, of a motor at full thrust."""
        return thrust_of_a_motor(self.thrust_to_weight, self.mass)


LIMITS = {
    "randomise": (0.0, 1.0, ""),
    "thrust_to_weight": (1.01, 10.0, ": at 1 it cannot rise"),
    "control_rate": (1.0, 10_000.0, " steps a second"),
    "physics_rate": (50.0, 10_000.0, " steps a second"),
    "mass": (0.001, 10.0, " kg"),
    "spread": (0.0, 4.0, " m"),
    "period": (0.5, 1000.0, " s"),
}
"""Lowest, highest, and what it is, by name."""


def options_of(given: Mapping[str, Any]) -> Options:
    """Return the options by name.

    Raises:
        InputError: an unknown name, or a value that will not do.
    """
    for name in given:
        if name not in Options._fields:
            known = ", ".join(Options._fields)
            raise InputError(f"a quadrotor has no option '{name}'.{did_you_mean(name, Options._fields)} It has {known}")
    options = Options(**given)
    if options.scenario not in SCENARIOS:
        known = f"{did_you_mean(str(options.scenario), SCENARIOS)} There are: {', '.join(SCENARIOS)}"
        raise InputError(f"unknown scenario '{options.scenario}'.{known}")
    for name in ("noise", "observe_goal_velocity"):
        if not isinstance(getattr(options, name), bool):
            raise InputError(f"{name} is {getattr(options, name)!r}: expected true or false")
    numbers = {name: _number(name, getattr(options, name)) for name in LIMITS}
    substeps = numbers["physics_rate"] / numbers["control_rate"]
    if not (substeps >= 1 and substeps.is_integer()):
        raise InputError(
            f"control_rate {numbers['control_rate']:g} does not divide physics_rate {numbers['physics_rate']:g}: a "
            "control step is a whole number of steps of the physics; try control_rate 100 with physics_rate 200"
        )
    given_numbers: dict[str, Any] = {**numbers, "goal": place_of(options.goal)}
    return options._replace(**given_numbers)


def _number(name: str, value: Any) -> float:
    low, high, unit = LIMITS[name]
    known = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (known and low <= float(value) <= high):
        raise InputError(f"{name} is {value!r}: expected a number from {low:g} to {high:g}{unit}")
    return float(value)


def place_of(goal: Any) -> Floats:
    """Return a goal as an array (3,).

    Raises:
        InputError: it is no point inside the room.
    """
    parts = list(goal) if isinstance(goal, (Sequence, np.ndarray)) and not isinstance(goal, str) else []
    known = len(parts) == 3 and all(isinstance(part, (int, float, np.number)) for part in parts)
    if not known or not all(math.isfinite(part) for part in parts):
        raise InputError(f"goal is {goal!r}: expected three numbers, x, y and z in metres, such as [0, 0, 2]")
    point = np.array(parts, float)
    if (point < [LOW[0], LOW[1], FLOOR]).any() or (point > HIGH).any():
        raise InputError(
            f"goal {point.tolist()} is outside the room: x and y go from {LOW[0]:g} to {HIGH[0]:g} m, z from "
            f"{FLOOR:.3f} to {HIGH[2]:g} m"
        )
    return point
