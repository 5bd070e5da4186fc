"""The architecture for a robot with so much memory: chosen from a catalogue, and shipped as the run's policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compactrl.catalogs.catalog import Catalog
from compactrl.catalogs.table import Row, table_of
from compactrl.errors import CompactrlError, InputError
from compactrl.policies.architectures import Widths, by_memory
from compactrl.policies.files import save_policy
from compactrl.runs.run import Run
from compactrl.storage.files import write_json

BYTES = 4
"""Of a number."""


def select(catalog: Catalog, limit: int, by: str) -> dict[str, Any]:
    """Choose an architecture of at most `limit` parameters and write its policy as the run's.

    Args:
        catalog: what is chosen from.
        limit: in parameters.
        by: `return` (of the saved table), `memory` (dimension) or `size`.

    Raises:
        InputError: nothing fits, the table is not there, or `by` is something else.
    """
    if by not in ("return", "memory", "size"):
        raise InputError(f"--by {by}: expected return, memory or size")
    every = catalog.architectures
    fitting = [each for each in every if catalog.parameters(each) <= limit]
    if not fitting:
        smallest = catalog.parameters(every[0])
        raise InputError(
            f"no architecture has at most {limit:,} parameters: the smallest, {_name(every[0])}, has {smallest:,} "
            f"({BYTES * smallest:,} bytes)"
        )
    rows = {tuple(row["widths"]): row for row in _current(catalog)}
    if by == "return":
        widths = _best_return(catalog, fitting, rows)
        why = f"the highest mean return of the {len(fitting):,} that fit, over {rows[widths]['episodes']} episodes"
    elif by == "memory":
        widths = by_memory(catalog.spec.observation_size, catalog.spec.action.size, fitting)
        why = f"the largest lossless memory dimension of the {len(fitting):,} that fit; no return was looked at"
    else:
        widths = fitting[-1]
        why = f"the most parameters of the {len(fitting):,} that fit; no return was looked at"
    (policy,) = catalog.policies([widths])
    save_policy(catalog.run.path / "policy", policy)
    run = Run(catalog.run.path)
    evaluation = run.evaluate(SELECTED_EPISODES, catalog.settings.search.threads)
    summary = {**run.summary, **run.report(evaluation)}
    write_json(run.path / "summary.json", summary)
    return {
        "widths": list(widths),
        "parameters": policy.size.parameters,
        "bytes": BYTES * policy.size.parameters,
        "memory_dimension": catalog.memory(widths),
        "limit": limit,
        "by": by,
        "why": why,
        **{key: summary[key] for key in (*REPORTED, *evaluation.measure_means) if key in summary},
    }


REPORTED = ("return_mean", "return_std", "return_interval", "episodes", "failed")
SELECTED_EPISODES = 100
"""Fresh episodes behind what is said of a selected policy."""


def _current(catalog: Catalog) -> list[Row]:
    """Return the saved rows of this checkpoint, with however many episodes."""
    table = table_of(catalog.run.path)
    same = table.get("checkpoint") == catalog.iteration and table.get("env_steps") == catalog.env_steps
    return list(table["architectures"]) if same else []


def _best_return(catalog: Catalog, fitting: Sequence[Widths], rows: dict[Widths, Row]) -> Widths:
    missing = [each for each in fitting if each not in rows]
    if missing:
        raise InputError(
            f"--by return needs the returns of every architecture that fits, and {len(missing):,} of {len(fitting):,} "
            f"have none from this checkpoint: first `compactrl evaluate {catalog.run.path} --architectures all`"
        )
    known = [each for each in fitting if rows[each]["return_mean"] is not None]
    if not known:
        raise CompactrlError(f"every episode of the {len(fitting):,} architectures that fit failed")
    return min(known, key=lambda each: (-rows[each]["return_mean"], catalog.parameters(each), each))


def _name(widths: Widths) -> str:
    return "[" + ", ".join(map(str, widths)) + "]"
