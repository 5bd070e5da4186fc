"""compactrl finds the smallest neural policy that still controls a robot.

    run = compactrl.search(method="chromatic", env="HalfCheetah-v5", partitions=17)
    run.policy(observation)
    run.evaluate(episodes=100).mean_return

`compactrl.search` and its kin are imported when first used: the command line answers at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactrl.api import resume, search
    from compactrl.exports import export
    from compactrl.runs import Run, load

# OpenMP's threads spin while they wait by default, which starves the threads that step environments.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__all__ = ["Run", "export", "load", "resume", "search"]


def __getattr__(name: str) -> Any:
    if name in ("search", "resume"):
        from compactrl import api

        return getattr(api, name)
    if name == "export":
        from compactrl import exports

        return exports.export
    if name in ("Run", "load"):
        from compactrl import runs

        return getattr(runs, name)
    raise AttributeError(f"module 'compactrl' has no attribute '{name}'")
