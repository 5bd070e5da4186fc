"""What is needed for what, beside what every search needs: how it is found, and the line that installs it.

An error that is for want of something and the doctor say the same line.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from compactrl.machine import drawing

COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
CROSS_PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
SECONDS = 20
"""Before a program that is asked for its version is given up."""


class Need(NamedTuple):
    """Something that a part of compactrl needs."""

    name: str
    purpose: str
    """What it is for, to stand after 'for'."""
    install: str
    """The line that installs it."""
    find: Callable[[], str]
    """Returns its version or its place, or nothing where it is missing."""

    @property
    def found(self) -> str:
        """Its version or its place, or nothing where it is missing."""
        return self.find()

    @property
    def missing(self) -> str:
        """What to say where it is missing."""
        return f"{self.name} is not installed: {self.install}"


def package(name: str) -> str:
    """Return the version of a Python package, or nothing."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return ""


def program(name: str, *ask: str) -> str:
    """Return the first line that a program answers, asked for its version unless for something else, or nothing."""
    place = shutil.which(name)
    if not place:
        return ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([place, *(ask or ("--version",))], capture_output=True, timeout=SECONDS, check=False)
        return (done.stdout.decode(errors="replace").splitlines() or [place])[0].strip()
    return ""


def _newlib() -> str:
    """Return where the cross-compiler has its C library, or nothing: without, it names the file that it looked for."""
    place = program(COMPILER, "-print-file-name=nano.specs")
    return place if os.path.isabs(place) else ""


def _ffmpeg() -> str:
    """Return the ffmpeg that writes films, or nothing."""
    with contextlib.suppress(ImportError, RuntimeError, OSError):
        import imageio_ffmpeg  # type: ignore[import-untyped]

        return Path(imageio_ffmpeg.get_ffmpeg_exe()).name
    return ""


def _all_of(*names: str) -> str:
    """Return the versions of Python packages, or nothing where one is missing."""
    versions = [package(name) for name in names]
    return ", ".join(versions) if all(versions) else ""


def _drawing() -> str:
    """Return what MuJoCo draws with here, tried, or nothing."""
    return "" if drawing.trial() else drawing.chosen() or "glfw"


NEEDS = {
    need.name: need
    for need in (
        Need("gcc", "compiling exported C and checking it against the policy", "apt-get install gcc",
             lambda: program("gcc")),
        Need("g++", "checking that exported C compiles as C++", "apt-get install g++", lambda: program("g++")),
        Need("clang", "checking exported C with a second compiler", "apt-get install clang",
             lambda: program("clang")),
        Need(COMPILER, "what an export takes of a Cortex-M4F's flash, RAM and stack",
             f"apt-get install {CROSS_PACKAGES}", lambda: program(COMPILER)),
        Need("newlib", "linking exports for a Cortex-M4F", f"apt-get install {CROSS_PACKAGES}", _newlib),
        Need(EMULATOR, "how many instructions an export takes on a Cortex-M4F", f"apt-get install {CROSS_PACKAGES}",
             lambda: program(EMULATOR)),
        Need("onnx", "compactrl export --format onnx", "pip install 'compactrl[onnx]'",
             lambda: _all_of("onnx", "onnxruntime")),
        Need("drawing", "films of MuJoCo's robots", drawing.INSTALL, _drawing),
        Need("pygame", "films of classic control", 'pip install "gymnasium[classic-control]"',
             lambda: package("pygame-ce") or package("pygame")),
        Need("box2d", "films of LunarLander and BipedalWalker, and --engine gymnasium with them",
             'pip install "gymnasium[box2d]"', lambda: package("box2d") or package("box2d-py")),
        Need("ffmpeg", "films as mp4", "pip install imageio-ffmpeg", _ffmpeg),
        Need("gymnasium-robotics", "films of Fetch robots, and --engine gymnasium with them",
             "pip install gymnasium-robotics", lambda: package("gymnasium-robotics")),
    )
}  # fmt: skip
"""By name, in the order in which the doctor tells of them."""
