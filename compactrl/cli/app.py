"""The command line: `compactrl search | resume | evaluate | select | export | methods | envs | doctor`; reports have
their own module, `report_commands`.

Every option of `search` follows from the options of the parts (`compactrl.methods.settings`). Results go to
standard output, progress and errors to standard error; exit status 0 is success, 1 a failure, 2 bad
input, 130 or 143 a search that was stopped and saved. Engines and torch are imported when needed.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.cli import reports as report_commands
from compactrl.errors import CompactrlError, InputError

if TYPE_CHECKING:
    from compactrl.runs.run import Run

app = typer.Typer(
    name="compactrl",
    help="Find the smallest neural policy that still controls a robot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SEARCH = "Search for a compact policy: name an environment and how few weights it may have."
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.", show_default=False)]

Workers = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="COUNT", help="Ray workers that step environments; 0 for none.", show_default=False),
]
RayAddress = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME", help="Ray cluster to join, as HOST:PORT or auto.", show_default=False),
]


class _Stop:
    """Asked for by SIGINT or SIGTERM: the search ends after this generation, saved."""

    def __init__(self) -> None:
        self.signal = 0
        for number in (signal.SIGINT, signal.SIGTERM):
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


def _search_command() -> Callable[..., None]:
    """Return the `search` command with one parameter for each option that any part has."""
    from compactrl.methods.help import describe_options
    from compactrl.methods.options import ALIASES

    def command(**given: Any) -> None:
        from compactrl.searches.api import start

        out, quiet = given.pop("out"), given.pop("quiet")
        _go_on(lambda: start({name: value for name, value in given.items() if value is not None}, out), quiet)

    parameters: list[tuple[str, Any, Any]] = []
    for option in describe_options():
        flag = "--" + option.name.replace("_", "-")
        names = [f"{flag}/--no-{flag[2:]}"] if option.type == "flag" else [flag]
        names += [f"--{alias}" for alias, name in ALIASES.items() if name == option.name]
        metavar = None if option.type == "flag" else option.type
        declared = typer.Option(
            *names, help=option.help, rich_help_panel=option.panel, show_default=False, metavar=metavar
        )
        kind: Any = Optional[bool] if option.type == "flag" else Optional[str]  # noqa: UP045  (typer reads it)
        parameters.append((option.name, Annotated[kind, declared], None))
    parameters.append(
        (
            "out",
            Annotated[
                Optional[Path],  # noqa: UP045
                typer.Option(
                    help="Folder of the run; by default a new one under runs/.",
                    rich_help_panel="Search",
                    show_default=False,
                ),
            ],
            None,
        )
    )
    parameters.append(
        ("quiet", Annotated[bool, typer.Option("--quiet", help="Show no progress.", rich_help_panel="Search")], False)
    )
    command.__annotations__ = {name: annotation for name, annotation, _ in parameters} | {"return": None}
    keyword = inspect.Parameter.KEYWORD_ONLY
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, keyword, default=default, annotation=note) for name, note, default in parameters]
    )
    return command


def _go_on(begin: Callable[[], Any], quiet: bool) -> None:
    """Run a search with progress shown and signals heeded, and say what it came to."""
    from compactrl.cli.display import SearchProgress, describe_result
    from compactrl.searches.api import finish

    stop = _Stop()
    going = begin()
    path = going.writer.path
    with SearchProgress(going, quiet) as progress:
        run = finish(going, progress.note, stop)
    if stop() and not run.summary["finished"]:
        print(
            f"stopped at {run.summary['env_steps']:,} environment steps, saved; go on with: compactrl resume {path}",
            file=sys.stderr,
        )
        raise typer.Exit(128 + stop.signal)
    print(describe_result(run))


@app.command()
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

    budget = _whole("--steps", steps)
    _go_on(lambda: reopen(run, budget, workers=workers, ray_address=ray_address), quiet)


@app.command()
def evaluate(
    run: RunPath,
    episodes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="Fresh episodes: 100, or 5 of each architecture.", show_default=False),
    ] = None,
    architectures: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="all", help="Evaluate every architecture of a graph hyper policy.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a policy without noise on fresh seeds: mean, spread, 95 % interval, sizes."""
    from compactrl.cli.display import describe_evaluation
    from compactrl.runs.run import load

    opened, count = load(run), _whole("--episodes", episodes)
    if architectures is not None:
        _evaluate_all(opened, architectures, count, as_json)
        return
    result = opened.report(opened.evaluate(count or 100))
    print(json.dumps(result, indent=2) if as_json else describe_evaluation(opened, result))


