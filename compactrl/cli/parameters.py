"""Arguments and options that several commands have, and how commands get parameters that are only known when called."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import typer

from compactrl.errors import InputError
from compactrl.quantities import read_count

if TYPE_CHECKING:
    from compactrl.runs.run import Run

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="The run's folder, or a name of `compactrl zoo`.", show_default=False)
]

Workers = Annotated[
    Optional[str],  # noqa: UP045  (typer reads it)
    typer.Option(metavar="COUNT", help="Ray workers that step environments; 0 for none.", show_default=False),
]
RayAddress = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME", help="Ray cluster to join, as HOST:PORT or auto.", show_default=False),
]


Context = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="NUMBER", help="Task of the policy, of a run with a family of tasks: such as 1.5.", show_default=False
    ),
]
Extrapolate = Annotated[bool, typer.Option("--extrapolate", help="Allow a context outside of the family's range.")]


Architecture = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="WIDTHS", help="Of a graph hypernetwork, such as 16,8; by default the one selected.", show_default=False
    ),
]


def chosen(run: Run, architecture: str | None, context: str | None, extrapolate: bool) -> Run:
    """Return a run with its policy of an architecture, and for a context; the run itself where neither is given.

    Raises:
        InputError: it is no run of many architectures, or of a family of tasks, or this is none of them.
    """
    check_extrapolate(context, extrapolate)
    if architecture is not None:
        from compactrl.catalogs.catalog import open_catalog

        return run.with_policy(open_catalog(run, context, extrapolate).policy(architecture))
    if context is None:
        return run
    from compactrl.catalogs.tasks import open_tasks

    catalog = open_tasks(run, "--context")
    policy = catalog.policy(context, extrapolate)
    if catalog.learner is not None:
        count = catalog.learner.adaptation_episodes
        print(f"the policy has adapted to {context} by {count} episodes in that task", file=sys.stderr)
    return run.with_policy(policy)


def check_extrapolate(context: str | None, extrapolate: bool) -> None:
    """Raise InputError where there is no context that might be outside of a range."""
    if extrapolate and context is None:
        raise InputError("--extrapolate is for --context: give one")


class Parameter(NamedTuple):
    """A parameter of a command, as typer reads it from a function's signature."""

    name: str
    annotation: Any
    default: Any = inspect.Parameter.empty


def with_parameters(command: Callable[..., None], parameters: Sequence[Parameter]) -> Callable[..., None]:
    """Give a function, which takes any keywords, a signature with these parameters; returns the function."""
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                parameter.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=parameter.default,
                annotation=parameter.annotation,
            )
            for parameter in parameters
        ]
    )
    return command


def whole_number(option: str, value: str | None, read: Callable[[str], int] = read_count) -> int | None:
    """Read a whole number such as 20e6, 20k or 1.5M.

    Args:
        option: as it is typed.
        value: None where it is not given.
        read: text → number; `read_size` where bytes are counted.

    Raises:
        InputError: it is none, or below 1.
    """
    if value is None:
        return None
    try:
        number = read(value)
    except ValueError as error:
        raise InputError(f"{option} {value}: {error}") from error
    if number < 1:
        raise InputError(f"{option} {value}: expected a whole number, at least 1")
    return number
