"""Every architecture of a run evaluated, some at a time; the table is saved as it grows and goes on where it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compactrl.catalogs.catalog import Catalog
from compactrl.catalogs.table import FILE, Row, table_of
from compactrl.errors import InputError
from compactrl.networks.mixed import padded
from compactrl.policies.architectures import Widths
from compactrl.runs.run import EVALUATION_STREAM, mean_of_known
from compactrl.searches.shipping import together
from compactrl.storage.files import write_json
from compactrl.types import Trials

LANES = 160
"""About: lanes are a multiple of the episodes, so that those of an architecture run side by side."""
ROUNDS = 4
"""Episodes of each lane between two savings of the table."""
EPISODES = 5


def evaluate_all(
    catalog: Catalog,
    episodes: int = EPISODES,
    threads: int = 0,
    on_rows: Callable[[int, int], None] = lambda *_: None,
) -> list[Row]:
    """Evaluate every architecture over whole episodes, without noise; goes on with a table that was begun.

    Args:
        catalog: what is evaluated.
        episodes: of each architecture.
        threads: that step environments; 0 for every core.
        on_rows: called with how many architectures are done, and of how many.

    Raises:
        InputError: fewer than one episode.
    """
    from compactrl.evaluation.local import LocalEvaluator

    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")
    every = in_turn(catalog.architectures, catalog.parameters)
    side_by_side = max(1, LANES // episodes)
    rows = _begun(catalog, episodes)
    if len(rows) < len(every) and [tuple(row["widths"]) for row in rows] != every[: len(rows)]:
        rows = []  # begun in another order, by another version
    rows = rows[: len(rows) // (side_by_side * ROUNDS) * side_by_side * ROUNDS] if len(rows) < len(every) else rows
    if len(rows) == len(every):
        return rows
    seed = np.random.SeedSequence(catalog.settings.search.seed, spawn_key=(EVALUATION_STREAM, 1))
    lanes = side_by_side * episodes
    evaluator = LocalEvaluator(catalog.spec, lanes, seed, threads or None)
    try:
        evaluator.load_state_dict({"resets": np.full(lanes, len(rows) // side_by_side)})
        while len(rows) < len(every):
            part = every[len(rows) : len(rows) + side_by_side * ROUNDS]
            rows += _evaluate(catalog, part, evaluator, episodes)
            if len(rows) == len(every):
                rows.sort(key=lambda row: (row["parameters"], row["widths"]))
            write_json(catalog.run.path / FILE, {**_identity(catalog, episodes), "architectures": rows})
            on_rows(len(rows), len(every))
    finally:
        evaluator.close()
    return rows


def in_turn(architectures: Sequence[Widths], parameters: Callable[[Widths], int]) -> list[Widths]:
    """Return architectures in the order in which they are evaluated; `parameters` counts those of one."""
    return sorted(architectures, key=lambda each: (parameters(padded(each)), padded(each), each))


def _evaluate(catalog: Catalog, part: Sequence[Widths], evaluator: Any, episodes: int) -> list[Row]:
    policies = catalog.policies(part)
    count = len(part) * episodes
    trials = Trials(together(policies, episodes), catalog.normalizer, np.zeros((count, 0), np.int64))
    outcomes = evaluator.evaluate(trials)
    returns = outcomes.returns.reshape(len(part), episodes)
    rows = []
    for number, (widths, each) in enumerate(zip(part, returns, strict=True)):
        known = each[np.isfinite(each)]
        row: Row = {
            "widths": list(widths),
            "parameters": catalog.parameters(widths),
            "memory_dimension": catalog.memory(widths),
            "return_mean": float(known.mean()) if len(known) else None,
            "return_std": float(known.std(ddof=1)) if len(known) > 1 else None,
            "episodes": len(known),
        }
        for name, values in outcomes.measures.items():
            row[f"{name}_mean"] = mean_of_known(values.reshape(len(part), episodes)[number])
        rows.append(row)
    return rows


def _identity(catalog: Catalog, episodes: int) -> dict[str, Any]:
    return {"checkpoint": catalog.iteration, "env_steps": catalog.env_steps, "episodes": episodes}


def _begun(catalog: Catalog, episodes: int) -> list[Row]:
    """Return the rows of a table of this very checkpoint with as many episodes; none where there is no such table.

    Another table is not lost: it is kept aside.
    """
    path, wanted = catalog.run.path, _identity(catalog, episodes)
    table = table_of(path)
    found = {key: table.get(key) for key in wanted}
    if table and found != wanted:
        kept = path / _aside(found)
        (path / FILE).replace(kept)
        warnings.warn(
            f"{path / FILE} was of {found['episodes']} episodes after {found['env_steps']} steps: it is kept as "
            f"{kept.name}",
            stacklevel=3,
        )
        if (path / _aside(wanted)).exists():
            (path / _aside(wanted)).replace(path / FILE)
            table = table_of(path)
            found = {key: table.get(key) for key in wanted}
    return list(table["architectures"]) if found == wanted else []


def _aside(identity: dict[str, Any]) -> str:
    """Return where a table is kept while another one is the run's."""
    return f"architectures-{identity['checkpoint']}-{identity['episodes']}-episodes.json"
