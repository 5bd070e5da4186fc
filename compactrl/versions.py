"""The versions that a result depends on."""

from __future__ import annotations

import contextlib
import platform
from importlib import metadata

VERSION = "0.1.0"
"""Of compactrl."""
RECORDED = ("compactrl", "numpy", "torch", "envpool", "gymnasium", "mujoco", "evotorch", "cma", "ray")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in RECORDED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
