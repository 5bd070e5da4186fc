"""The commands in the order of the help, and what becomes of errors.

Results go to standard output, progress and errors to standard error. Exit status 0 is success, 1 a failure, 2 bad
input, 130 or 143 a search that was stopped and saved.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from compactrl.cli.evaluating import evaluate, select
from compactrl.cli.exporting import EXPORT, export_command
from compactrl.cli.looking import doctor, envs, methods
from compactrl.cli.output import json_alone
from compactrl.cli.reports import analyze, play, report
from compactrl.cli.searching import SEARCH, resume, search_command
from compactrl.errors import CompactrlError


def main() -> None:
    """Run the command line."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = "--debug" in sys.argv[1:]
    warnings.showwarning = _show_warning
    _shown.clear()
    app = make_app(arguments[0] if arguments else "")
    sys.exit(_run(app, arguments, debug))


def make_app(command: str) -> typer.Typer:
    """Return the command line.

    Args:
        command: that is called. Options of `search` and `export` follow from those of the package's parts, which takes
            a while to import: only the one that is called has them.
    """
    app = typer.Typer(
        name="compactrl",
        help="Find the smallest neural policy that still controls a robot.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_common)
    app.command("search", help=SEARCH)(search_command() if command == "search" else _only_listed)
    _add(app, resume, evaluate, select, report, analyze, play)
    app.command("export", help=EXPORT)(export_command() if command == "export" else _only_listed)
    _add(app, methods, envs, doctor)
    return app


def _add(app: typer.Typer, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command()(command)


def _common(debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False) -> None:
    """Find the smallest neural policy that still controls a robot."""


def _only_listed() -> None:
    """Stand for a command in the help, without its options."""


def _run(app: typer.Typer, arguments: list[str], debug: bool) -> int | None:
    """Run a command; returns the exit status. An error is one line on standard error, and raised with `debug`."""
    try:
        with json_alone("--json" in arguments):
            status: int | None = app(args=arguments, standalone_mode=False)
    except CompactrlError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except typer.TyperException as error:
        print(f"error: {_usage(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was saved last is good", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        if debug:
            raise
        print(f"error: {type(error).__name__}: {error} (--debug shows where)", file=sys.stderr)
        return 1
    return status


def _usage(error: typer.TyperException) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return f"{text} (`compactrl --help`)"


_shown: set[str] = set()
"""Warnings that this command has shown: one that many environments give is one for who reads it."""


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    text = re.sub("\x1b\\[[0-9;]*m", "", str(message)).removeprefix("WARN: ").strip()
    if text not in _shown:
        _shown.add(text)
        print(f"warning: {text}", file=sys.stderr)