def _evaluate_all(opened: Run, architectures: str, episodes: int | None, as_json: bool) -> None:
    from compactrl.catalogs.catalog import open_catalog
    from compactrl.catalogs.evaluation import EPISODES, evaluate_all
    from compactrl.catalogs.table import report as report_of
    from compactrl.cli.display import CatalogProgress, describe_catalog

    if architectures != "all":
        raise InputError(f"--architectures '{architectures}': expected all")
    opened_catalog = open_catalog(opened)
    with CatalogProgress(len(opened_catalog.architectures)) as progress:
        rows = evaluate_all(opened_catalog, episodes or EPISODES, on_rows=progress.note)
    report = report_of(rows)
    if as_json:
        print(json.dumps({**report, "architectures": rows}, indent=2))
    else:
        print(describe_catalog(opened, rows, report))


@app.command()
def select(
    run: RunPath,
    max_parameters: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="Weights and biases that fit.", show_default=False),
    ] = None,
    max_bytes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COUNT", help="The same in bytes, four a number.", show_default=False),
    ] = None,
    by: Annotated[str, typer.Option(help="return, memory (dimension) or size.")] = "return",
    as_json: Json = False,
) -> None:
    """Choose the architecture of a graph hyper policy that fits a robot; it becomes the run's policy."""
    from compactrl.catalogs.catalog import open_catalog
    from compactrl.catalogs.choice import BYTES
    from compactrl.catalogs.choice import select as choose
    from compactrl.cli.display import describe_selection
    from compactrl.runs.run import load

    if (max_parameters is None) == (max_bytes is None):
        raise InputError("give one of --max-parameters and --max-bytes: what fits the robot")
    limit = _whole("--max-parameters", max_parameters) or (_whole("--max-bytes", max_bytes) or 0) // BYTES
    opened = load(run)
    result = choose(open_catalog(opened), limit, by)
    print(json.dumps(result, indent=2) if as_json else describe_selection(opened, result))


report_commands.add_to(app)


@app.command()
def export(
    run: RunPath,
    out: Annotated[Path, typer.Option(help="Folder of the C files, or an .onnx file.", show_default=False)],
    file_format: Annotated[str, typer.Option("--format", metavar="NAME", help="c or onnx.")] = "c",
    weights: Annotated[
        str, typer.Option(metavar="NAME", help="auto (the smallest without loss), float32, codebook or int8.")
    ] = "auto",
    optimize: Annotated[str, typer.Option(metavar="NAME", help="size or speed.")] = "size",
    tanh: Annotated[str, typer.Option(metavar="NAME", help="libm, or rational: no C library is needed.")] = "libm",
    name: Annotated[str, typer.Option(metavar="NAME", help="Prefix of the functions, a C identifier.")] = "policy",
    target: Annotated[str, typer.Option(metavar="NAME", help="generic, cortex-m4, crazyflie or arduino.")] = "generic",
    architecture: Annotated[
        str,
        typer.Option(metavar="WIDTHS", help="Of a graph hyper policy, such as 16,8; by default the one selected."),
    ] = "",
    max_flash: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="BYTES", help="Fail over so much flash, the C library included.", show_default=False),
    ] = None,
    max_ram: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="BYTES", help="Fail over so much RAM, the stack included.", show_default=False),
    ] = None,
    max_stack: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="BYTES", help="Fail over so much stack.", show_default=False),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compile, compare with Python, drive the environment, measure in QEMU.")
    ] = False,
    episodes: Annotated[str, typer.Option(metavar="COUNT", help="Episodes of the verification.")] = "100",
    as_json: Json = False,
) -> None:
    """Write a policy as C99 for a robot, or as ONNX, checked against the policy."""
    from compactrl.exports import export as write
    from compactrl.exports.describe import describe_export

    exported = write(
        run,
        out,
        format=file_format,
        weights=weights,
        optimize=optimize,
        tanh=tanh,
        name=name,
        target=target,
        architecture=architecture,
        max_flash=_whole("--max-flash", max_flash),
        max_ram=_whole("--max-ram", max_ram),
        max_stack=_whole("--max-stack", max_stack),
        verify=verify,
        episodes=_whole("--episodes", episodes) or 0,
    )
    print(json.dumps(exported.manifest, indent=2) if as_json else describe_export(exported))


