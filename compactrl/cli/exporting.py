"""`compactrl export`: its options are the fields of `ExportOptions`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json, Parameter, RunPath, with_parameters
from compactrl.errors import flag_of

if TYPE_CHECKING:
    from compactrl.exports.options import OptionHelp

EXPORT = "Write a policy as C99 for a robot, or as ONNX, checked against the policy."


def export_command() -> Callable[..., None]:
    """Return the `export` command with one parameter for each option of an export."""
    from compactrl.exports.options import describe_options

    options = describe_options()

    def command(run: Path, out: Path, as_json: bool, **given: Any) -> None:
        from compactrl.exports import export
        from compactrl.exports.describe import describe_export

        exported = export(run, out, **given)
        if as_json:
            print_json(json.dumps(exported.manifest, indent=2))
        else:
            print(describe_export(exported))

    out = typer.Option(
        metavar="PATH", help="Folder of the C files, or a file that ends with .onnx.", show_default=False
    )
    return with_parameters(
        command,
        [
            Parameter("run", RunPath),
            Parameter("out", Annotated[Path, out]),
            *map(_parameter, options),
            Parameter("as_json", Json, False),
        ],
    )


def _parameter(option: OptionHelp) -> Parameter:
    """Return an option's parameter: a flag, or text that is read when the command runs."""
    flag = flag_of(option.name)
    if option.kind is bool:
        return Parameter(option.name, Annotated[bool, typer.Option(flag, help=option.help)], option.default)
    declared = typer.Option(flag, metavar=option.metavar, help=option.help, show_default=option.default is not None)
    if option.default is None:
        return Parameter(option.name, Annotated[Optional[str], declared], None)  # noqa: UP045  (typer reads it)
    return Parameter(option.name, Annotated[str, declared], str(option.default))
