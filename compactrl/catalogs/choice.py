"""The architecture for a robot with so much memory: chosen from a catalogue, and shipped as the run's policy.

A choice is made by the bytes of weights and biases, which follow from the widths alone. What the tables of the chosen
policy take is then counted exactly: it is more where the observations' normaliser cannot go into the weights. If that
is over a limit in bytes, the next choice is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from compactrl.catalogs.catalog import Catalog
from compactrl.catalogs.contexts import as_typed
from compactrl.catalogs.table import FILE, Row, file_of, table_of
from compactrl.encodings.storage import plain_bytes, stored_bytes
from compactrl.errors import CompactrlError, InputError, did_you_mean
from compactrl.policies.architectures import Widths, by_memory
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run
from compactrl.storage.files import write_json

EPISODES = 100
"""Fresh episodes behind what is said of a selected policy."""
REPORTED = ("return_mean", "return_std", "return_interval", "episodes", "failed")
"""What is said of it, where it is known."""


def select(catalog: Catalog, limit: int, by: str, max_bytes: int | None = None) -> dict[str, Any]:
    """Choose an architecture of at most `limit` parameters and write its policy as the run's.

    Args:
        catalog: what is chosen from.
        limit: in parameters.
        by: `return` or one of the environment's measures (of the saved table), `memory` (dimension) or `size`.
        max_bytes: what the tables of the policy may take as well.

    Returns:
        What was chosen and why, as JSON values; `bytes` are what its tables take (`compactrl.encodings.storage`).

    Raises:
        InputError: nothing fits, the table is not there, or `by` is something else.
    """
    _check_by(catalog, by)
    widths, policy, why = _choose_stored(catalog, _fitting(catalog, limit), by, max_bytes)
    summary = _ship(catalog, policy)
    return {
        "widths": list(widths),
        "parameters": policy.size.parameters,
        "bytes": stored_bytes(policy),
        "memory_dimension": catalog.memory(widths),
        "limit": limit,
        "by": by,
        "why": why,
        **({} if policy.context is None else {"context": policy.context.tolist()}),
        **{key: summary[key] for key in (*REPORTED, *_measures(summary)) if key in summary},
    }


def _check_by(catalog: Catalog, by: str) -> None:
    """Raise InputError where architectures are not chosen by this."""
    usual, measures = ("return", "memory", "size"), catalog.spec.measures
    if by in (*usual, *measures):
        return
    told = f" or {', '.join(measures)}, which {catalog.spec.id} measures" if measures else ""
    guess = did_you_mean(by, (*usual, *measures))
    raise InputError(f"--by {by}: expected return, memory or size{',' if told else ''}{told}{guess and f'.{guess}'}")


def _measures(summary: dict[str, Any]) -> list[str]:
    """Return the keys of what the environment reports beside the return."""
    return [key for key in summary if key.endswith("_mean") and key not in REPORTED]


def parameters_in(max_bytes: int) -> int:
    """Return how many weights and biases take so many bytes, where the normaliser goes into them.

    Example:
        >>> parameters_in(4099)
        1024
    """
    return max_bytes // plain_bytes(1)


class _Choice(NamedTuple):
    """An architecture, its policy, and what it is chosen for."""

    widths: Widths
    policy: Policy
    why: str


def _choose_stored(catalog: Catalog, fitting: Sequence[Widths], by: str, max_bytes: int | None) -> _Choice:
    """Return the choice among those that fit; where its tables take more than `max_bytes`, the next one.

    Raises:
        InputError: the tables of all of them take more.
    """
    left, larger = list(fitting), 0
    while left:
        widths, why = _choose(catalog, left, by)
        (policy,) = catalog.policies([widths])
        taken = stored_bytes(policy)
        if max_bytes is None or taken <= max_bytes:
            kept = "must keep the observations' normaliser and would take more"
            return _Choice(widths, policy, f"{why}; left out: {larger:,} that {kept}" if larger else why)
        left.remove(widths)
        larger += 1
    raise InputError(
        f"no architecture's tables take at most {max_bytes:,} bytes: those of {_name(widths)} take {taken:,}, "
        "since the observations' normaliser must be kept"
    )


def _fitting(catalog: Catalog, limit: int) -> list[Widths]:
    """Return the architectures of at most `limit` parameters, the smallest first."""
    architectures = catalog.architectures
    fitting = [widths for widths in architectures if catalog.parameters(widths) <= limit]
    if not fitting:
        smallest = catalog.parameters(architectures[0])
        raise InputError(
            f"no architecture has at most {limit:,} parameters: the smallest, {_name(architectures[0])}, has "
            f"{smallest:,} ({plain_bytes(smallest):,} bytes)"
        )
    return fitting


def _choose(catalog: Catalog, fitting: Sequence[Widths], by: str) -> tuple[Widths, str]:
    """Return one of the architectures that fit, and what it is chosen for."""
    rows = {tuple(row["widths"]): row for row in _rows_of_this_checkpoint(catalog)}
    if by == "return" or by in catalog.spec.measures:
        lower = by in catalog.spec.lower_is_better
        widths = _best(catalog, fitting, rows, by, lower)
        extreme, episodes = "lowest" if lower else "highest", rows[widths]["episodes"]
        why = (
            f"the {extreme} mean {by} of the {len(fitting):,} that fit, over {episodes} episode{'s' * (episodes != 1)}"
        )
    elif by == "memory":
        widths = by_memory(catalog.spec.observation_size, catalog.spec.action.size, fitting)
        why = f"the largest lossless memory dimension of the {len(fitting):,} that fit; no return was looked at"
    else:
        widths = fitting[-1]
        why = f"the most parameters of the {len(fitting):,} that fit; no return was looked at"
    return widths, why


def _rows_of_this_checkpoint(catalog: Catalog) -> list[Row]:
    """Return the saved rows, over any number of episodes; none where the table is of another checkpoint."""
    table = table_of(catalog.run.path, catalog.file)
    same = table.get("checkpoint") == catalog.iteration and table.get("env_steps") == catalog.env_steps
    return list(table["architectures"]) if same else []


def _best(catalog: Catalog, fitting: Sequence[Widths], rows: Mapping[Widths, Row], by: str, lower: bool) -> Widths:
    """Return the architecture with the highest mean return or measure, or the lowest; of equals the smallest."""
    column = f"{by}_mean"
    missing = [widths for widths in fitting if column not in rows.get(widths, {})]
    if missing:
        raise InputError(
            f"--by {by} needs the {by} of every architecture that fits, and {len(missing):,} of {len(fitting):,} "
            f"have none from this checkpoint: first `compactrl evaluate {catalog.run.path} --architectures all"
            f"{catalog.option}`"
        )
    known = [widths for widths in fitting if rows[widths][column] is not None]
    if not known:
        raise CompactrlError(f"every episode of the {len(fitting):,} architectures that fit failed")
    sign = 1.0 if lower else -1.0
    return min(known, key=lambda widths: (sign * rows[widths][column], catalog.parameters(widths), widths))


def _ship(catalog: Catalog, policy: Policy) -> dict[str, Any]:
    """Write a policy as the run's, evaluate it, and return the run's new summary."""
    _name_by_context(catalog)
    save_policy(catalog.run.path / "policy", policy)
    run = Run(catalog.run.path)
    evaluation = run.evaluate_for_summary(EPISODES, catalog.settings.search.threads)
    summary = {**run.summary, **run.report(evaluation)}
    write_json(run.path / "summary.json", summary)
    return summary


def _name_by_context(catalog: Catalog) -> None:
    """Give the table of another task than the one that ships from now on a name with its context."""
    path, context = catalog.run.path, table_of(catalog.run.path).get("context")
    if context is not None and catalog.context is not None and context != catalog.context.tolist():
        (path / FILE).replace(path / file_of(as_typed(np.array(context))))


def _name(widths: Widths) -> str:
    return "[" + ", ".join(map(str, widths)) + "]"
