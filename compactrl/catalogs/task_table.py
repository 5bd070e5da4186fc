"""Every task of a run evaluated: the table is saved in the run as `tasks.json`, or with an architecture in its name.

Tasks that trained and tasks that test stand apart. The returns of a task are over its own episodes; of a split the mean
over its tasks is given, with the interval that episodes leave it: these very tasks, not the family, are what it is of.
Where policies adapt, every task has its return before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.catalogs.table import rows_in
from compactrl.catalogs.tasks import SPLITS, Split, TaskCatalog, open_tasks
from compactrl.errors import InputError, did_you_mean
from compactrl.policies.batches import copies, tasks_of
from compactrl.policies.policy import Policy
from compactrl.runs.evaluation import EVALUATION_STREAM, check_episodes, mean_of_known
from compactrl.runs.run import Run
from compactrl.storage.files import write_json
from compactrl.types import Floats, Trials

STEM = "tasks"
FILE = f"{STEM}.json"
EPISODES = 5
"""Of each task, by default."""
LANES = 160
"""About: lanes are a multiple of the episodes, so that those of a task run side by side."""
STREAM = 2
"""Of the evaluation's stream, what the episodes follow from."""
BEFORE = "before_"
"""Of columns: before adaptation."""

COLUMNS = ("context", "return_mean", "episodes")
"""Of every row."""
Row = dict[str, Any]
"""A task: `context`, `return_mean`, `return_std`, `episodes`, means of measures; `before_…` of each where it adapts."""
OnTasks = Callable[[int, int], None]
"""Called with how many tasks are done, and of how many."""


def evaluate_tasks(
    run: Run | str | Path,
    tasks: str = "all",
    episodes: int = EPISODES,
    *,
    architecture: str | None = None,
    threads: int = 0,
    num_envs: int = 0,
    on_tasks: OnTasks = lambda *_: None,
) -> dict[str, Any]:
    """Evaluate the policies of a run's tasks over whole episodes, without noise; a table that is there already is used.

    Args:
        run: a run, or its folder.
        tasks: `train`, `test` or `all`.
        episodes: of each task.
        architecture: widths of the hidden layers, as in `16,8`, of a graph hypernetwork for tasks; by default those of
            the policy that ships.
        threads: that step environments; 0 for every core.
        num_envs: parallel environments at most; 0 for as many as the search was given. Changes results.
        on_tasks: called with how many tasks are done, and of how many.

    Returns:
        The table, as JSON values: `names` of what tells a task, rows of the splits `train` and `test`, and of each a
        summary; `widths` of the hidden layers, of a graph hypernetwork.

    Raises:
        InputError: other tasks, fewer than one episode, or a run without tasks.
    """
    if tasks not in ("all", *SPLITS):
        raise InputError(f"--tasks {tasks}: expected train, test or all.{did_you_mean(tasks, ('all', *SPLITS))}")
    check_episodes(episodes)
    catalog = open_tasks(run if isinstance(run, Run) else Run(run), num_envs=num_envs, architecture=architecture)
    file = f"{stem_of(architecture)}.json"
    wanted = [split for split in SPLITS if tasks == split or (tasks == "all" and len(catalog.contexts(split)))]
    if not all(len(catalog.contexts(split)) for split in wanted):
        raise InputError(f"--tasks test: {catalog.run.path} has no test tasks: its search was given --test-tasks 0")
    identity = _identity(catalog, episodes)
    saved = table_of(catalog.run.path, file)
    same = all(saved.get(key) == value for key, value in identity.items())
    known = {key: rows for key, rows in saved.items() if key in SPLITS and same}
    total = sum(len(catalog.contexts(split)) for split in wanted)
    done = sum(len(catalog.contexts(split)) for split in wanted if split in known)
    on_tasks(done, total)
    for split in wanted:
        if split not in known:
            known[split] = _rows(catalog, split, episodes, threads, partial(_note, on_tasks, done, total))
            done += len(known[split])
            write_json(catalog.run.path / file, {**identity, **known})
    table: dict[str, Any] = {split: known[split] for split in wanted}
    return {**identity, **table, "summary": {split: summarize(rows) for split, rows in table.items()}}


def _note(on_tasks: OnTasks, before: int, total: int, part: int) -> None:
    """Say how many tasks are done: those before, and a part of those that are being evaluated."""
    on_tasks(before + part, total)


def stem_of(architecture: str | None) -> str:
    """Return the name of a table's files without their endings; that of an architecture that was asked for is in it.

    Example:
        >>> stem_of(None), stem_of("16,8")
        ('tasks', 'tasks-16-8')
    """
    return STEM if architecture is None else f"{STEM}-{architecture.replace(' ', '').replace(',', '-')}"


