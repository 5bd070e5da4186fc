"""`compactrl search | resume`: a search with progress shown and signals heeded."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.parameters import (
    Parameter,
    RayAddress,
    RunPath,
    Workers,
    flag_of,
    whole_number,
    with_parameters,
)

if TYPE_CHECKING:
    from compactrl.methods.help import OptionHelp
    from compactrl.searches.search import Search

SEARCH = "Search for a compact policy: name an environment and how few weights it may have."


def search_command() -> Callable[..., None]:
    """Return the `search` command with one parameter for each option that any part has."""
    from compactrl.methods.help import describe_options

    def command(**given: Any) -> None:
        from compactrl.searches.api import start

        out, quiet = given.pop("out"), given.pop("quiet")
        options = {name: value for name, value in given.items() if value is not None}
        _run_search(lambda: start(options, out), quiet)

    out = typer.Option(
        help="Folder of the run; by default a new one under runs/.", rich_help_panel="Search", show_default=False
    )
    quiet = typer.Option("--quiet", help="Show no progress.", rich_help_panel="Search")
    return with_parameters(
        command,
        [
            *map(_parameter, describe_options()),
            Parameter("out", Annotated[Optional[Path], out], None),  # noqa: UP045  (typer reads it)
            Parameter("quiet", Annotated[bool, quiet], False),
        ],
    )


def _parameter(option: OptionHelp) -> Parameter:
    from compactrl.methods.options import ALIASES

    flag, is_flag = flag_of(option.name), option.type == "flag"
    names = [f"{flag}/--no-{flag[2:]}" if is_flag else flag]
    names += [f"--{alias}" for alias, name in ALIASES.items() if name == option.name]
    declared = typer.Option(
        *names,
        help=option.help,
        rich_help_panel=option.panel,
        show_default=False,
        metavar=None if is_flag else option.type,
    )
    kind: Any = Optional[bool] if is_flag else Optional[str]  # noqa: UP045  (typer reads it)
    return Parameter(option.name, Annotated[kind, declared], None)


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
    """Asked for by SIGINT, SIGTERM or SIGHUP: the search ends after this generation, saved.

    SIGHUP says that the terminal was closed. Where it is ignored, as under `nohup`, it stays so.
    """

    def __init__(self) -> None:
        self.signal = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
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
