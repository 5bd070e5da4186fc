"""A report as one HTML file: sections an environment, figures inline, nothing from the network.

Everything that comes from runs is escaped by the template; the same runs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from compactrl.errors import CompactrlError
from compactrl.reports import aggregate as together
from compactrl.reports import analysis, architectures, figures, pictures, tables
from compactrl.reports.coloring import NO_EDGE, coloring_of
from compactrl.reports.compare import Report, front
from compactrl.reports.settings import Setting
from compactrl.reports.style import MOST, SERIES, as_svg
from compactrl.reports.words import number, plural
from compactrl.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIGHT = {"--ink": "#1b1f23", "--faint": "#5f6871", "--grid": "#d8dde1"}
DARK = {"--ink": "#e6e9ec", "--faint": "#a3acb5", "--grid": "#3a4149"}
DARK_SERIES = (
    "#58a6ff", "#ff9a4d", "#3fd0a0", "#e08fd0", "#e0b73a", "#8fd3ff", "#b39bff", "#d29a7c", "#a9b7c2", "#ff7b95",
)  # fmt: skip


class Shown(NamedTuple):
    """A figure on the page."""

    title: str
    caption: str
    svg: str


class Section(NamedTuple):
    """An environment on the page."""

    env: str
    warnings: list[str]
    rows: list[list[str]]
    fronts: dict[str, str]
    figures: list[Shown]
    settings: list[tuple[str, str, list[Shown]]]
    """Label, what it came to, pictures."""


def render(report: Report, refresh: int = 0) -> str:
    """Return the page.

    Args:
        report: what to show.
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
    draw = _Drawing()
    sections = [_section(report, env, draw) for env in report.environments]  # first: drawing may add notes
    content = {
        "sections": sections,
        "warnings": [each for each in report.warnings if not any(each in section.warnings for section in sections)],
        "notes": report.notes,
        "headings": tables.HEADINGS,
        "meaning": tables.MEANING,
        "together": tables.aggregate_rows(together.aggregate(report)),
        "together_headings": tables.AGGREGATE_HEADINGS,
        "together_meaning": together.MEANING,
        "light": {**LIGHT, **{f"--series-{index}": shade for index, shade in enumerate(SERIES)}},
        "dark": {**DARK, **{f"--series-{index}": shade for index, shade in enumerate(DARK_SERIES)}},
        "runs": len(report.records),
        "count": len(report.settings),
        "refresh": refresh,
    }
    return environment.get_template("report.html").render(content) + "\n"


class _Drawing:
    """Turns figures into SVGs, each with a name of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, title: str, where: str, caption: str, figure: Figure) -> Shown:
        self._count += 1
        return Shown(title, caption, as_svg(figure, f"f{self._count}", f"{title}, {where}. {caption}"))


def _section(report: Report, env: str, draw: _Drawing) -> Section:
    ranked = report.ranked(env)
    fronts = {cost: ", ".join(setting.label for setting in front(ranked, cost)) for cost in ("bits", "parameters")}
    numbers = {setting.label: f"{place}. {setting.label}" for place, setting in enumerate(ranked, 1)}
    return Section(
        env=env,
        warnings=report.warnings_of(env),
        rows=[[numbers.get(label, label), *cells] for label, *cells in tables.rows(report, env)],
        fronts={name: labels for name, labels in fronts.items() if labels},
        figures=list(_figures(report, env, draw)),
        settings=[
            (numbers.get(setting.label, setting.label), *_of_setting(setting, draw))
            for setting in _worth_looking(report, env)
        ],
    )


def _figures(report: Report, env: str, draw: _Drawing) -> Iterator[Shown]:
    ranked = report.ranked(env)
    top = ranked[:MOST]
    said = f"{_counts(top or report.of(env))}" + (f" The best {MOST} of {len(ranked)}." if len(ranked) > MOST else "")
    if top:
        for cost in ("bits", "parameters"):
            yield draw(
                f"Return against {cost}",
                env,
                "Large dots: interquartile mean over seeds, with its 95 % interval; small dots: seeds. " + said,
                figures.returns_against(top, cost),
            )
    growing = top or report.of(env)[:MOST]
    if any(len(figures.curve(record)[0]) for setting in growing for record in setting.records):
        yield draw(
            "Learning curves",
            env,
            "Mean return of the policy, without noise, at re-evaluations: interquartile mean over seeds, and its 95 % "
            "interval. " + said,
            figures.learning_curves(growing),
        )
    if sum(len(setting.scores) > 1 for setting in top) > 1:
        yield draw(
            "Performance profiles",
            env,
            "Share of the seeds whose mean return is above a threshold, with pointwise 95 % intervals. " + said,
            figures.performance_profiles(top),
        )
        several = [place for place, setting in enumerate(top) if len(setting.scores) > 1]
        yield draw(
            "Probability of improvement",
            env,
            "How likely one setting has a higher return than another: by the share of seeds where both have the same "
            "seeds, else of all pairs of seeds. Settings with one seed are left out. " + said,
            figures.improvement_matrix([top[place] for place in several], several),
        )
    order = [*ranked, *(setting for setting in report.of(env) if setting not in ranked)]
    masked = [(place, setting) for place, setting in enumerate(order) if _has_usage(setting)][:MOST]
    if masked:
        places, settings = [place for place, _ in masked], [setting for _, setting in masked]
        yield draw(
            "Usage of masked networks",
            env,
            "Share of the edges that the candidates of a generation keep, and their mean return; a line a seed. "
            + _counts(settings),
            figures.usage_curves(settings, places),
        )


def _worth_looking(report: Report, env: str) -> list[Setting]:
    """Return the settings that get pictures of their best seed: the best, and whatever is not finished after them."""
    ranked = report.ranked(env)
    others = [setting for setting in report.of(env) if setting not in ranked]
    return [*ranked, *others][:MOST]


def _of_setting(setting: Setting, draw: _Drawing) -> tuple[str, list[Shown]]:
    """Return what a setting's best seed came to, and its pictures."""
    record = setting.best
    came_to = (
        f"Best of {plural(len(setting.records), 'seed')}: seed {record.options.get('seed', 0)}, return "
        f"{number(record.score)} over {plural(record.summary.get('episodes') or 0, 'episode')}, "
        f"{number(setting.largest('bits'))} bits."
    )
    found = _analysis(setting)
    if found is not None:
        came_to += (
            f" Entropy of the colours' frequencies: {found.entropy:.3f} nats; of random colourings "
            f"{found.random_entropies.mean():.3f}."
        )
    return came_to, list(_attempted(_pictures(setting, found, draw), record.notes))


