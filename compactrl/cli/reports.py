"""`compactrl report | analyze | play`: runs beside each other, the colouring of one, and its policy on film."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from compactrl.cli.output import print_json
from compactrl.cli.parameters import Architecture, Context, Extrapolate, Json, RunPath, chosen
from compactrl.errors import InputError

if TYPE_CHECKING:
    from compactrl.reports.report import Report

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN…", help="Folders of runs, folders with runs in them, or patterns.", show_default=False),
]
LEAST_WIDTH = 60
"""Characters of a line at least, before it is broken."""
ANY_WIDTH = 10**6
"""Characters of a line where nobody looks at a terminal: as many as the tables have."""
WATCH_HTML = Path("report.html")
SHOWN = ("configuration", "weights", "bits", "bytes", "seeds", "return", "95 % interval")
"""Columns of the table in the terminal; what the environment reports beside the return comes after them."""


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
    """Compare runs: return against size with intervals over seeds, as a page, or as text. Of a fit, how it went."""
    if markdown + latex + as_json > 1:
        raise InputError("--markdown, --latex and --json: choose one")
    if watch:
        if markdown or latex or as_json:
            raise InputError("--watch writes a page: leave --markdown, --latex and --json out")
        _watch(runs, html or WATCH_HTML, every)
        return
    if len(runs) == 1 and not (markdown or latex or as_json) and (Path(runs[0]) / "fit.json").exists():
        _tell_fit(Path(runs[0]), html)
        return
    from compactrl.reports.report import compare

    comparison = compare(runs)
    if html is not None:
        print(f"report in {comparison.save(html)}", file=sys.stderr)
    if markdown:
        print(comparison.to_markdown(), end="")
    elif latex:
        print(comparison.to_latex(), end="")
    elif as_json:
        print_json(comparison.to_json())
    else:
        _show(comparison, html is None)


def _tell_fit(path: Path, html: Path | None) -> None:
    """Tell a fit's stages, and write its page."""
    from compactrl.cli.fitting import describe_story
    from compactrl.cli.program import program
    from compactrl.fits.api import Fit

    found = Fit(path)
    if html is not None:
        print(f"report in {found.save(html)}", file=sys.stderr)
    print(describe_story(found, program()))
    if html is None:
        print("figures and all that was tried: --html report.html", file=sys.stderr)


def _show(comparison: Report, without_page: bool) -> None:
    """Print the tables; warnings and notes go to standard error, in lines no longer than the tables'."""
    from compactrl.cli.tables import print_table, width_of
    from compactrl.reports import tables

    width, most = LEAST_WIDTH, shutil.get_terminal_size((ANY_WIDTH, 0)).columns
    for env in comparison.environments:
        print(env)
        names = tables.headings(comparison, env)
        columns = [names.index(name) for name in (*SHOWN, *comparison.measures(env))]
        rows = [[row[column] for column in columns] for row in tables.rows(comparison, env)]
        headings = [names[column] for column in columns]
        print_table(headings, rows)
        width = min(most, max(width, width_of(headings, rows)))
        for line in tables.smallest_lines(comparison, env):
            print(_wrapped(line, width))
    for kind, lines in (("warning", comparison.warnings), ("note", comparison.notes)):
        for line in lines:
            print(_wrapped(f"{kind}: {line}", width), file=sys.stderr)
    if without_page:
        print("figures and all columns: --html report.html", file=sys.stderr)


def _wrapped(text: str, width: int) -> str:
    """Break a line between words, names of files left whole."""
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _watch(runs: list[str], html: Path, every: float) -> None:
    """Write the page again and again; when the user stops, once more without the line that has browsers reload it."""
    from compactrl.reports.report import compare

    print(f"writing {html} every {every:g} s; open it in a browser, stop with Ctrl-C", file=sys.stderr, flush=True)
    last, waiting = None, False
    try:
        while True:
            began = time.monotonic()
            try:
                comparison = compare(runs)
                if last is None or comparison.fingerprint != last.fingerprint:
                    last = comparison
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


def analyze(run: RunPath, as_json: Json = False) -> None:
    """Look into the colouring that a search found: entropy, displacement ranks, how far its proposals lay apart."""
    from compactrl.cli.sentences import describe_analysis
    from compactrl.reports.analysis import analyze as look

    analysis = look(run).to_dict()
    if as_json:
        print_json(json.dumps(analysis, indent=2, ensure_ascii=False))
    else:
        print(describe_analysis(analysis))


def play(
    run: RunPath,
    video: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File ending in .mp4 or .gif; by default play.mp4 in the run's folder.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(metavar="COUNT", help="Episodes, one after the other.")] = 1,
    architecture: Architecture = None,
    context: Context = None,
    extrapolate: Extrapolate = False,
) -> None:
    """Film the policy in its environment, in real time and without a screen."""
    from compactrl.cli.sentences import describe_play
    from compactrl.reports.film import play as film
    from compactrl.runs.run import Run

    opened = chosen(Run(run), architecture, context, extrapolate)
    words = [text.replace(" ", "") for text in (architecture, context) if text is not None]
    if words and video is None:
        video = opened.path / f"play-{'-'.join(words)}.mp4"
    played = film(opened, video, episodes, on_episode=lambda text: print(text, file=sys.stderr, flush=True))
    print(describe_play(opened, played))
