"""What this machine has, whether searches run on it, and what else could be installed, for what.

A problem is something without which no search runs well: the command then ends with status 1. Whatever only a part of
compactrl needs is missing, if it is, with the line that installs it.
"""

from __future__ import annotations

import os
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from compactrl.envs.engines import ENGINES
from compactrl.machine import drawing, hardware
from compactrl.machine.needs import NEEDS, Need, package
from compactrl.versions import versions

INSTALL = "pip install -c constraints.txt -e ."
ROOT = Path(__file__).parents[2]
"""Of the source, where this is one."""


def examine(workers: int = 0, ray_address: str = "") -> dict[str, Any]:
    """Return machine, versions, what is found and missing, and problems, as JSON values; with workers, what they see.

    Raises:
        InputError: the workers cannot be had.
    """
    problems = unmet()
    found, missing = _look(list(NEEDS.values()))
    report: dict[str, Any] = {
        "machine": _machine(missing),
        "versions": versions(),
        "found": found,
        "missing": missing,
        "notes": [*_untested(), *_scarce()],
        "problems": problems,
    }
    if not problems:
        problems += _try_engines()
    if workers or ray_address:
        report["workers"] = _ask_workers(workers, ray_address, problems)
    return report


def unmet(requirements: list[str] | None = None) -> list[str]:
    """Return what compactrl requires and is not installed, or of another version, with the line that mends it.

    Args:
        requirements: as packages state them; by default compactrl's own.
    """
    from packaging.requirements import Requirement

    if requirements is None:
        requirements = (metadata.requires("compactrl") or []) if package("compactrl") else []
    problems = []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version, wanted = package(requirement.name), requirement.specifier
        if not version:
            problems.append(f"{requirement.name} is not installed: {INSTALL}")
        elif not wanted.contains(version, prereleases=True):
            because = " EnvPool brings that version, and others move robots otherwise." * (requirement.name == "mujoco")
            problems.append(f"{requirement.name} is {version}, expected {wanted}.{because} Install it with: {INSTALL}")
    return problems


def _untested() -> list[str]:
    """Say which versions are others than those that were tested together, where the list of these is at hand."""
    if not package("compactrl"):
        return [f"compactrl is run from its source, and what it requires is not checked; to install it: {INSTALL}"]
    constraints = ROOT / "constraints.txt"
    if not constraints.is_file():
        return []
    recorded = versions().keys()
    differing = []
    for line in constraints.read_text(encoding="utf-8").splitlines():
        name, separator, tested = line.partition("==")
        version = package(name) if separator and name in recorded else ""
        if version and version.partition("+")[0] != tested:
            differing.append(f"{name} {version} ({tested})")
    if not differing:
        return []
    return [f"other versions than those tested, which are in brackets: {', '.join(differing)}; {INSTALL}"]


def _scarce() -> list[str]:
    """Say what there is little of."""
    memory, disk = hardware.memory(), hardware.disk(Path())
    notes = []
    if memory.free < hardware.LITTLE_MEMORY:
        notes.append(f"little memory is free ({memory.free:.1f} GiB): fewer --lanes and --threads take less")
    if disk.free < hardware.LITTLE_DISK:
        notes.append(f"little disk is free here ({disk.free:.1f} GiB): a run with a replay buffer takes about 1 GiB")
    return notes


def _look(needs: list[Need]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what is found, by name, and what is missing."""
    looked = [(need, need.found) for need in needs]
    found = {need.name: seen for need, seen in looked if seen}
    missing = [
        {"name": need.name, "purpose": need.purpose, "install": need.install} for need, seen in looked if not seen
    ]
    for need in missing:
        if need["name"] == "drawing":  # it may be there, and be hindered
            need["install"] = drawing.hindrance() or need["install"]
    return found, missing


def _machine(missing: list[dict[str, str]]) -> dict[str, Any]:
    """Return the machine's parts; a GPU that torch cannot use is something missing."""
    gpu, cuda = hardware.gpu(), hardware.cuda_of_torch()
    if gpu and not cuda:
        missing.append(
            {
                "name": "CUDA in torch",
                "purpose": "learning by gradients on the GPU (--device cuda)",
                "install": "pip install --force-reinstall torch",
            }
        )
    said = os.environ.get(drawing.VARIABLE, "")
    return {
        "cores": hardware.cores(),
        "memory": str(hardware.memory()),
        "disk": f"{hardware.disk(Path())} here",
        "gpu": f"{gpu}, torch has {f'CUDA {cuda}' if cuda else 'no CUDA'}" if gpu else "none; searches need none",
        "screen": "there is one" if drawing.has_screen() else "none; films need none",
        drawing.VARIABLE: said or f"not set: {drawing.chosen() or 'nothing'} is taken",
    }


def _ask_workers(count: int, address: str, problems: list[str]) -> list[dict[str, Any]]:
    """Return what each worker sees of its machine; those that do not fit are a problem."""
    from compactrl.evaluation.ray.workers import Workers

    first = next(kind for kind in ENGINES.values() if kind.ids())
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
