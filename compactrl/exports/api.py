"""`compactrl.export` and `compactrl export`: what an export takes from a run, and no more than that.

A run says which policy, where it comes from, which states it visits, and where its episodes begin. All that follows is
`assemble`'s, which knows of no run.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.envs.engines import ENGINES
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.exports.assemble import Exported, Source, check_place, write
from compactrl.exports.options import ExportOptions, options_of
from compactrl.exports.origin import Origin, hashes_of, hashes_of_files
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.runs.evaluation import seeds_behind_summary
from compactrl.runs.run import Run
from compactrl.storage.files import read_json

VISITED = (4, 500)
"""Episodes, and steps of each at most, from which golden vectors and the ranges of observations are taken."""


def export(run: Run | str | Path, out: str | Path, **options: Any) -> Exported:
    """Write a run's policy as C for a robot, or as an ONNX file.

    Args:
        run: a run, or its folder.
        out: a folder that is new, empty, or holds an earlier export; for ONNX a file that ends with .onnx.
        options: fields of `ExportOptions`, as on the command line with underscores.

    Raises:
        InputError: an option, the run or the place will not do.
        CompactrlError: over a limit, not equal to the policy, or a tool fails; nothing is left behind.
    """
    chosen = options_of(options, Path(out))
    opened = run if isinstance(run, Run) else Run(run)
    check_place(Path(out), chosen)
    return write(source_of(opened, chosen), Path(out), chosen)


def source_of(run: Run, options: ExportOptions) -> Source:
    """Return all that an export needs of a run.

    Raises:
        InputError: no such architecture in this run, or its environment cannot be made here.
    """
    policy, origin = _policy_of(run, options.architecture)
    starts = starts_of(run, policy) if options.verify and options.format != "onnx" else None
    return Source(policy, visited_states(run, policy), origin, starts, run.config.get("env_options") or {})


class _Known(NamedTuple):
    """A policy, and where it comes from."""

    policy: Policy
    origin: Origin


def _policy_of(run: Run, architecture: str) -> _Known:
    """Return the policy that a run ships; or, if an architecture is named, what its last checkpoint gives for it."""
    versions = run.path / "versions.json"
    about = {"run_versions": read_json(versions) if versions.exists() else {}}
    if not architecture:
        return _Known(run.policy, Origin(hashes_of_files(run.path), manifest=about))
    from compactrl.catalogs.catalog import open_catalog

    catalog = open_catalog(run)
    policy = catalog.policy(architecture)
    widths = list(policy.shape[1:-1])
    about |= {"architecture": widths, "checkpoint": catalog.iteration, "env_steps": catalog.env_steps}
    words = f"architecture {','.join(map(str, widths))} of checkpoint {catalog.iteration}"
    return _Known(policy, Origin(hashes_of(policy), words, about))


def visited_states(run: Run, policy: Policy) -> Singles:
    """Return states that the policy visits, (B, O), in single precision."""
    episodes, steps = VISITED
    starts = _starts(run, policy, _quick_environment(run, policy))
    return roll_out(starts, policy, episodes, steps).observations.astype(np.float32)


def starts_of(run: Run, policy: Policy) -> Starts:
    """Return where the episodes behind a run's summary begin, in the task that a policy of it is for.

    Raises:
        InputError: the environment cannot be made here.
    """
    return _starts(run, policy, environment_of(run.config))


def _starts(run: Run, policy: Policy, spec: EnvironmentSpec) -> Starts:
    return Starts(spec, seeds_behind_summary(run.config["seed"]), policy.task_in(spec.contexts))


def _quick_environment(run: Run, policy: Policy) -> EnvironmentSpec:
    """Return the environment on its engine's twin where that has the same one: importing EnvPool takes longer."""
    kind = ENGINES.get(run.config["engine"])
    if kind is not None and kind.twin:
        with contextlib.suppress(InputError):  # the twin has no such environment
            spec = environment_of({**run.config, "engine": kind.twin})
            if (spec.observation_size, spec.action) == (policy.shape[0], policy.action):
                return spec
    return environment_of(run.config)
