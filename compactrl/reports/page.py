"""A comparison as one HTML file: a section per environment, figures inline, nothing from the network.

Everything that comes from runs is escaped by the template; the same runs give the same bytes. Its figures are
in `page_figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compactrl.reports import aggregate as aggregates
from compactrl.reports import tables
from compactrl.reports.compare import front
from compactrl.reports.page_figures import Drawing, PageFigure, figures_of_environment, figures_of_setting
from compactrl.reports.style import MOST, SERIES

if TYPE_CHECKING:
    from compactrl.reports.compare import Comparison
    from compactrl.reports.settings import Setting

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
    fronts: dict[str, str]
    figures: list[PageFigure]
    settings: list[tuple[str, str, list[PageFigure]]]
    """Label, what its best seed came to, pictures."""


def render(comparison: Comparison, refresh: int = 0) -> str:
    """Return the page.

    Args:
        comparison: what to show.
        refresh: seconds after which a browser loads the page anew; 0 for never.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("compactrl.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing = Drawing()
    # Before the notes are read: drawing may add some.
    sections = [_section(comparison, env, drawing) for env in comparison.environments]
    in_sections = {warning for section in sections for warning in section.warnings}
    content = {
        "sections": sections,
        "warnings": [warning for warning in comparison.warnings if warning not in in_sections],
        "notes": comparison.notes,
        "meaning": tables.MEANING,
        "together": tables.aggregate_rows(aggregates.aggregate(comparison)),
        "together_headings": tables.AGGREGATE_HEADINGS,
        "together_meaning": aggregates.MEANING,
        "light": {**LIGHT, **{f"--series-{index}": shade for index, shade in enumerate(SERIES)}},
        "dark": {**DARK, **{f"--series-{index}": shade for index, shade in enumerate(DARK_SERIES)}},
        "runs": len(comparison.records),
        "count": len(comparison.settings),
        "refresh": refresh,
    }
    return environment.get_template("report.html").render(content) + "\n"


def _section(comparison: Comparison, env: str, drawing: Drawing) -> Section:
    ranked = comparison.ranked(env)
    fronts = {cost: ", ".join(setting.label for setting in front(ranked, cost)) for cost in ("bits", "parameters")}
    numbered = {setting.label: f"{place}. {setting.label}" for place, setting in enumerate(ranked, 1)}
    return Section(
        env=env,
        warnings=comparison.warnings_of(env),
        headings=tables.headings(comparison, env),
        rows=[[numbered.get(label, label), *cells] for label, *cells in tables.rows(comparison, env)],
        fronts={cost: labels for cost, labels in fronts.items() if labels},
        figures=list(figures_of_environment(comparison, env, drawing)),
        settings=[
            (numbered.get(setting.label, setting.label), *figures_of_setting(setting, drawing))
            for setting in _pictured(comparison, env)
        ],
    )


def _pictured(comparison: Comparison, env: str) -> list[Setting]:
    """Return the settings that get pictures of their best seed: the best, and whatever is not finished after them."""
    ranked = comparison.ranked(env)
    others = [setting for setting in comparison.of(env) if setting not in ranked]
    return [*ranked, *others][:MOST]
