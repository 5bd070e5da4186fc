"""Cores, memory, disk and GPU of this machine, as far as they can be seen without importing torch."""

from __future__ import annotations

import ast
import ctypes.util
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from compactrl.machine.needs import program

CGROUP = Path("/sys/fs/cgroup")
"""Where a container says what it may have; in one, its root is the container's own."""
LITTLE_MEMORY, LITTLE_DISK = 1.0, 1.0
"""GiB that are free, below which a search may fail."""


class Amount(NamedTuple):
    """Of memory or disk, in GiB."""

    free: float
    total: float

    def __str__(self) -> str:
        """Say how much is free."""
        return f"{self.total:.1f} GiB, {self.free:.1f} GiB free"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def memory() -> Amount:
    """Return the memory; what caches hold is free."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page
    free = os.sysconf("SC_AVPHYS_PAGES") * page
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # what the system counts as free will do
    most, used = (_number(CGROUP / name) for name in ("memory.max", "memory.current"))
    if most is not None and used is not None:  # of a container
        total, free = min(total, most), min(free, max(0, most - used))
    return Amount(free / 2**30, total / 2**30)


def _number(file: Path) -> int | None:
    """Return the number in a file; None where there is none."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # or "max"
        return None


def disk(place: Path) -> Amount:
    """Return the disk that a folder is on."""
    usage = shutil.disk_usage(place)
    return Amount(usage.free / 2**30, usage.total / 2**30)


def gpu() -> str:
    """Return the name of the first NVIDIA GPU, or nothing."""
    name = program("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return "" if not ctypes.util.find_library("cuda") or "fail" in name.lower() else name


def cuda_of_torch() -> str:
    """Return the CUDA that torch is built for, or nothing: torch is read, not imported."""
    torch = find_spec("torch")
    if torch is None or not torch.origin:
        return ""
    try:
        tree = ast.parse((Path(torch.origin).parent / "version.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if any(getattr(target, "id", "") == "cuda" for target in targets) and isinstance(value, ast.Constant):
            return str(value.value or "")
    return ""
