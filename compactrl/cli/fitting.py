"""`compactrl fit`: budget in, policy out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Json
from compactrl.errors import InputError

if TYPE_CHECKING:
    from compactrl.fits.api import Fit
    from compactrl.fits.options import FitOptions

FIT = "Name a robot and a budget: get the best policy that fits, and its true return."


def _option(help_text: str, metavar: str = "") -> Any:
    return typer.Option(metavar=metavar or None, help=help_text, show_default=False)


def fit(
    environment: Annotated[
        Optional[str],  # noqa: UP045  (typer reads it)
        typer.Argument(metavar="ENV", help="The environment's id; `compactrl envs` lists them.", show_default=False),
    ] = None,
    max_bytes: Annotated[
        Optional[str],  # noqa: UP045
        _option("What the policy's tables may take, such as 1024 or 2kB; several as 256,512,1024.", "BYTES"),
    ] = None,
    max_parameters: Annotated[
        Optional[str],  # noqa: UP045
        _option("In its place: weights and biases that may be stored.", "COUNT"),
    ] = None,
    max_flash: Annotated[
        Optional[str],  # noqa: UP045
        _option("In its place: tables, code and C library on a Cortex-M4F, such as 4kB.", "BYTES"),
    ] = None,
    max_instructions: Annotated[
        Optional[str],  # noqa: UP045
        _option("In its place: instructions of a step on a Cortex-M4F.", "COUNT"),
    ] = None,
    target: Annotated[
        str, _option("Of the export: its rules hold, with --max-flash and --max-instructions.", "NAME")
    ] = "",
    time: Annotated[Optional[str], _option("Such as 15min or 2h; by default an hour.", "TIME")] = None,  # noqa: UP045
    steps: Annotated[
        Optional[str],  # noqa: UP045
        _option("Environment steps in place of a time: the same steps give the same policy.", "COUNT"),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        _option("Folder; the same one goes on. By default runs/fit-ENV-seedN.", "FOLDER"),
    ] = None,
    stop_at: Annotated[
        Optional[str],  # noqa: UP045
        _option("End once the policies have this mean return.", "NUMBER"),
    ] = None,
    env: Annotated[Optional[str], _option("The environment's id, too.", "ENV")] = None,  # noqa: UP045
    env_module: Annotated[str, _option("Your own environments: a Python file or module.", "MODULE")] = "",
    env_options: Annotated[str, _option("Keyword arguments of the environment, as JSON.", "JSON")] = "",
    engine: Annotated[str, _option("Library that steps the environments.", "NAME")] = "auto",
    max_episode_steps: Annotated[str, _option("Cut episodes after this many steps.", "COUNT")] = "0",
    seed: Annotated[str, _option("Of all randomness, by default 0.", "COUNT")] = "0",
    threads: Annotated[str, _option("Cores that it uses; 0 is every core.", "COUNT")] = "0",
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    as_json: Json = False,
) -> None:
    """Name a robot and a budget: get the best policy that fits, and its true return."""
    from compactrl.fits.api import options_of

    if environment and env and environment != env:
        raise InputError(f"{environment} and --env {env}: name one environment")
    options = options_of(
        environment or env,
        limits={"bytes": max_bytes, "parameters": max_parameters, "flash": max_flash, "instructions": max_instructions},
        target=target,
        time=time,
        steps=steps,
        stop_at=_number("--stop-at", stop_at),
        seed=_whole("--seed", seed),
        env_module=env_module,
        env_options=_object(env_options),
        engine=engine,
        max_episode_steps=_whole("--max-episode-steps", max_episode_steps),
    )
    run_shown(options, out, _whole("--threads", threads), quiet, as_json)


def run_shown(
    options: FitOptions, out: Path | None, threads: int = 0, quiet: bool = False, as_json: bool = False
) -> None:
    """Run a fit with progress shown and signals heeded, and say what it came to."""
    from compactrl.cli.program import program
    from compactrl.cli.signals import Stop
    from compactrl.fits.api import run_fit

    stop = Stop("stopping; the best so far will be evaluated and kept; once more stops at once")
    found = run_fit(options, out, threads, quiet, stop)
    if as_json:
        print_json(json.dumps(found.front, indent=2))
    else:
        print(describe_fit(found, program()))
    if stop() and not found.finished:
        raise typer.Exit(128 + stop.signal)


def describe_fit(found: Fit, program: str) -> str:
    """Say what ships of each budget, what it is to be held against, and what to do next."""
    from compactrl.cli.sentences import compared_with, next_commands
    from compactrl.fits.shipping import kind_of
    from compactrl.quantities import a_return

    lines = _shipped_lines(found)
    kind, most = kind_of(found.front), max(found.runs)
    larger = [row for row in found.front["candidates"] if row[kind] is None or row[kind] > most]
    if larger:
        best = max(larger, key=lambda row: row["return_mean"])
        had = a_return(best["return_mean"])
        lines.append(f"{best['name']}, {best['bytes']:,} bytes, had {had} when it was last compared")
    lines += compared_with(found.run)
    if not found.finished:
        lines.append(f"stopped before its end; go on with: {program} resume {found.path}")
    lines += [
        f"all that was tried: {found.path / 'front.svg'}",
        "next:",
        *next_commands(found.path, found.run.config["env"], program),
    ]
    return "\n".join(lines)


def describe_story(found: Fit, program: str) -> str:
    """Say which stage compared whom with what return, who was left in it, and what ships."""
    from compactrl.fits.story import returned, story_of

    story = story_of(found.path)
    lines = []
    for stage in story.stages:
        returns = ", ".join(f"{name} {returned(mean)}" for name, mean in stage.returns.items())
        left = f"; left: {', '.join(stage.left)}" if stage.left else ""
        lines.append(f"{stage.title}: {returns}{left}")
    lines += _shipped_lines(found)
    if not found.finished:
        lines.append(f"stopped before its end; go on with: {program} resume {found.path}")
    return "\n".join(lines)


def _shipped_lines(found: Fit) -> list[str]:
    """Say what ships of each budget; a line each."""
    from compactrl.fits.budgets import KINDS
    from compactrl.fits.shipping import kind_of
    from compactrl.quantities import a_return

    kind, lines = KINDS[kind_of(found.front)], []
    for row in found.front["shipped"]:
        mean, (low, high) = row["return_mean"], row["return_interval"]
        tables = "" if kind.name == "bytes" else f", tables of {row['bytes']:,} bytes"
        lines.append(
            f"{a_return(mean)} ± {a_return((high - low) / 2, mean)} in {kind.say(row[kind.name])} "
            f"(of {row[f'max_{kind.name}']:,}){tables}: {row['candidate']}, mean of {row['episodes']} fresh episodes "
            "that no choice was based on, with its 95 % interval"
        )
    return lines


def _number(option: str, text: str | None) -> float | None:
    if text is None or text == "none":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option} {text}: expected a number") from error


def _whole(option: str, text: str) -> int:
    if not text.isdigit():
        raise InputError(f"{option} {text}: expected a whole number, at least 0")
    return int(text)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except json.JSONDecodeError as error:
        raise InputError(f"--env-options {text}: not a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"--env-options {text}: not a JSON object")
    return value
