"""`--context-grid`: networks for contexts on a grid in one C file, its golden vectors, and its verification.

The C is compared with Python at every network and half way between each two. How well it does in its tasks is measured
in closed loop at some of these contexts, beside the policy that would have been exported for that context alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.encodings.formats import FORMATS
from compactrl.encodings.grid import Grid, GridPlan, make_grid_plan
from compactrl.exports.c import Program
from compactrl.exports.numbers import literal
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.exports.tools import version
from compactrl.exports.vectors import Vectors, golden, one_or_each, tolerances
from compactrl.exports.verify import (
    COMPILERS,
    OBSERVATIONS,
    ClosedLoop,
    compare,
    compile_strictly,
    compilers_here,
    mixture,
    native_of,
    sanitize,
)
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.types import Floats

SHOWN = 5
"""Contexts of golden vectors, and of closed loops."""
SEEN = 4
"""Visited states of each context among golden vectors."""
FEWEST = 2
"""Episodes of each context in closed loop, at least."""


@dataclass(frozen=True)
class GridSource:
    """Policies of contexts on a grid."""

    grid: Grid
    policies: list[Policy]
    """(count,) of the grid's contexts."""
    of_context: Callable[[Floats], list[Policy]]
    """Contexts (n, 1) → the policies that would be exported for each alone."""

    def plan(self) -> GridPlan:
        """Return the plan of all of them."""
        return make_grid_plan(self.policies, FORMATS["float32"], self.grid)


def shown(grid: Grid) -> Singles:
    """Return some contexts of a grid, on its networks and between them."""
    places = np.unique([0.0, 0.5, (grid.count - 1) / 2 + 0.25, grid.count - 1.5, grid.count - 1.0])[:SHOWN]
    return (grid.low + places / grid.scale).astype(np.float32)


def tried(grid: Grid) -> Singles:
    """Return the contexts of a grid, half way between each two, and beyond both ends."""
    steps = np.arange(-1, 2 * grid.count) / 2
    return (grid.low + steps / grid.scale).astype(np.float32)


def golden_of_grid(plan: GridPlan, visited: Singles) -> Vectors:
    """Return vectors of some contexts, with states of these that are visited (B, O) and edges."""
    rows = visited[np.unique(np.linspace(0, len(visited) - 1, SEEN).astype(int))] if len(visited) else visited
    parts = [(context, golden(plan.at(float(context)), rows)) for context in shown(plan.grid)]
    return Vectors(
        np.concatenate([part.observations for _, part in parts]),
        np.concatenate([part.actions for _, part in parts]),
        np.concatenate([np.full(len(part.observations), context, np.float32) for context, part in parts]),
    )


def verify_grid(program: Program, source: GridSource, files: Path, starts: Starts, episodes: int) -> dict[str, Any]:
    """Verify the files in a folder, and return what that came to, as JSON values.

    Args:
        program: what the files were written from; its plan is a `GridPlan`.
        source: the policies.
        files: the folder.
        starts: where the episodes begin in which the C drives the environment.
        episodes: how many, shared among contexts.

    Raises:
        CompactrlError: no compiler is here, or the C is not the policies.
    """
    plan = program.plan
    if not isinstance(plan, GridPlan):
        raise TypeError(f"expected a plan of many networks, got {type(plan).__name__}")
    compilers, contexts = compilers_here(), tried(plan.grid)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        for compiler in compilers:
            compile_strictly(files, compiler, scratch)
        natives = [native_of(program, files, compiler, scratch / compiler) for compiler in compilers]
        observations = mixture(plan.policy, program.visited)
        some = observations[:: -(-len(contexts) * len(observations) // (10 * OBSERVATIONS))]
        found = []
        for compiler, native in zip(compilers, natives, strict=True):
            for context in contexts:
                native.set_context(float(context))
                at = replace(program, plan=plan.at(float(context)))
                found.append(np.atleast_1d(compare(at, native, some, compiler)))
        inside = float(shown(plan.grid)[1])
        natives[0].set_context(inside)
        begin = f"{program.name}_set_context({literal(np.float32(inside))});"
        sanitized = sanitize(program, files, some, natives[0], compilers[0], scratch, begin)
        loops, rows = [], []
        each = max(FEWEST, episodes // SHOWN)
        exact = source.of_context(shown(plan.grid)[:, None].astype(float))
        for context, policy in zip(shown(plan.grid), exact, strict=True):
            begun = starts._replace(task=np.array([float(context)]))
            natives[0].set_context(float(context))
            python, driven, alone = (
                roll_out(begun, act, each, stride=starts.spec.max_episode_steps).returns
                for act in (plan.at(float(context)).policy, natives[0], policy)
            )
            loops.append((python, driven))
            rows.append({"context": float(context), "c": float(driven.mean()), "own_network": float(alone.mean())})
    largest = np.max(found, axis=0)
    return {
        "compilers": {compiler: version(compiler) for compiler in compilers},
        "cplusplus": [COMPILERS[compiler] for compiler in compilers],
        "sanitizers": sanitized,
        "observations": len(some) * len(contexts),
        "contexts": len(contexts),
        "discrete_disagreement" if plan.action.kind == "discrete" else "largest_difference": one_or_each(largest),
        "tolerance": one_or_each(tolerances(plan.action)),
        "closed_loop": ClosedLoop(*map(np.concatenate, zip(*loops, strict=True))).report(),
        "closed_loop_contexts": rows,
    }
