"""A family of quadrotors that weigh and push differently: `compactrl/Quadrotor-Airframe-v0`.

A task is a mass and how many times its weight the motors push at full thrust. The mass is a payload's at the middle:
inertia stays. Nothing that is observed says which task it is, but what becomes of the actions. Ranges are from a
Crazyflie without its deck to one with 15 g more than that, which is its most, and from weaker motors to the stronger
ones that are sold for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from compactrl.envs.robots.quadrotor.airframe import thrust_of_a_motor
from compactrl.envs.robots.quadrotor.env import Quadrotor
from compactrl.errors import InputError
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.types import Floats, Integers

LOW, HIGH = (0.025, 1.5), (0.042, 2.5)
"""kg, and times the weight."""
AIRFRAMES = Uniform(LOW, HIGH)
DECIDED = ("mass", "thrust_to_weight", "randomise")
"""Options of `compactrl/Quadrotor-v0` that a task decides."""


class QuadrotorAirframe(Quadrotor):
    """Quadrotors of a mass and a thrust each, that are to be where their goals are; else as `Quadrotor`.

    Args:
        num_lanes: how many.
        options: those of `Quadrotor` but `DECIDED`.

    Raises:
        InputError: an option will not do.
    """

    contexts: ClassVar[Contexts] = Contexts(("mass", "thrust_to_weight"), LOW, HIGH, train=AIRFRAMES, test=AIRFRAMES)

    def __init__(self, num_lanes: int, **options: Any) -> None:
        for name in DECIDED:
            if name in options:
                raise InputError(f"a quadrotor of this family has no option '{name}': its task decides on that")
        super().__init__(num_lanes, **options)

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> Floats:
        """Begin episodes; a task (2,) is a mass in kg and a thrust over the weight, without one the nominal ones."""
        for lane, task in zip(lanes.tolist(), () if tasks is None else tasks, strict=tasks is not None):
            self._build(lane, *task)
        return super().reset(lanes, seeds, None)

    def _build(self, lane: int, mass: float, thrust_to_weight: float) -> None:
        if not (mass > 0 and thrust_to_weight > 1):
            raise InputError(
                f"a quadrotor of {mass:g} kg with motors that push {thrust_to_weight:g} times its weight cannot rise: "
                "expected more than 0 kg and more than once"
            )
        self.airframes.mass[lane], self.airframes.thrust[lane] = mass, thrust_of_a_motor(thrust_to_weight, mass)
        self._body.take(self.airframes, np.array([lane]))
