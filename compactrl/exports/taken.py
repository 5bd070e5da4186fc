"""What the export of a policy would take on a Cortex-M4F, compiled: without a run, and with nothing written.

It is what `compactrl export` measures for `--max-flash` with its defaults, in the states that the policy's normaliser
makes usual in the place of visited ones: flash does not depend on them, instructions do by what tanh takes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from compactrl.encodings.formats import choose
from compactrl.encodings.plan import make_plan, usual_states
from compactrl.exports import cortex_m
from compactrl.exports.assemble import Source, check_decided, program_of
from compactrl.exports.budget import estimate
from compactrl.exports.c import Program
from compactrl.exports.folder import write_files
from compactrl.exports.options import ExportOptions
from compactrl.exports.origin import FILES, Origin
from compactrl.exports.targets import TARGETS
from compactrl.policies.policy import Policy

CODE = 0.7
"""Of the code that is estimated, what there is at least: estimates are no more than a quarter too high."""


def flash_of(policy: Policy) -> int:
    """Return the bytes of flash that a policy's export takes, code and C library included.

    Raises:
        CompactrlError: the compiler is not there, or fails.
    """
    program, options = _program(policy)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), program.files())
        footprint = cortex_m.compile_only(Path(folder), program.name, options.optimize)
    return footprint.flash + footprint.library


def least_flash(policy: Policy) -> int:
    """Return bytes of flash that a policy's export cannot do without, by arithmetic: tables, and most of its code."""
    footprint = estimate(_program(policy)[0])
    return footprint.tables + int(CODE * (footprint.code + footprint.library))


def instructions_of(policy: Policy) -> int:
    """Return the instructions of a step, counted in QEMU, the mean over golden vectors in usual states.

    Raises:
        CompactrlError: compiler or emulator are not there, or fail; or single precision decides no action.
    """
    program, options = _program(policy)
    check_decided(program)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), TARGETS["cortex-m4"].files(program, options.optimize))
        footprint = cortex_m.measure(Path(folder), program.name, options.optimize)
    return int(footprint.instructions or 0)


def check_target(policy: Policy, target: str, environment: Mapping[str, Any]) -> None:
    """Raise InputError where there is no such target, or where it takes no policy for this environment.

    Args:
        policy: any for the environment.
        target: of `exports.targets`.
        environment: options that the environment is made with.
    """
    options = ExportOptions(target=target)
    program, _ = _program(policy)
    TARGETS[target].files(replace(program, environment=environment), options.optimize)


@lru_cache(maxsize=8)
def _program(policy: Policy) -> tuple[Program, ExportOptions]:
    options = ExportOptions()
    source = Source(policy, usual_states(policy), Origin(dict.fromkeys(FILES, "of no file")))
    return program_of(make_plan(policy, choose(options.weights, policy.sharing)), source, options), options
