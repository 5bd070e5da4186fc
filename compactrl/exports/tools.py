"""Compilers and emulators: which are here, and running them so that a failure is one clear line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compactrl.errors import CompactrlError
from compactrl.machine.needs import NEEDS

TIME_LIMIT = 300.0
"""Seconds before a compiler or an emulator is given up."""


def available(*names: str) -> list[str]:
    """Return which of these programs are installed."""
    return [name for name in names if shutil.which(name)]


def run(arguments: Sequence[str], folder: Path, what: str, stdin: bytes = b"") -> bytes:
    """Run a program in a folder and return what it printed.

    Args:
        arguments: the program and its arguments.
        folder: where it runs.
        what: it is for, for the message if it fails.
        stdin: what it reads from standard input.

    Raises:
        CompactrlError: it is missing, fails or hangs.
    """
    try:
        done = subprocess.run(
            list(arguments), cwd=folder, input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except FileNotFoundError as error:
        need = NEEDS.get(arguments[0])
        raise CompactrlError(f"{what}: {need.missing if need else f'{arguments[0]} is not installed'}") from error
    except subprocess.TimeoutExpired as error:
        raise CompactrlError(f"{what}: {arguments[0]} did not end within {TIME_LIMIT:.0f} seconds") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or b"no message").decode(errors="replace").splitlines()
        message = next((line for line in lines if "error" in line.lower()), lines[0])
        raise CompactrlError(f"{what}: {arguments[0]} ended with status {done.returncode}: {message[:300]}")
    return done.stdout


def text(arguments: Sequence[str], folder: Path, what: str) -> str:
    """Return what a program prints, as text; see `run`."""
    return run(arguments, folder, what).decode(errors="replace")


def version(program: str) -> str:
    """Return the first line of `program --version`."""
    return text([program, "--version"], Path("."), f"asking {program} for its version").splitlines()[0].strip()
