"""`compactrl search | resume`: a search with progress shown and signals heeded."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.parameters import (
    RayAddress,
    RunPath,
    Workers,
    whole_number,
    with_parameters,
)
from compactrl.cli.search_options import given_options, search_parameters
from compactrl.cli.signals import Stop
from compactrl.errors import InputError

if TYPE_CHECKING:
    from compactrl.searches.search import Search


def search_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Return the `search` command.

    Args:
        arguments: of the command line; its help depends on them.
    """

    def command(**given: Any) -> None:
        from compactrl.searches.api import start

        out, quiet, _ = given.pop("out"), given.pop("quiet"), given.pop("help_all")
        options = given_options(given)
        _run_search(lambda: start(options, out), quiet)

    return with_parameters(command, search_parameters(arguments))


def resume(
    run: RunPath,
    steps: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="A larger budget in environment steps.", show_default=False),
    ] = None,
    stop_at: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NUMBER", help="Another return to stop at, or none.", show_default=False),
    ] = None,
    patience: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NUMBER", help="Another share of the budget without improvement.", show_default=False),
    ] = None,
    workers: Workers = None,
    ray_address: RayAddress = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Go on with a run from its last checkpoint; the result is that of an uninterrupted run."""
    from compactrl.searches.api import reopen

    if (run / "fit.json").exists():
        _resume_fit(run, {"--steps": steps, "--stop-at": stop_at, "--patience": patience}, quiet)
        return
    budget = whole_number("--steps", steps)
    changed = {"stop_at": stop_at, "patience": patience, "workers": workers, "ray_address": ray_address}
    _run_search(lambda: reopen(run, budget, **changed), quiet)


def _resume_fit(path: Path, changed: Mapping[str, str | None], quiet: bool) -> None:
    """Go on with a fit, whose budget is what it was.

    Raises:
        InputError: an option is given.
    """
    from compactrl.cli.fitting import run_shown
    from compactrl.fits.api import options_in
    from compactrl.fits.ledger import threads_of

    for option, value in changed.items():
        if value is not None:
            raise InputError(f"{option} {value}: {path} is a fit, whose options do not change; leave it out")
    run_shown(options_in(path), path, threads_of(path), quiet)


def _run_search(begin: Callable[[], Search], quiet: bool) -> None:
    """Begin a search and run it to its end, with progress shown and signals heeded; say what it came to."""
    from compactrl.cli.program import program
    from compactrl.cli.sentences import describe_result
    from compactrl.searches.api import finish
    from compactrl.searches.progress import SearchProgress

    stop = Stop()
    search = begin()
    resume = f"{program()} resume {shlex.quote(str(search.writer.path))}"
    with SearchProgress(search, f"Ctrl-C saves, `{resume}` goes on", quiet, "--steps {}") as progress:
        run = finish(search, progress.note, stop, progress.watch)
    if stop() and not run.summary["finished"]:
        print(
            f"stopped at {run.summary['env_steps']:,} environment steps, saved; go on with: {resume}", file=sys.stderr
        )
        raise typer.Exit(128 + stop.signal)
    print(describe_result(run, program()))
