"""`--target`: what is put around the policy's C files for a firmware or an IDE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from compactrl.exports import cortex_m, crazyflie
from compactrl.exports.c import Program, comment, render
from compactrl.versions import VERSION


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
                crazyflie.files,
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
