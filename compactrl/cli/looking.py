"""`compactrl methods | envs | doctor`: what there is to search with, and whether this machine fits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json, RayAddress, Workers, whole_number
from compactrl.errors import InputError

if TYPE_CHECKING:
    from compactrl.envs.registry import Family


def methods(as_json: Json = False) -> None:
    """List the methods, and what chooses their designs."""
    from compactrl.cli.tables import print_table
    from compactrl.methods.rows import METHODS

    if as_json:
        described = [
            {
                "method": method.name,
                "summary": method.summary,
                "controllers": list(method.choices),
                "learners": list(method.learners),
            }
            for method in METHODS.values()
        ]
        print_json(json.dumps(described, indent=2))
        return
    rows = [
        (method.name, method.summary, ", ".join(method.choices), ", ".join(method.learners))
        for method in METHODS.values()
    ]
    print_table(("--method", "what it is", "--controller", "--learner"), rows)


def envs(
    pattern: Annotated[str, typer.Argument(help="Only ids with this in them.", show_default=False)] = "",
    env_module: Annotated[str, typer.Option(help="Module that registers your own environments.")] = "",
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Only families of tasks, with what tells these apart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the environments that can be searched; with a pattern, all that match it."""
    from compactrl.cli.tables import print_table
    from compactrl.envs.modules import load_module
    from compactrl.envs.registry import searchable, searchable_families

    if env_module:
        load_module(env_module)
    if tasks:
        _list_families(searchable_families(pattern), pattern, as_json)
        return
    rows = searchable(pattern)
    if not rows:
        raise InputError(f"no environment has '{pattern}' in its id: `compactrl envs` without it lists the usual ones")
    if as_json:
        print_json(json.dumps([row._asdict() for row in rows], indent=2))
        return
    print_table(("--env", "engine", "observations", "actions", "episode steps"), [tuple(map(str, row)) for row in rows])


def _list_families(families: Sequence[Family], pattern: str, as_json: bool) -> None:
    """List families of tasks."""
    from compactrl.cli.tables import print_table

    if not families:
        raise InputError(f"no family of tasks has '{pattern}' in its id: `compactrl envs --tasks` lists them all")
    if as_json:
        print_json(json.dumps([family._asdict() for family in families], indent=2))
        return
    rows = []
    for family in families:
        ranges = zip(family.contexts, family.low, family.high, strict=True)
        told = ", ".join(f"{name} {low:g} … {high:g}" for name, low, high in ranges)
        rows.append((family.name, told, family.id, *map(str, family[-3:])))
    print_table(("--tasks", "what tells them apart", "--env", "observations", "actions", "episode steps"), rows)


def doctor(workers: Workers = None, ray_address: RayAddress = None, as_json: Json = False) -> None:
    """Say what this machine has and whether it fits; with workers, what each of them sees."""
    from compactrl.cli.doctor import examine
    from compactrl.cli.sentences import describe_checks

    report = examine(whole_number("--workers", workers) or 0, ray_address or "")
    if as_json:
        print_json(json.dumps(report, indent=2))
    else:
        print(describe_checks(report))
    if report["problems"]:
        raise typer.Exit(1)
