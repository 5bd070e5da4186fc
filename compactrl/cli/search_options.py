"""The options of `compactrl search`: it takes all there are, and its help shows those that are asked for.

    search --help                 a dozen to begin with
    search --help --method ghp    those of one method; narrowed by --controller, --learner, --es and --preset
    search --help-all             all, by the methods that take them

Which of them is decided before the command line is parsed: what the help does not show is a hidden option.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.parameters import Parameter
from compactrl.errors import InputError, flag_of

if TYPE_CHECKING:
    from compactrl.methods.help import OptionHelp

NARROWING = ("method", "controller", "learner", "es", "preset")
"""Options that a help may be asked for."""
ALL = "--help-all"
HELP = "Search for a compact policy: name an environment and how few weights it may have."
FURTHER = {
    "compactrl search --env CartPole-v1 --partitions 2 --hidden 4 --stop-at 490": "a first search, in seconds",
    "compactrl search --help --method ghp": "all that one method takes",
    f"compactrl search {ALL}": "every option",
    "compactrl methods": "the methods",
}
"""Command → what it is for, at the end of the help."""


def search_parameters(arguments: Sequence[str]) -> list[Parameter]:
    """Return a parameter for each option that any part has, shown in the help or not, and for those of the command.

    Args:
        arguments: of the command line, from which follows what its help is to show.

    Raises:
        InputError: help is asked for with a method, or a part of it, that there is not.
    """
    from compactrl.methods.help import every_option
    from compactrl.methods.names import ALIASES

    kinds, shown = every_option(), _shown(arguments)
    hidden = [name for name in [*kinds, *ALIASES] if name not in shown]
    return [
        *(parameter for entry in shown.values() for parameter in _parameters(entry.name, entry.type, entry)),
        *(parameter for name in hidden for parameter in _parameters(name, kinds[ALIASES.get(name, name)])),
        Parameter("out", Annotated[Optional[Path], OUT], None),  # noqa: UP045  (typer reads it)
        Parameter("quiet", Annotated[bool, QUIET], False),
        Parameter("help_all", Annotated[bool, HELP_ALL], False),
    ]


def given_options(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, of the parameters' values: `no_X` is X, off.

    Raises:
        InputError: an option is turned on and off.
    """
    options: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        on = name.removeprefix("no_")
        if on in options:
            raise InputError(f"{flag_of(on)} and {flag_of(name)}: choose one")
        options[on] = value if on == name else not value
    return options


def _shown(arguments: Sequence[str]) -> dict[str, OptionHelp]:
    """Return the options that the help shows, by name, in its order; none where it is not asked for."""
    from compactrl.methods import help as described

    if ALL in arguments:
        shown = described.describe_options()
    elif not {"-h", "--help"} & set(arguments):
        shown = []
    elif "method" in (asked := _asked(arguments)):
        shown = described.options_of_method(asked)
    else:
        shown = described.basic_options()
    return {option.name: option for option in shown}


def _asked(arguments: Sequence[str]) -> dict[str, str]:
    """Return what the help is narrowed to: the options of `NARROWING` with their values."""
    from compactrl.methods.names import current

    words = [word for argument in arguments for word in argument.split("=", 1)]
    pairs = {flag.removeprefix("--"): value for flag, value in pairwise(words) if flag[:2] == "--"}
    return {name: value for name, value in current(pairs).items() if name in NARROWING}


def _parameters(name: str, kind: str, shown: OptionHelp | None = None) -> list[Parameter]:
    """Return an option's parameter; of a flag two, of which the help shows the one that is not the default."""
    if kind != "flag":
        declared = typer.Option(
            flag_of(name),
            metavar=kind,
            help=shown and shown.help,
            rich_help_panel=shown and shown.panel,
            hidden=shown is None,
            show_default=False,
        )
        return [Parameter(name, Annotated[Optional[str], declared], None)]  # noqa: UP045
    parameters = []
    for prefix, turned_on in (("", True), ("no_", False)):
        declared = typer.Option(
            flag_of(prefix + name),
            help=shown and ("" if turned_on else "Turns this off: ") + shown.help,
            rich_help_panel=shown and shown.panel,
            hidden=shown is None or bool(shown.default) == turned_on,
            show_default=False,
        )
        parameters.append(Parameter(prefix + name, Annotated[Optional[bool], declared], None))  # noqa: UP045
    return parameters


def _show_all(context: typer.Context, asked: bool) -> None:
    """Print the help and end: what it shows was decided before (`search_parameters`)."""
    if asked:
        print(context.get_help(), end="")
        raise typer.Exit


OUT = typer.Option(metavar="FOLDER", help="Folder of the run; by default a new one under runs/.", show_default=False)
QUIET = typer.Option("--quiet", help="Show no progress.")
HELP_ALL = typer.Option(ALL, help="Show every option and exit.", is_eager=True, callback=_show_all)
