"""What this machine has, and whether it fits what compactrl was tested with."""

from __future__ import annotations

import os
import warnings
from typing import Any

from compactrl.envs.engines import ENGINES
from compactrl.versions import versions

ENVPOOL_MUJOCO = "3.6.0"
"""The MuJoCo that EnvPool bundles; another one gives other trajectories for the same seed."""


def examine(workers: int = 0, ray_address: str = "") -> dict[str, Any]:
    """Return machine, versions and problems, as JSON values; with workers of Ray, what each of them sees.

    Raises:
        InputError: the workers cannot be had.
    """
    installed = versions()
    problems = []
    if installed.get("mujoco") != ENVPOOL_MUJOCO:
        problems.append(
            f"mujoco is {installed.get('mujoco', 'not installed')}: EnvPool bundles {ENVPOOL_MUJOCO}, and trajectories "
            f"differ between versions. Install with: pip install mujoco=={ENVPOOL_MUJOCO}"
        )
    for name in ("envpool", "torch", "gymnasium", "evotorch", "cma", "ray"):
        if name not in installed:
            problems.append(f"{name} is not installed: pip install -c constraints.txt -e .")
    machine: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
    }
    if not problems:
        problems += _try_engines()
    report: dict[str, Any] = {"machine": machine, "versions": installed, "problems": problems}
    if workers or ray_address:
        report["workers"] = _ask_workers(workers, ray_address, problems)
    return report


def _ask_workers(count: int, address: str, problems: list[str]) -> list[dict[str, Any]]:
    """Return what each worker sees of its machine; those that do not fit are a problem."""
    from compactrl.evaluation.ray.workers import Workers

    first = next(iter(ENGINES.values()))
    environment = {
        "env": first.example, "engine": first.name, "max_episode_steps": 5, "env_options": {}, "env_module": "",
    }  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        workers = Workers(environment, count, address)
        reports = workers.reports
        workers.close()
    problems += [str(warning.message) for warning in caught]
    return reports


def _try_engines() -> list[str]:
    """Step an environment on each engine."""
    import numpy as np

    from compactrl.envs.registry import describe
    from compactrl.evaluation.local import LocalEvaluator
    from compactrl.types import Layer, Normalizer, Stacked, Trials

    problems = []
    for kind in ENGINES.values():
        try:
            spec = describe(kind.example, kind.name, 5)
            evaluator = LocalEvaluator(spec, 1, np.random.SeedSequence(0), 1)
            layer = Layer(np.zeros((1, spec.action.size, spec.observation_size), np.float32), None)
            normalizer = Normalizer(np.zeros(spec.observation_size), np.ones(spec.observation_size))
            evaluator.evaluate(Trials(Stacked((layer,)), normalizer, np.zeros((1, 0), np.int64)))
            evaluator.close()
        except Exception as error:
            # Whatever is broken there, the doctor's answer is to say so.
            problems.append(f"{kind.name} cannot step {kind.example}: {type(error).__name__}: {error}")
    return problems
