"""Every architecture of a run evaluated; the table is saved as it grows, and goes on where it was.

Architectures are evaluated in the order of the shapes that they are computed with, about the smallest first: those that
run at once then share their products.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.catalogs.catalog import Catalog
from compactrl.catalogs.contexts import as_typed
from compactrl.catalogs.table import Row, file_of, table_of
from compactrl.errors import InputError
from compactrl.networks.mixed import padded
from compactrl.policies.architectures import Widths
from compactrl.policies.batches import copies, tasks_of
from compactrl.runs.evaluation import EVALUATION_STREAM, mean_of_known
from compactrl.storage.files import write_json
from compactrl.types import Floats, Trials

if TYPE_CHECKING:
    from compactrl.evaluation.local import LocalEvaluator

EPISODES = 5
"""Of each architecture, as in Hegde & Sukhatme 2022, section IV."""
LANES = 160
"""About: lanes are a multiple of the episodes, so that those of an architecture run side by side."""
ROUNDS = 4
"""Episodes of each lane between two savings of the table."""


def evaluate_all(
    catalog: Catalog,
    episodes: int = EPISODES,
    threads: int = 0,
    on_rows: Callable[[int, int], None] = lambda *_: None,
    num_envs: int = 0,
) -> list[Row]:
    """Evaluate every architecture over whole episodes, without noise; goes on with a table that was begun.

    Args:
        catalog: what is evaluated.
        episodes: of each architecture.
        threads: that step environments; 0 for every core.
        on_rows: called with how many architectures are done, and of how many; first with those of a table that was
            begun.
        num_envs: parallel environments at most; 0 for as many as the search was given. Changes results.

    Returns:
        One row per architecture, the smallest first.

    Raises:
        InputError: fewer than one episode.
    """
    from compactrl.evaluation.local import LocalEvaluator

    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")
    if num_envs:
        catalog = catalog._replace(spec=replace(catalog.spec, environments=num_envs))
    architectures = in_turn(catalog.architectures, catalog.parameters)
    side_by_side = max(1, catalog.spec.at_most(LANES) // episodes)
    file, told = catalog.file, _told(catalog)
    rows = _rows_to_go_on_with(catalog, file, episodes, architectures, side_by_side * ROUNDS)
    on_rows(len(rows), len(architectures))
    if len(rows) == len(architectures):
        return rows
    seed = np.random.SeedSequence(catalog.settings.search.seed, spawn_key=(EVALUATION_STREAM, 1))
    lanes = catalog.spec.at_most(side_by_side * episodes)
    evaluator = LocalEvaluator(catalog.spec, lanes, seed, threads or None)
    try:
        part = side_by_side * ROUNDS
        resets_of_part = np.bincount(np.arange(part * episodes) % lanes, minlength=lanes)
        evaluator.load_state_dict({"resets": len(rows) // part * resets_of_part})
        while len(rows) < len(architectures):
            rows += _evaluate(catalog, architectures[len(rows) : len(rows) + part], evaluator, episodes)
            if len(rows) == len(architectures):
                rows.sort(key=lambda row: (row["parameters"], row["widths"]))
            write_json(catalog.run.path / file, {**_identity(catalog, episodes), **told, "architectures": rows})
            on_rows(len(rows), len(architectures))
    finally:
        evaluator.close()
    return rows


def in_turn(architectures: Sequence[Widths], parameters: Callable[[Widths], int]) -> list[Widths]:
    """Return architectures in the order in which they are evaluated; `parameters` counts those of one."""
    return sorted(architectures, key=lambda widths: (parameters(padded(widths)), padded(widths), widths))


def _evaluate(catalog: Catalog, part: Sequence[Widths], evaluator: LocalEvaluator, episodes: int) -> list[Row]:
    """Evaluate some architectures at once; returns their rows."""
    policies = catalog.policies(part)
    count = len(part) * episodes
    no_designs, tasks = np.zeros((count, 0), np.int64), tasks_of(policies, episodes)
    trials = Trials(copies(policies, episodes), catalog.normalizer, no_designs, tasks=tasks)
    outcomes = evaluator.evaluate(trials)
    returns = outcomes.returns.reshape(len(part), episodes)
    rows = [_row(catalog, widths, values) for widths, values in zip(part, returns, strict=True)]
    for name, measured in outcomes.measures.items():
        for row, values in zip(rows, measured.reshape(len(part), episodes), strict=True):
            row[f"{name}_mean"] = mean_of_known(values)
    return rows


def _row(catalog: Catalog, widths: Widths, returns: Floats) -> Row:
    """Return the row of an architecture with these returns (episodes,), NaN where an episode failed."""
    known = returns[np.isfinite(returns)]
    return {
        "widths": list(widths),
        "parameters": catalog.parameters(widths),
        "memory_dimension": catalog.memory(widths),
        "return_mean": float(known.mean()) if len(known) else None,
        "return_std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "episodes": len(known),
    }


def _identity(catalog: Catalog, episodes: int) -> dict[str, Any]:
    """Return what a table is of."""
    identity = {"checkpoint": catalog.iteration, "env_steps": catalog.env_steps, "episodes": episodes}
    task = {} if catalog.context is None else {"context": catalog.context.tolist()}
    return {**identity, "environments": catalog.spec.environments or None, **task}


def _told(catalog: Catalog) -> dict[str, Any]:
    """Return what the numbers of a table's context are; nothing where there are no tasks."""
    told = None if catalog.context is None else catalog.spec.contexts
    return {} if told is None else {"names": list(told.names)}


def _rows_to_go_on_with(
    catalog: Catalog, file: str, episodes: int, architectures: Sequence[Widths], part: int
) -> list[Row]:
    """Return the rows of a table that was begun: all of them, or those of whole parts, since a part repeats its seeds.

    Args:
        catalog: what is evaluated.
        file: that the table is in.
        episodes: of each architecture.
        architectures: in the order in which they are evaluated.
        part: how many architectures are evaluated between two savings.
    """
    rows = _saved_rows(catalog, file, episodes)
    if len(rows) == len(architectures):
        return rows
    if [tuple(row["widths"]) for row in rows] != architectures[: len(rows)]:
        return []  # begun in another order, by another version
    return rows[: len(rows) // part * part]


def _saved_rows(catalog: Catalog, file: str, episodes: int) -> list[Row]:
    """Return the rows of a table of this very checkpoint with as many episodes; none where there is no such table.

    Another table is not lost: it is kept aside.
    """
    path, wanted = catalog.run.path, _identity(catalog, episodes)
    table = table_of(path, file)
    saved = {key: table.get(key) for key in wanted}
    if table and saved != wanted:
        aside = path / _aside(file, saved)
        (path / file).replace(aside)
        warnings.warn(
            f"{path / file} was of {saved['episodes']} episodes after {saved['env_steps']} steps: it is kept as "
            f"{aside.name}",
            stacklevel=4,
        )
        if (path / _aside(file, wanted)).exists():
            (path / _aside(file, wanted)).replace(path / file)
            table = table_of(path, file)
            saved = {key: table.get(key) for key in wanted}
    return list(table["architectures"]) if saved == wanted else []


def _aside(file: str, identity: dict[str, Any]) -> str:
    """Return the name under which a table is kept while another one is in its file."""
    lanes = f"-{identity['environments']}-lanes" if identity["environments"] else ""
    context = identity.get("context")
    stem = Path(file if context is None else file_of(as_typed(np.array(context)))).stem
    return f"{stem}-{identity['checkpoint']}-{identity['episodes']}-episodes{lanes}.json"
