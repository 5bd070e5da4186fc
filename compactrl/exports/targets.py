"""`--target`: what is put around the policy's C files for a firmware or an IDE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from compactrl.encodings.plan import bounds_of
from compactrl.errors import InputError
from compactrl.exports import cortex_m
from compactrl.exports.c import Program, comment, render
from compactrl.exports.numbers import literal
from compactrl.versions import VERSION

CRAZYFLIE_ACTIONS = 4
CRAZYFLIE_STATES = (12, 13, 18)
"""Numbers of what the firmware knows: position, velocity, angular velocity, attitude (angles, quaternion or matrix)."""


@dataclass(frozen=True)
class Target:
    """A row of `TARGETS`."""

    name: str
    summary: str
    files: Callable[[Program, str], dict[str, str]]
    """Program and optimisation (`size` or `speed`) → files by name."""
    next_step: str
    """What to do with the folder; FOLDER and NAME stand for what they are."""


def generic(program: Program, optimize: str) -> dict[str, str]:  # noqa: ARG001
    """Return the four files alone."""
    return program.files()


def cortex_m4(program: Program, optimize: str) -> dict[str, str]:
    """Return the files with a program around the self-test that QEMU runs without a board."""
    harness = {
        f"cortex_m4/{file}": render(
            f"cortex_m4/{file}.j2",
            name=program.name,
            upper=program.name.upper(),
            version=VERSION,
            action_size=program.action_size,
            flags=cortex_m.flags(optimize),
            link=cortex_m.LINK,
            run=cortex_m.RUN,
        )
        for file in ("Makefile", "main.c", "startup.c", "mps2_an386.ld")
    }
    return {**program.files(), **harness}


def crazyflie(program: Program, optimize: str) -> dict[str, str]:
    """Return an out-of-tree controller for the Crazyflie firmware.

    Raises:
        InputError: the policy is for another robot.
    """
    plan = program.plan
    observations, actions = plan.shape[0], plan.shape[-1]
    seen = {*CRAZYFLIE_STATES, *(state + CRAZYFLIE_ACTIONS for state in CRAZYFLIE_STATES)}
    if actions != CRAZYFLIE_ACTIONS or bounds_of(plan.action) is None or observations not in seen:
        raise InputError(
            f"--target crazyflie: {plan.policy.env} is no Crazyflie, with {observations} observations and {actions} "
            f"actions. Expected {CRAZYFLIE_ACTIONS} bounded actions, a thrust per motor, and 12, 13 or 18 observations:"
            " position, velocity, attitude (angles, quaternion or rotation matrix), angular velocity; "
            f"{CRAZYFLIE_ACTIONS} more with the last action. For other robots use --target generic"
        )
    context = {
        "name": program.name,
        "upper": program.name.upper(),
        "version": VERSION,
        "env": comment(plan.policy.env),
        "observations": plan.shape[0],
        "low": [literal(value) for value in plan.action.low],
        "span": [literal(high - low) for low, high in zip(plan.action.low, plan.action.high, strict=True)],
        "optimize": cortex_m.OPTIMIZE[optimize],
    }
    sources = {f"src/{file}": text for file, text in replace(program, main=False).files().items()}
    around = {
        file: render(f"crazyflie/{file}.j2", **context)
        for file in ("Makefile", "Kbuild", "config", "README.md", "src/Kbuild", "src/controller.c", "src/observe.h")
    }
    return {**around, **sources}


def arduino(program: Program, optimize: str) -> dict[str, str]:  # noqa: ARG001
    """Return a library folder for the Arduino IDE."""
    named = replace(program, stem=program.name, main=False)
    context = {
        "name": program.name,
        "upper": program.name.upper(),
        "version": VERSION,
        "env": comment(program.plan.policy.env),
        "observations": program.plan.shape[0],
        "actions": program.action_size,
        "vectors": len(program.vectors.observations),
    }
    sources = {f"src/{file}": text for file, text in named.files().items()}
    sketch = "examples/SelfTest/SelfTest.ino"
    around = {
        "library.properties": render("arduino/library.properties.j2", **context),
        "keywords.txt": render("arduino/keywords.txt.j2", **context),
        sketch: render("arduino/SelfTest.ino.j2", **context),
    }
    return {**around, **sources}


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        row.name: row
        for row in (
            Target(
                "generic",
                "the C files alone",
                generic,
                "cc FOLDER/policy.c FOLDER/policy_test.c -lm && ./a.out",
            ),
            Target(
                "cortex-m4",
                "the C files, and a project that runs them in QEMU (mps2-an386)",
                cortex_m4,
                "make -C FOLDER/cortex_m4 run",
            ),
            Target(
                "crazyflie",
                "an out-of-tree controller for the Crazyflie firmware",
                crazyflie,
                "make -C FOLDER CRAZYFLIE_BASE=<crazyflie-firmware>, then make cload",
            ),
            Target(
                "arduino",
                "a library for the Arduino IDE",
                arduino,
                "copy FOLDER to Arduino/libraries/NAME, then open its example SelfTest",
            ),
        )
    }
)
