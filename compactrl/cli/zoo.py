"""`compactrl zoo`: the policies that ship in the package."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json
from compactrl.errors import InputError


def zoo(
    pattern: Annotated[str, typer.Argument(help="Only names with this in them.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """List trained policies that ship; `evaluate`, `play` and `export` take their names."""
    from compactrl.cli.tables import print_table
    from compactrl.policies.zoo import PREFIX, names
    from compactrl.reports.words import number
    from compactrl.runs.run import Run

    rows: list[dict[str, Any]] = []
    for name in names():
        if pattern.lower() in name.lower():
            summary = Run(PREFIX + name).summary
            fields = ("env", "bytes", "method", "parameters", "return_mean", "return_std", "episodes")
            rows.append({"name": PREFIX + name, **{field: summary[field] for field in fields}})
    if not rows:
        raise InputError(f"no policy that ships has '{pattern}' in its name: `compactrl zoo` without it lists all")
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    print_table(
        ("name", "bytes", "return over fresh episodes", "method", "parameters"),
        [
            (
                row["name"],
                f"{row['bytes']:,}",
                f"{number(row['return_mean'])} ± {number(row['return_std'])}",
                row["method"],
                f"{row['parameters']:,}",
            )
            for row in rows
        ],
    )
