"""compactrl finds the smallest neural policy that still controls a robot.

    found = compactrl.fit("HalfCheetah-v5", max_bytes=1024, time="1h")
    found.policy, found.bytes, found.return_mean, found.front
    run = compactrl.search("HalfCheetah-v5", method="chromatic", partitions=17)
    run.policy(observation)
    run.evaluate(episodes=100).mean_return
    compactrl.compare(["runs/chromatic-*", run]).save("report.html")

`compactrl.search` and its kin are imported when first used: the command line answers at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from compactrl.errors import CompactrlError, InputError
from compactrl.versions import VERSION

if TYPE_CHECKING:
    from compactrl.catalogs.task_table import evaluate_tasks
    from compactrl.exports import export
    from compactrl.fits.api import Fit, fit
    from compactrl.policies.files import load_policy
    from compactrl.policies.policy import Policy
    from compactrl.reports.analysis import analyze
    from compactrl.reports.film import play
    from compactrl.reports.report import compare
    from compactrl.runs.run import Run, load
    from compactrl.runs.shipped import zoo
    from compactrl.searches.api import resume, search
    from compactrl.searches.studying import gradients

# OpenMP's threads spin while they wait by default, which starves the threads that step environments.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = VERSION
__all__ = [
    "CompactrlError", "Fit", "InputError", "Policy", "Run", "analyze", "compare", "evaluate_tasks", "export", "fit",
    "gradients", "load", "load_policy", "play", "resume", "search", "zoo",
]  # fmt: skip


_WHERE = {
    "fit": "compactrl.fits.api",
    "Fit": "compactrl.fits.api",
    "search": "compactrl.searches.api",
    "resume": "compactrl.searches.api",
    "Policy": "compactrl.policies.policy",
    "Run": "compactrl.runs.run",
    "load": "compactrl.runs.run",
    "load_policy": "compactrl.policies.files",
    "export": "compactrl.exports",
    "compare": "compactrl.reports.report",
    "analyze": "compactrl.reports.analysis",
    "play": "compactrl.reports.film",
    "gradients": "compactrl.searches.studying",
    "zoo": "compactrl.runs.shipped",
    "evaluate_tasks": "compactrl.catalogs.task_table",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'compactrl' has no attribute '{name}'")