def _analysis(setting: Setting) -> analysis.Analysis | None:
    """Look into the colouring of a setting's best seed; None where there is none."""
    record = setting.best
    if record.policy is None or not len(record.policy.design):
        return None
    try:
        found = analysis.analyze(Run(record.path))
    except CompactrlError as error:
        record.notes.append(str(error))
        return None
    return None if NO_EDGE in found.coloring.colors else found  # a mask shares no weights


def _attempted(drawn: Iterator[Callable[[], Shown]], notes: list[str]) -> Iterator[Shown]:
    """Return the figures that can be drawn; for each other one there is a note."""
    for attempt in drawn:
        try:
            yield attempt()
        except CompactrlError as error:
            if str(error) not in notes:
                notes.append(str(error))


def _pictures(setting: Setting, found: analysis.Analysis | None, draw: _Drawing) -> Iterator[Callable[[], Shown]]:
    record, policy = setting.best, setting.best.policy
    seed = f"Seed {record.options.get('seed', 0)}"
    where = f"{setting.label}, {setting.env}, {seed.lower()}"
    if len(record.metrics["env_steps"]):
        bars = (
            "Bars: share of the edges of another colour, or masked otherwise, than in the leading design noted before."
        )
        unknown = "The run has recorded no designs, so that changes of the proposal are not marked."
        said = "The method proposes no designs."
        if policy is not None and len(policy.design):
            said = unknown if record.trace is None else bars
        yield lambda: draw("The search", where, f"{seed}. {said}", figures.run_curve(record))
    if policy is not None and policy.size.weights < sum(layer.weight.size for layer in policy.layers):
        edges = coloring_of(policy).colors
        kept = int((edges != NO_EDGE).sum())
        sharing = f"{seed}. {kept} of {len(edges)} edges are kept. " if kept < len(edges) else f"{seed}. "
        sharing += "A colour is a weight, from the most negative (blue) to the most positive (red)."
        yield lambda: draw("Weight matrices", where, sharing, pictures.coloring_grid(policy))
        yield lambda: draw("The network", where, sharing, pictures.network_drawing(policy))
    if found is not None:
        yield from _understood(found, seed, where, draw)
    for table in record.architectures[-1:]:
        for capacity, name in architectures.CAPACITIES.items():
            yield lambda capacity=capacity, name=name, table=table: draw(  # type: ignore[misc]
                f"Return against {name}",
                where,
                f"{seed}. A point is one of {len(table['architectures'])} architectures.",
                architectures.capacity_points(table, capacity),
            )
        yield lambda: draw(
            "Leading architectures",
            where,
            f"{seed}. The architecture with the highest return, and the smallest with 90 % and 80 % of it.",
            architectures.leading_architectures(record.architectures),
        )


def _understood(found: analysis.Analysis, seed: str, where: str, draw: _Drawing) -> Iterator[Callable[[], Shown]]:
    if found.similarity is not None:
        count = len(found.similarity.entropies)
        yield lambda: draw(
            "Proposals compared",
            where,
            f"{seed}. Each colouring that led beside the one noted before: RandIndex (1: the same partition), "
            "variation of information, and edges of another colour.",
            analysis.similarity_curves(found),
        )
        yield lambda: draw(
            "Entropy",
            where,
            f"{seed}. How evenly the colours are used by the {count} colourings that led.",
            analysis.entropy_histogram(found),
        )
    yield lambda: draw(
        "Displacement ranks",
        where,
        f"{seed}. A Toeplitz matrix has rank 2 at most, the sum of a Toeplitz and a Hankel matrix 4.",
        analysis.rank_bars(found),
    )


def _has_usage(setting: Setting) -> bool:
    return any((record.metrics["usage"] == record.metrics["usage"]).any() for record in setting.records)


def _counts(settings: list[Setting]) -> str:
    """Say how many seeds and episodes are behind a figure."""
    seeds = _range({len(setting.scores) for setting in settings}, "seed")
    episodes = _range(
        {int(record.summary.get("episodes") or 0) for setting in settings for record in setting.records}, "episode"
    )
    return f"{seeds} a setting, {episodes} a seed."


def _range(values: set[int], unit: str) -> str:
    low, high = min(values), max(values)
    return plural(low, unit) if low == high else f"{low} to {high} {unit}s"
