"""The commands in the order of the help, and what becomes of errors.

Results go to standard output, progress and errors to standard error. Exit status 0 is success, 1 a failure, 2 bad
input, 129, 130 or 143 a search that was stopped and saved, 141 that whoever read the output has gone.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from compactrl.cli import streams
from compactrl.cli.evaluating import evaluate, select
from compactrl.cli.exporting import EXPORT, export_command
from compactrl.cli.fitting import fit
from compactrl.cli.gradients import gradients
from compactrl.cli.looking import doctor, envs, methods
from compactrl.cli.output import json_alone
from compactrl.cli.reports import analyze, play, report
from compactrl.cli.robots import new_robot
from compactrl.cli.search_options import FURTHER, HELP
from compactrl.cli.searching import resume, search_command
from compactrl.cli.zoo import zoo
from compactrl.errors import CompactrlError, did_you_mean, flag_of
from compactrl.methods.names import current_name
from compactrl.versions import VERSION

FIRST = {
    "compactrl fit CartPole-v1 --max-bytes 64 --stop-at 490": "a first policy, in seconds",
    "compactrl search --env CartPole-v1 --partitions 2 --hidden 4 --stop-at 490": "a first search, in seconds",
    "compactrl search --help": "its options, and so for every command",
}
"""Command → what it is for, at the end of the help."""


def main() -> None:
    """Run the command line; without a command it says which there are."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"] or ["--help"]
    debug = "--debug" in sys.argv[1:]
    warnings.showwarning = _show_warning
    _shown.clear()
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):  # typer takes GITHUB_ACTIONS for a terminal
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
    streams.prepare()
    sys.exit(streams.flushed(_run(lambda: make_app(arguments), arguments, debug)))


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line.

    Args:
        arguments: that it is called with. Options of `search` and `export` follow from those of the package's parts,
            which takes a while to import: only the one that is called has them.

    Raises:
        InputError: help is asked for with a method that there is not.
    """
    app = typer.Typer(
        name="compactrl",
        help="Find the smallest neural policy that still controls a robot.",
        epilog=_lines(FIRST),
        cls=_Group,
        context_settings={"help_option_names": ["-h", "--help"]},
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_common)
    called = arguments[0] if arguments else ""
    _add(app, fit)
    search = search_command(arguments) if called == "search" else _only_listed
    app.command("search", help=HELP, epilog=_lines(FURTHER), cls=_Command)(search)
    _add(app, resume, evaluate, select, report, analyze, gradients, play)
    app.command("export", help=EXPORT, cls=_Command)(export_command() if called == "export" else _only_listed)
    _add(app, zoo, new_robot, methods, envs, doctor)
    return app


def _add(app: typer.Typer, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(cls=_Command)(command)


class _Command(TyperCommand):
    """A command whose help shows flags by their names alone."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, `--help` among them; flags take no value, and nothing stands for one."""
        return _without_values(super().get_params(ctx))


class _Group(TyperGroup):
    """The command line, with the same."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        return _without_values(super().get_params(ctx))


def _without_values(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


def _lines(commands: Mapping[str, str]) -> str:
    """Return commands, each after what it is for, on lines that fit 80 columns."""
    return "\n".join(f"{purpose}:\n    {command}" for command, purpose in commands.items())


def _show_version(asked: bool) -> None:
    if asked:
        print(f"compactrl {VERSION}")
        raise typer.Exit


def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Find the smallest neural policy that still controls a robot."""


def _only_listed() -> None:
    """Stand for a command in the help, without its options."""


def _run(make: Callable[[], typer.Typer], arguments: list[str], debug: bool) -> int | None:
    """Run a command; returns the exit status. An error is one line on standard error, and raised with `debug`."""
    try:
        with json_alone("--json" in arguments):
            status: int | None = make()(args=arguments, prog_name="compactrl", standalone_mode=False)
    except CompactrlError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except typer.TyperException as error:
        print(f"error: {_usage(error, arguments[0])}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was saved last is good", file=sys.stderr)
        return 130
    except SystemExit:  # click's answer to a broken pipe
        if streams.reader_has_gone():
            return streams.ENDED_BY_READER
        raise
    except Exception as error:
        if isinstance(error, BrokenPipeError) and streams.reader_has_gone():
            return streams.ENDED_BY_READER
        if debug:
            raise
        print(f"error: {_described(error)} (--debug shows where)", file=sys.stderr)
        return 1
    return status


def _described(error: Exception) -> str:
    """Return what is known of an error that nobody has put into words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'output cannot be written'}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def _usage(error: typer.TyperException, command: str) -> str:
    """Say what is wrong with the words of a command line, and where the right ones are listed.

    Args:
        error: as typer raised it.
        command: the first word, which is a command unless typer says so.
    """
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        near = [name.removeprefix("--") for name in error.possibilities or ()]
        hint = did_you_mean(option.removeprefix("--"), near, lambda name: flag_of(current_name(name)))
        text = f"unknown option {option}.{hint}"
    else:
        text = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    path = f"compactrl {command}" if context is None else context.command_path
    return f"{text} (`{path} --help`)"


_shown: set[str] = set()
"""Warnings that this command has shown: one that many environments give is one for who reads it."""


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line, once; libraries put colours and a heading of their own into theirs."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(message)).removeprefix("WARN: ").strip()
    if plain not in _shown:
        _shown.add(plain)
        print(f"warning: {plain}", file=sys.stderr)
