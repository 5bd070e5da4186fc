"""The commands that look at runs: `compactrl report | analyze | play`.

What they need is imported when they are called: the command line answers at once.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from compactrl.errors import InputError

if TYPE_CHECKING:
    from compactrl.reports.report import Report

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN…", help="Folders of runs, folders with runs in them, or patterns.", show_default=False),
]
OneRun = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
WATCH_HTML = Path("report.html")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (report, analyze, play):
        app.command()(command)


def report(
    runs: Runs,
    html: Annotated[
        Optional[Path],  # noqa: UP045  (typer reads it)
        typer.Option(help="File to write the page to.", show_default=False),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page anew while searches run, until Ctrl-C.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How often with --watch.")] = 5.0,
) -> None:
    """Compare runs: return against size with intervals over seeds, as a page, or as text."""
    if markdown + latex + as_json > 1:
        raise InputError("--markdown, --latex and --json: choose one")
    if watch:
        if markdown or latex or as_json:
            raise InputError("--watch writes a page: leave --markdown, --latex and --json out")
        _watch(runs, html or WATCH_HTML, every)
        return
    from compactrl.reports.report import compare

    made = compare(runs)
    if html is not None:
        print(f"report in {made.save(html)}", file=sys.stderr)
    if markdown:
        print(made.to_markdown(), end="")
    elif latex:
        print(made.to_latex(), end="")
    elif as_json:
        print(made.to_json())
    else:
        _show(made, html is None)


def _show(made: Report, without_page: bool) -> None:
    """Print the tables; what to mind goes to standard error."""
    from compactrl.cli.display import table
    from compactrl.reports import tables

    columns = [
        tables.HEADINGS.index(name) for name in ("setting", "weights", "bits", "seeds", "return", "95 % interval")
    ]
    for env in made.environments:
        print(env)
        rows = [[row[column] for column in columns] for row in tables.rows(made, env)]
        table([tables.HEADINGS[column] for column in columns], rows)
    for warning in made.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    if without_page:
        print("figures and all columns: --html report.html", file=sys.stderr)


def _watch(runs: list[str], html: Path, every: float) -> None:
    """Write the page again and again; when the user stops, once more without the line that has browsers reload it."""
    from compactrl.reports.report import compare

    print(f"writing {html} every {every:g} s; open it in a browser, stop with Ctrl-C", file=sys.stderr, flush=True)
    last, waiting = None, False
    try:
        while True:
            began = time.monotonic()
            try:
                made = compare(runs)
                if last is None or made.fingerprint != last.fingerprint:
                    last = made
                    last.save(html, refresh=max(1, round(every)))
            except InputError as error:
                if last is not None:
                    raise
                if not waiting:
                    print(f"waiting: {error}", file=sys.stderr, flush=True)
                waiting = True
            # At most a quarter of one core: searches want the rest.
            time.sleep(max(every, 3 * (time.monotonic() - began)))
    except KeyboardInterrupt:
        if last is not None:
            last.save(html)
            print(f"report in {html}", file=sys.stderr)


def analyze(run: OneRun, as_json: Json = False) -> None:
    """Look into the colouring that a search found: entropy, displacement ranks, how far its proposals lay apart."""
    from compactrl.reports.analysis import analyze as look

    found = look(run).to_dict()
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _described(found))


def _described(found: dict[str, Any]) -> str:
    low, high = found["entropy_random_interval"]
    lines = [
        f"{found['run']}: {found['edges_used']} of {found['edges']} edges in use, {found['colors_used']} of "
        f"{found['colors']} weights",
        f"entropy of the weights' frequencies: {found['entropy']:.3f} nats; 95 % of random colourings: {low:.3f} to "
        f"{high:.3f}; as even as can be: {found['entropy_even']:.3f}",
    ]
    for number, layer in enumerate(found["layers"], 1):
        rows, columns = layer["shape"]
        ranks = ", ".join(
            f"{kind} {rank} ({layer['rounded_ranks'][kind]} without entries below a tenth of the largest)"
            for kind, rank in layer["ranks"].items()
        )
        lines.append(f"displacement rank of layer {number} ({rows} × {columns}, at most {min(rows, columns)}): {ranks}")
    similarity = found["similarity"]
    if similarity is None:
        lines.append("its search has recorded no designs to compare with each other")
        return "\n".join(lines)
    count = len(similarity["iterations"])
    lines.append(f"each of {count + 1} designs that led, beside the one before; first, middle and last tenth:")
    parts = (
        slice(0, max(1, count // 10)),
        slice(count // 2, count // 2 + max(1, count // 10)),
        slice(-max(1, count // 10), None),
    )
    for key, name in (
        ("rand_index", "RandIndex"),
        ("variation_of_information", "variation of information (nats)"),
        ("distance", "edges of another colour"),
    ):
        means = [similarity[key][part] for part in parts]
        lines.append(f"  {name}: " + ", ".join(f"{sum(values) / len(values):.3g}" for values in means))
    return "\n".join(lines)


def play(
    run: OneRun,
    video: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File ending in .mp4 or .gif; by default play.mp4 in the run's folder.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(metavar="COUNT", help="Episodes, one after the other.")] = 1,
) -> None:
    """Film the policy in its environment, without a screen."""
    from compactrl.reports.film import play as film

    played = film(run, video, episodes, on_episode=lambda text: print(text, file=sys.stderr, flush=True))
    returns = ", ".join(f"{value:.1f}" for value in played.returns)
    print(f"film in {played.path}: return {returns} in {', '.join(map(str, played.steps))} steps")
