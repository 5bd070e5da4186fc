"""`compactrl zoo`: the policies that ship in the package."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json


def zoo(
    pattern: Annotated[str, typer.Argument(help="Only names with this in them.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """List trained policies that ship; `evaluate`, `play` and `export` take their names."""
    from compactrl.cli.tables import print_table
    from compactrl.quantities import mean_and_spread
    from compactrl.runs.shipped import zoo as shipped

    rows = shipped(pattern)
    if as_json:
        print_json(json.dumps([row._asdict() for row in rows], indent=2))
        return
    print_table(
        ("name", "bytes", "return over fresh episodes", "method", "parameters"),
        [
            (
                row.name,
                f"{row.bytes:,}",
                mean_and_spread(row._asdict()),
                row.method,
                f"{row.parameters:,}",
            )
            for row in rows
        ],
    )
