"""`compactrl evaluate | select`: what a run's policy does, and which of its architectures is the policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import (
    Architecture,
    Context,
    Extrapolate,
    Json,
    RunPath,
    check_extrapolate,
    chosen,
    whole_number,
)
from compactrl.errors import InputError
from compactrl.quantities import read_size

if TYPE_CHECKING:
    from compactrl.runs.run import Run


def evaluate(
    run: RunPath,
    episodes: Annotated[
        Optional[str],  # noqa: UP045  (typer reads it)
        typer.Option(
            metavar="COUNT", help="Fresh episodes: 100, or 5 of each architecture or task.", show_default=False
        ),
    ] = None,
    architectures: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="all", help="Evaluate every architecture of a graph hypernetwork.", show_default=False),
    ] = None,
    tasks: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="train|test|all", help="Evaluate every task of a family, with a plot.", show_default=False
        ),
    ] = None,
    architecture: Architecture = None,
    context: Context = None,
    extrapolate: Extrapolate = False,
    seed: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="COUNT", help="What the episodes follow from; by default the run's own seed.", show_default=False
        ),
    ] = None,
    num_envs: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="COUNT",
            help="Parallel environments at most, by default as the search was given. Changes results.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a policy without noise on episodes that neither its search nor its summary has seen."""
    from compactrl.cli.sentences import describe_evaluation
    from compactrl.runs.run import load
    from compactrl.searches.progress import EvaluationProgress

    opened, count = load(run), whole_number("--episodes", episodes)
    most = whole_number("--num-envs", num_envs) or 0
    for option, value in (("--architectures", architectures), ("--tasks", tasks)):
        if value is not None and seed is not None:
            raise InputError(f"--seed is for the run's policy: leave it out with {option}, whose table is kept")
    if architectures is not None and tasks is not None:
        raise InputError("give one of --architectures and --tasks")
    if tasks is not None and context is not None:
        raise InputError("--context is for one task: leave it out with --tasks")
    if architectures is not None and architecture is not None:
        raise InputError("--architecture is for one of them: leave it out with --architectures")
    check_extrapolate(context, extrapolate)
    if architectures is not None:
        _evaluate_all(opened, architectures, Task(context, extrapolate), count, most, as_json)
        return
    if tasks is not None:
        _evaluate_tasks(opened, tasks, architecture, count, most, as_json)
        return
    opened = chosen(opened, architecture, context, extrapolate)
    with EvaluationProgress(quiet=as_json) as progress:
        evaluation = opened.evaluate(
            count, seed=None if seed is None else _seed(seed), watch=progress.watch, num_envs=most
        )
    result = {**opened.report(evaluation), "evaluation_seed": evaluation.seed}
    if as_json:
        print_json(json.dumps(result, indent=2))
    else:
        print(describe_evaluation(opened, result))


def _seed(text: str) -> int:
    """Read a seed.

    Raises:
        InputError: it is no whole number from 0.
    """
    if not text.isdigit():
        raise InputError(f"--seed {text}: expected a whole number, at least 0")
    return int(text)


class Task(NamedTuple):
    """A task as it is asked for."""

    context: str | None
    extrapolate: bool


def _evaluate_all(run: Run, architectures: str, task: Task, episodes: int | None, num_envs: int, as_json: bool) -> None:
    from compactrl.catalogs.catalog import open_catalog
    from compactrl.catalogs.evaluation import EPISODES, evaluate_all
    from compactrl.catalogs.summary import summarize
    from compactrl.cli.progress import CatalogProgress
    from compactrl.cli.sentences import describe_catalog

    if architectures != "all":
        raise InputError(f"--architectures '{architectures}': expected all")
    catalog = open_catalog(run, *task)
    with CatalogProgress(len(catalog.architectures)) as progress:
        rows = evaluate_all(catalog, episodes or EPISODES, on_rows=progress.note, num_envs=num_envs)
    summary = summarize(rows)
    if as_json:
        task_told = {} if catalog.context is None else {"context": catalog.context.tolist()}
        print_json(json.dumps({**task_told, **summary, "architectures": rows}, indent=2))
    else:
        print(describe_catalog(catalog, rows, summary))


def _evaluate_tasks(
    run: Run, tasks: str, architecture: str | None, episodes: int | None, num_envs: int, as_json: bool
) -> None:
    from compactrl.catalogs.task_table import EPISODES, evaluate_tasks, stem_of
    from compactrl.cli.progress import CatalogProgress
    from compactrl.cli.sentences import describe_tasks
    from compactrl.reports.task_figures import save_task_figure

    with CatalogProgress(0, "tasks") as progress:
        table = evaluate_tasks(
            run, tasks, episodes or EPISODES, architecture=architecture, num_envs=num_envs, on_tasks=progress.note
        )
    figures = save_task_figure(run.path, table, stem_of(architecture))
    if as_json:
        print_json(json.dumps({**table, "figures": [str(path) for path in figures]}, indent=2))
    else:
        print(describe_tasks(run, table, run.path / f"{stem_of(architecture)}.json", figures))


def select(
    run: RunPath,
    max_parameters: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="Weights and biases that fit.", show_default=False),
    ] = None,
    max_bytes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="BYTES", help="Bytes of the tables that fit, such as 2kB.", show_default=False),
    ] = None,
    by: Annotated[str, typer.Option(help="return, a measure of the environment, memory or size.")] = "return",
    context: Context = None,
    extrapolate: Extrapolate = False,
    as_json: Json = False,
) -> None:
    """Choose the architecture of a graph hypernetwork that fits a robot; it becomes the run's policy."""
    from compactrl.catalogs import choice
    from compactrl.catalogs.catalog import open_catalog
    from compactrl.cli.sentences import describe_selection
    from compactrl.runs.run import load

    if (max_parameters is None) == (max_bytes is None):
        raise InputError("give one of --max-parameters and --max-bytes: what fits the robot")
    parameters = whole_number("--max-parameters", max_parameters)
    limit = whole_number("--max-bytes", max_bytes, read_size)
    if parameters is None:
        parameters = choice.parameters_in(limit or 0)
    check_extrapolate(context, extrapolate)
    catalog = open_catalog(load(run), context, extrapolate)
    result = choice.select(catalog, parameters, by, limit)
    if as_json:
        print_json(json.dumps(result, indent=2))
    else:
        print(describe_selection(catalog, result))
