"""A comparison as one HTML file: a section per environment, figures inline, nothing from the network.

Everything that comes from runs is escaped by the template; the same runs give the same bytes. Its figures are
in `page_figures`, the pictures of single runs in `page_pictures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compactrl.reports import aggregate as aggregates
from compactrl.reports import tables
from compactrl.reports.comparability import warnings_between
from compactrl.reports.compare import front
from compactrl.reports.drawing import Drawing, PageFigure
from compactrl.reports.page_figures import figures_of_environment, missing_of_environment
from compactrl.reports.page_pictures import figures_of_configuration
from compactrl.reports.style import MOST, SERIES

if TYPE_CHECKING:
    import jinja2

    from compactrl.reports.compare import Comparison
    from compactrl.reports.configurations import Configuration

LIGHT = {"--ink": "#1b1f23", "--faint": "#5f6871", "--grid": "#d8dde1"}
DARK = {"--ink": "#e6e9ec", "--faint": "#a3acb5", "--grid": "#3a4149"}
DARK_SERIES = (
    "#58a6ff", "#ff9a4d", "#3fd0a0", "#e08fd0", "#e0b73a", "#8fd3ff", "#b39bff", "#d29a7c", "#a9b7c2", "#ff7b95",
)  # fmt: skip


class Section(NamedTuple):
    """An environment on the page."""

    env: str
    warnings: list[str]
    headings: list[str]
    rows: list[list[str]]
    smallest: list[str]
    fronts: dict[str, str]
    missing: str
    """What to add to see further figures."""
    figures: list[PageFigure]
    configurations: list[tuple[str, str, list[PageFigure]]]
    """Label, what its best seed came to, pictures."""


def render(comparison: Comparison, refresh: int = 0) -> str:
    """Return the page.

    Args:
        comparison: what to show.
        refresh: seconds after which a browser loads the page anew; 0 for never.
    """
    drawing = Drawing()
    # Before the notes are read: drawing may add some.
    sections = [_section(comparison, env, drawing) for env in comparison.environments]
    content = {
        "title": "Compact policies compared" if len(comparison.configurations) > 1 else "A compact policy",
        "sections": sections,
        "warnings": warnings_between(comparison.environments),
        "notes": comparison.notes,
        "meaning": tables.MEANING,
        "together": tables.aggregate_rows(aggregates.aggregate(comparison)),
        "together_headings": tables.AGGREGATE_HEADINGS,
        "together_meaning": aggregates.MEANING,
        **colors(),
        "runs": len(comparison.records),
        "count": len(comparison.configurations),
        "refresh": refresh,
    }
    return environment().get_template("report.html").render(content) + "\n"


def environment(*packages: str) -> jinja2.Environment:
    """Return what fills templates in, those of further packages too; what comes from runs is escaped."""
    import jinja2

    loaders = [jinja2.PackageLoader(package, "templates") for package in ("compactrl.reports", *packages)]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def colors() -> dict[str, dict[str, str]]:
    """Return the page's variables of colours, for light and for dark."""
    return {
        "light": {**LIGHT, **{f"--series-{index}": shade for index, shade in enumerate(SERIES)}},
        "dark": {**DARK, **{f"--series-{index}": shade for index, shade in enumerate(DARK_SERIES)}},
    }


def _section(comparison: Comparison, env: str, drawing: Drawing) -> Section:
    ranked = comparison.ranked(env)
    costs = ("bits", "parameters") if len(ranked) > 1 else ()
    fronts = {cost: ", ".join(one.label for one in front(ranked, cost)) for cost in costs}
    numbered = {one.label: f"{place}. {one.label}" for place, one in enumerate(ranked, 1)} if len(ranked) > 1 else {}
    pictures = [
        (numbered.get(one.label, one.label), *figures_of_configuration(one, drawing))
        for one in _pictured(comparison, env)
    ]
    return Section(
        env=env,
        warnings=comparison.warnings_of(env),
        headings=tables.headings(comparison, env),
        rows=[[numbered.get(label, label), *cells] for label, *cells in tables.rows(comparison, env)],
        smallest=tables.smallest_lines(comparison, env),
        fronts={cost: labels for cost, labels in fronts.items() if labels},
        missing=missing_of_environment(comparison, env),
        figures=list(figures_of_environment(comparison, env, drawing)),
        configurations=pictures,
    )


def _pictured(comparison: Comparison, env: str) -> list[Configuration]:
    """Return the configurations with pictures of their best seed: the best, and what is not finished after them."""
    return comparison.ordered(env)[:MOST]
