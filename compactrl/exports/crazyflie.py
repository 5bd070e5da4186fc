"""`--target crazyflie`: an out-of-tree controller for the Crazyflie firmware, of a policy that flies a quadrotor.

Of `compactrl/Quadrotor-v0` everything is known: what the numbers of an observation are, the rate, the thrust of a
motor. Of a quadrotor of the user's own a policy of 18 numbers is taken to observe the same; for others the user writes
what they observe. Environments are imported when they are asked, since Gymnasium takes a third of a second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from compactrl.encodings.plan import bounds_of
from compactrl.errors import InputError
from compactrl.exports import cortex_m
from compactrl.exports.c import Program, comment, render
from compactrl.exports.numbers import literal
from compactrl.policies.policy import Policy
from compactrl.versions import VERSION

ENV = "compactrl/Quadrotor-v0"
FAMILY = "compactrl/Quadrotor-Airframe-v0"
"""The same, of a mass and a thrust that a policy may be for."""
ACTIONS = 4
STATES = (12, 13, 18)
"""Numbers of what the firmware knows: position, velocity, angular velocity, attitude (angles, quaternion or matrix)."""
WITH_VELOCITY = 21
"""Numbers that `observe_goal_velocity` observes."""
MAIN_LOOP = 1000
"""Hz, at which the firmware calls a controller."""
FILES = ("Makefile", "Kbuild", "config", "README.md", "src/Kbuild", "src/app.c", "src/controller.c", "src/observe.h")
INTERFACE = ("controller.h", "stabilizer_types.h", "platform_defaults.h")
"""What stands for the firmware where it is not there."""


class Robot(NamedTuple):
    """The simulated robot that a policy flew, as the templates spell it."""

    rate: int
    """Hz"""
    thrust: float
    """N, of a motor at full thrust."""
    mass: float
    """kg"""


def files(program: Program, optimize: str) -> dict[str, str]:
    """Return the controller's files.

    Raises:
        InputError: the policy is for another robot, or the firmware cannot give it what it saw.
    """
    context = {**context_of(program), "optimize": cortex_m.OPTIMIZE[optimize]}
    sources = {f"src/{file}": text for file, text in replace(program, main=False).files().items()}
    return {**{file: render(f"crazyflie/{file}.j2", **context) for file in FILES}, **sources}


def interface(program: Program) -> dict[str, str]:
    """Return headers with the part of the firmware's interface that a controller uses."""
    return {file: render(f"crazyflie/interface/{file}.j2", **context_of(program)) for file in INTERFACE}


def caller(program: Program) -> str:
    """Return C that calls the controller as the firmware does."""
    robot = robot_of(program)
    calls = MAIN_LOOP // robot.rate if robot is not None else 1
    return render("crazyflie/interface/fly.c.j2", calls=calls)


def context_of(program: Program) -> dict[str, Any]:
    """Return what the templates say of a policy.

    Raises:
        InputError: as in `files`.
    """
    plan = program.plan
    _check(program)
    robot = robot_of(program)
    return {
        "name": program.name,
        "upper": program.name.upper(),
        "version": VERSION,
        "env": comment(plan.policy.env),
        "observations": plan.shape[0],
        "known": plan.shape[0] == 18 or robot is not None,
        "robot": robot,
        "thrust": "" if robot is None else literal(robot.thrust),
        "low": [literal(value) for value in plan.action.low],
        "span": [literal(high - low) for low, high in zip(plan.action.low, plan.action.high, strict=True)],
    }


def robot_of(program: Program) -> Robot | None:
    """Return the simulated robot that a policy flew; None where it is the user's own.

    Raises:
        InputError: the firmware cannot call it at its rate.
    """
    policy = program.plan.policy
    if not _is_known(policy):
        return None
    from compactrl.envs.robots.quadrotor.options import options_of

    given = {name: value for name, value in program.environment.items() if name != "max_episode_steps"}
    if policy.context is not None:
        given["mass"], given["thrust_to_weight"] = policy.context.tolist()
    options = options_of(given)
    rate = int(options.control_rate)
    if rate != options.control_rate or rate > MAIN_LOOP or MAIN_LOOP % rate:
        raise InputError(
            f"--target crazyflie: the policy acts {options.control_rate:g} times a second, which does not divide the "
            f"firmware's {MAIN_LOOP}: train it with a control_rate such as 100 or 200"
        )
    return Robot(rate, options.motor_thrust, options.mass)


def _is_known(policy: Policy) -> bool:
    """Return whether a policy flew the simulated robot, whose mass and motors are known: of a family, its task's."""
    return policy.env == ENV or (policy.env == FAMILY and policy.context is not None)


def _check(program: Program) -> None:
    plan = program.plan
    observations, actions = plan.shape[0], plan.shape[-1]
    if _is_known(plan.policy):
        if observations == WITH_VELOCITY and program.setpoints == "position":
            raise InputError(
                "--setpoints position: the policy observes the goal's velocity (21 numbers), and such setpoints have "
                "none. Send full-state setpoints and export with --setpoints full, or train without "
                "observe_goal_velocity"
            )
        return
    seen = {*STATES, *(state + ACTIONS for state in STATES)}
    if actions != ACTIONS or bounds_of(plan.action) is None or observations not in seen:
        raise InputError(
            f"--target crazyflie: {plan.policy.env} is no Crazyflie, with {observations} observations and {actions} "
            f"actions. Expected {ACTIONS} bounded actions, a thrust per motor, and 12, 13 or 18 observations:"
            " position, velocity, attitude (angles, quaternion or rotation matrix), angular velocity; "
            f"{ACTIONS} more with the last action. For other robots use --target generic"
        )