@app.command()
def methods(as_json: Json = False) -> None:
    """List the methods, and what chooses their designs."""
    from compactrl.cli.display import table
    from compactrl.methods.rows import METHODS

    if as_json:
        described = [
            {"method": m.name, "summary": m.summary, "controllers": list(m.choices), "learners": list(m.learners)}
            for m in METHODS.values()
        ]
        print(json.dumps(described, indent=2))
        return
    rows = [
        (method.name, method.summary, ", ".join(method.choices), ", ".join(method.learners))
        for method in METHODS.values()
    ]
    table(("--method", "what it is", "--controller", "--learner"), rows)


@app.command()
def envs(
    pattern: Annotated[str, typer.Argument(help="Only ids with this in them.", show_default=False)] = "",
    env_module: Annotated[str, typer.Option(help="Module that registers your own environments.")] = "",
    as_json: Json = False,
) -> None:
    """List the environments that can be searched; with a pattern, all that match it."""
    from compactrl.cli.display import table
    from compactrl.envs.modules import load_module
    from compactrl.envs.registry import searchable

    load_module(env_module)
    rows = searchable(pattern)
    if not rows:
        raise InputError(f"no environment has '{pattern}' in its id: `compactrl envs` without it lists the usual ones")
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    table(("--env", "engine", "observations", "actions", "episode steps"), [tuple(map(str, row)) for row in rows])


@app.command()
def doctor(workers: Workers = None, ray_address: RayAddress = None, as_json: Json = False) -> None:
    """Say what this machine has and whether it fits; with workers, what each of them sees."""
    from compactrl.cli.display import describe_checks
    from compactrl.cli.doctor import examine

    report = examine(_whole("--workers", workers) or 0, ray_address or "")
    print(json.dumps(report, indent=2) if as_json else describe_checks(report))
    if report["problems"]:
        raise typer.Exit(1)


@app.callback()
def _common(debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False) -> None:
    """Find the smallest neural policy that still controls a robot."""


def _whole(option: str, value: str | None) -> int | None:
    """Read a whole number such as 20e6."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = 0.5
    if not number.is_integer() or number < 1:
        raise InputError(f"{option} {value}: expected a whole number, at least 1")
    return int(number)


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    app.registered_commands = [each for each in app.registered_commands if each.name != "search"]  # of a call before
    if "search" in arguments[:1]:
        app.command("search", help=SEARCH)(_search_command())
    else:  # listed in the help, without building its many options
        app.command("search", help=SEARCH)(lambda: None)
    app.registered_commands.insert(0, app.registered_commands.pop())  # the help begins with the main job
    warnings.showwarning = _show_warning
    try:
        status = app(args=arguments, standalone_mode=False)
    except CompactrlError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        status = error.exit_status
    except typer.TyperException as error:
        print(f"error: {_usage(error)}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("stopped; what was saved last is good", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        status = 1
    except Exception as error:
        if debug:
            raise
        print(f"error: {type(error).__name__}: {error} (--debug shows where)", file=sys.stderr)
        status = 1
    sys.exit(status)


def _usage(error: typer.TyperException) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return f"{text} (`compactrl --help`)"


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)