def table_of(path: Path, file: str = FILE) -> dict[str, Any]:
    """Return a run's saved table; empty where there is none.

    Raises:
        DamagedFileError: the file is something else.
    """
    return rows_in(path / file, "tasks", lambda table: [table.get(split, []) for split in SPLITS], COLUMNS)


def _identity(catalog: TaskCatalog, episodes: int) -> dict[str, Any]:
    """Return what a table is of."""
    return {
        "checkpoint": catalog.iteration,
        "env_steps": catalog.env_steps,
        "episodes": episodes,
        "environments": catalog.spec.environments or None,
        "names": list(catalog.family.names),
        **({} if catalog.widths is None else {"widths": list(catalog.widths)}),
        "adaptation_episodes": 0 if catalog.learner is None else catalog.learner.adaptation_episodes,
    }


def _rows(catalog: TaskCatalog, split: Split, episodes: int, threads: int, on_part: Callable[[int], None]) -> list[Row]:
    """Return the rows of a split."""
    contexts = catalog.contexts(split)
    rows: list[Row] = [{"context": context.tolist()} for context in contexts]
    key = (EVALUATION_STREAM, STREAM, SPLITS.index(split))
    seed = np.random.SeedSequence(catalog.settings.search.seed, spawn_key=key)
    phases = [("", catalog.policies(contexts))]
    if catalog.learner is not None:
        phases = [(BEFORE, phases[0][1]), ("", catalog.adapted(contexts, threads))]
    for number, (prefix, policies) in enumerate(phases):
        last = number == len(phases) - 1
        for row, columns in zip(
            rows, evaluate(policies, catalog, episodes, seed, threads, on_part if last else lambda _: None), strict=True
        ):
            row.update({f"{prefix}{name}": value for name, value in columns.items()})
    return rows


def evaluate(
    policies: Sequence[Policy],
    catalog: TaskCatalog,
    episodes: int,
    seed: np.random.SeedSequence,
    threads: int,
    on_part: Callable[[int], None],
) -> list[Row]:
    """Return the columns of each policy, over so many episodes in its task."""
    from compactrl.evaluation.local import LocalEvaluator

    side_by_side = max(1, catalog.spec.at_most(LANES) // episodes)
    evaluator = LocalEvaluator(catalog.spec, catalog.spec.at_most(side_by_side * episodes), seed, threads or None)
    rows: list[Row] = []
    try:
        while len(rows) < len(policies):
            part = list(policies[len(rows) : len(rows) + side_by_side])
            count = len(part) * episodes
            networks, no_designs = copies(part, episodes), np.zeros((count, 0), np.int64)
            trials = Trials(networks, part[0].normalizer, no_designs, tasks=tasks_of(part, episodes))
            outcomes = evaluator.evaluate(trials)
            found = [_columns(values) for values in outcomes.returns.reshape(len(part), episodes)]
            for name, measured in outcomes.measures.items():
                for row, values in zip(found, measured.reshape(len(part), episodes), strict=True):
                    row[f"{name}_mean"] = mean_of_known(values)
            rows += found
            on_part(len(rows))
    finally:
        evaluator.close()
    return rows


def _columns(returns: Floats) -> Row:
    """Return the columns of a task with these returns (episodes,), NaN where an episode failed."""
    known = returns[np.isfinite(returns)]
    return {
        "return_mean": float(known.mean()) if len(known) else None,
        "return_std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "episodes": len(known),
    }


def summarize(rows: Sequence[Row]) -> dict[str, Any]:
    """Say what the tasks of a split came to, as JSON values.

    `return_mean` over tasks, `return_std` between them, and `return_interval` that holds the mean of these tasks by
    95 %, by the spread of each one's episodes; the same of `before_…`, where tasks have it; `failed` tasks, of which no
    episode is known.
    """
    summary: dict[str, Any] = {"tasks": len(rows)}
    for prefix in ("", BEFORE):
        if not all(f"{prefix}return_mean" in row for row in rows):
            continue
        known = [row for row in rows if row[f"{prefix}return_mean"] is not None]
        means = np.array([row[f"{prefix}return_mean"] for row in known])
        variances = [(row[f"{prefix}return_std"] or 0.0) ** 2 / row[f"{prefix}episodes"] for row in known]
        half = 1.96 * float(np.sqrt(np.sum(variances))) / max(len(known), 1)
        mean = float(means.mean()) if len(known) else None
        summary |= {
            f"{prefix}return_mean": mean,
            f"{prefix}return_std": float(means.std(ddof=1)) if len(known) > 1 else None,
            f"{prefix}return_interval": None if mean is None else [mean - half, mean + half],
            f"{prefix}failed": len(rows) - len(known),
        }
    measures = [key for key in rows[0] if key.endswith("_mean") and not key.startswith(BEFORE)] if rows else []
    names = [key for key in measures if key != "return_mean"]
    for name in names:
        summary[name] = mean_of_known(np.array([np.nan if row[name] is None else row[name] for row in rows]))
    return summary
