"""`compactrl search | resume`: a search with progress shown and signals heeded."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
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
    workers: Workers = None,
    ray_address: RayAddress = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Go on with a run from its last checkpoint; the result is that of an uninterrupted run."""
    from compactrl.searches.api import reopen

    budget = whole_number("--steps", steps)
    _run_search(lambda: reopen(run, budget, workers=workers, ray_address=ray_address), quiet)


def _run_search(begin: Callable[[], Search], quiet: bool) -> None:
    """Begin a search and run it to its end, with progress shown and signals heeded; say what it came to."""
    from compactrl.cli.progress import SearchProgress
    from compactrl.cli.sentences import describe_result
    from compactrl.searches.api import finish

    stop = _Stop()
    search = begin()
    path = search.writer.path
    with SearchProgress(search, quiet) as progress:
        run = finish(search, progress.note, stop)
    if stop() and not run.summary["finished"]:
        print(
            f"stopped at {run.summary['env_steps']:,} environment steps, saved; go on with: compactrl resume {path}",
            file=sys.stderr,
        )
        raise typer.Exit(128 + stop.signal)
    print(describe_result(run))


class _Stop:
    """Asked for by SIGINT or SIGTERM: the search ends after this generation, saved."""

    def __init__(self) -> None:
        self.signal = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.signal:  # asked twice: at once, without waiting for threads; files are whole at any moment
            show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
            print(f"{show_cursor}stopped; what was saved last is good", file=sys.stderr, flush=True)
            os._exit(128 + number)
        self.signal = number
        print("stopping after this generation; once more stops at once", file=sys.stderr, flush=True)

    def __call__(self) -> bool:
        return self.signal != 0
