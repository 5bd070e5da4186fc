"""`compactrl.export` and `compactrl export`: what an export takes from a run, and no more than that.

A run says which policy, where it comes from, which states it visits, and where its episodes begin. All that follows is
`assemble`'s, which knows of no run.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compactrl.encodings.grid import Between, Grid
from compactrl.envs.engines import ENGINES
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.exports.assemble import Exported, Source, check_place, write
from compactrl.exports.grid import GridSource
from compactrl.exports.options import ExportOptions, options_of
from compactrl.exports.origin import FILES, Origin, hashes_of, hashes_of_files
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.policies.contexts import Contexts
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.runs.evaluation import seeds_behind_summary
from compactrl.runs.run import Run
from compactrl.storage.files import read_json

FEWEST_NETWORKS, MOST_NETWORKS = 2, 1024
"""Of a grid of contexts."""
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
    policy, origin, grid = _known_of(run, options)
    starts = starts_of(run, policy) if options.verify and options.format != "onnx" else None
    return Source(policy, visited_states(run, policy), origin, starts, run.config.get("env_options") or {}, grid)


class _Known(NamedTuple):
    """A policy, and where it comes from."""

    policy: Policy
    origin: Origin
    grid: GridSource | None = None


def _known_of(run: Run, options: ExportOptions) -> _Known:
    """Return the policy that a run ships; or what its last checkpoint gives for an architecture or contexts."""
    versions = run.path / "versions.json"
    about = {"run_versions": read_json(versions) if versions.exists() else {}}
    if options.architecture is not None and options.context_grid is None:
        return _of_architecture(run, options.architecture, options, about)
    if options.context is not None or options.context_grid is not None:
        return _of_contexts(run, options, about)
    return _Known(run.policy, Origin(hashes_of_files(run.path), manifest=about))


def _of_contexts(run: Run, options: ExportOptions, about: dict[str, Any]) -> _Known:
    """Return the policy of a context, or those of a grid of contexts."""
    from compactrl.catalogs.contexts import read_context
    from compactrl.catalogs.tasks import open_tasks

    option = "--context-grid" if options.context is None else "--context"
    catalog = open_tasks(run, option, architecture=options.architecture)
    about = {**about, "checkpoint": catalog.iteration, "env_steps": catalog.env_steps}
    if catalog.widths is not None:
        about["architecture"] = list(catalog.widths)
    where = f"of checkpoint {catalog.iteration}"
    if options.context is not None:
        context = read_context(options.context, catalog.family, options.extrapolate)
        (policy,) = catalog.adapted(context[None])
        about["context"] = dict(zip(catalog.family.names, context.tolist(), strict=True))
        return _Known(policy, Origin(hashes_of(policy), f"{catalog.family.words(context)} {where}", about))
    grid = read_grid(options, catalog.family)
    policies = catalog.adapted(grid.contexts[:, None].astype(float))
    (name,), middle = catalog.family.names, policies[grid.count // 2]
    about["context_grid"] = {
        "name": name, "low": grid.low, "high": grid.high, "networks": grid.count, "between": grid.between,
        "policies_sha256": [hashes_of(policy)[FILES[0]] for policy in policies],
    }  # fmt: skip
    words = f"{grid.count} networks for {name} {grid.low:g} to {grid.high:g} {where}"
    return _Known(middle, Origin(hashes_of(middle), words, about), GridSource(grid, policies, catalog.adapted))


def read_grid(options: ExportOptions, family: Contexts) -> Grid:
    """Return the grid of contexts that is asked for.

    Raises:
        InputError: it is none, or the family's tasks are told by more than one number.
    """
    from compactrl.catalogs.contexts import read_context

    text = options.context_grid or ""
    parts = text.split(",")
    if family.size != 1:
        raise InputError(f"--context-grid is for tasks told by one number, and these by {', '.join(family.names)}")
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2]) if len(parts) == 3 else 0
    except (ValueError, IndexError):
        count = 0
    if count == 0 or not low < high or not FEWEST_NETWORKS <= count <= MOST_NETWORKS:
        example = f"{family.low[0]:g},{family.high[0]:g},16"
        raise InputError(
            f"--context-grid {text}: expected the lowest and the highest {family.names[0]} and how many networks, "
            f"{FEWEST_NETWORKS} to {MOST_NETWORKS}, such as {example}"
        )
    for end in parts[:2]:
        read_context(end, family, options.extrapolate)
    between: Between = "nearest" if options.context_between == "nearest" else "interpolate"
    grid = Grid(low, high, count, between, family.names[0])
    if len(np.unique(grid.contexts)) < count:
        raise InputError(
            f"--context-grid {text}: in single precision, which the C has, there are not {count} different numbers "
            f"between {parts[0]} and {parts[1]}: give fewer networks, or contexts that are farther apart"
        )
    return grid


def _of_architecture(run: Run, architecture: str, options: ExportOptions, about: dict[str, Any]) -> _Known:
    """Return the policy of an architecture, for a context where one is given."""
    from compactrl.catalogs.catalog import open_catalog
    from compactrl.catalogs.contexts import family_of

    catalog = open_catalog(run, options.context, options.extrapolate)
    policy = catalog.policy(architecture)
    widths = list(policy.shape[1:-1])
    about |= {"architecture": widths, "checkpoint": catalog.iteration, "env_steps": catalog.env_steps}
    if policy.context is not None:
        names = family_of(catalog.spec).names
        about["context"] = dict(zip(names, policy.context.tolist(), strict=True))
    task = f"{catalog.of_task}, " if catalog.of_task else ""
    words = f"{task}architecture {','.join(map(str, widths))} of checkpoint {catalog.iteration}"
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
