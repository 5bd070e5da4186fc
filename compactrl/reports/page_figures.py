"""The figures of the page, with their titles and captions: those of an environment, and those of a setting's best seed.

A caption says how many seeds and episodes are behind its figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from compactrl.errors import CompactrlError
from compactrl.reports import analysis, architectures, figures, pictures
from compactrl.reports.coloring import NO_EDGE, coloring_of
from compactrl.reports.style import MOST, as_svg
from compactrl.reports.words import number, plural
from compactrl.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compactrl.policies.policy import Policy
    from compactrl.reports.analysis import Analysis
    from compactrl.reports.compare import Comparison
    from compactrl.reports.reading import Record
    from compactrl.reports.settings import Setting


class PageFigure(NamedTuple):
    """A figure on the page."""

    title: str
    caption: str
    svg: str


class Drawing:
    """Turns figures into SVGs, each with a name of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, title: str, where: str, caption: str, figure: Figure) -> PageFigure:
        """Return the next figure of the page."""
        self._count += 1
        return PageFigure(title, caption, as_svg(figure, f"f{self._count}", f"{title}, {where}. {caption}"))


Attempt = Callable[[], PageFigure]
"""Draws a figure when called; raises a CompactrlError where that cannot be done."""


def figures_of_environment(comparison: Comparison, env: str, draw: Drawing) -> Iterator[PageFigure]:
    """Draw the settings of an environment beside each other."""
    ranked = comparison.ranked(env)
    best = ranked[:MOST]
    counts = _counts(best or comparison.of(env))
    counts += f" The best {MOST} of {len(ranked)}." if len(ranked) > MOST else ""
    if best:
        for cost in ("bits", "parameters"):
            yield draw(
                f"Return against {cost}",
                env,
                "Large dots: interquartile mean over seeds, with its 95 % interval; small dots: seeds. " + counts,
                figures.returns_against(best, cost),
            )
    learning = best or comparison.of(env)[:MOST]
    if any(len(figures.curve(record)[0]) for setting in learning for record in setting.records):
        yield draw(
            "Learning curves",
            env,
            "Mean return of the policy, without noise, at re-evaluations: interquartile mean over seeds, and its 95 % "
            "interval. " + counts,
            figures.learning_curves(learning),
        )
    if sum(len(setting.scores) > 1 for setting in best) > 1:
        yield from _figures_over_seeds(best, env, counts, draw)
    order = [*ranked, *(setting for setting in comparison.of(env) if setting not in ranked)]
    yield from _usage_figure(order, env, draw)


def _figures_over_seeds(best: list[Setting], env: str, counts: str, draw: Drawing) -> Iterator[PageFigure]:
    """Draw what needs several seeds of at least two settings."""
    yield draw(
        "Performance profiles",
        env,
        "Share of the seeds whose mean return is above a threshold, with pointwise 95 % intervals. " + counts,
        figures.performance_profiles(best),
    )
    several = [place for place, setting in enumerate(best) if len(setting.scores) > 1]
    yield draw(
        "Probability of improvement",
        env,
        "How likely one setting has a higher return than another: by the share of seeds where both have the same "
        "seeds, else of all pairs of seeds. Settings with one seed are left out. " + counts,
        figures.improvement_matrix([best[place] for place in several], several),
    )


def _usage_figure(order: list[Setting], env: str, draw: Drawing) -> Iterator[PageFigure]:
    """Draw how many edges masked networks keep, where there are any."""
    masked = [(place, setting) for place, setting in enumerate(order) if _has_usage(setting)][:MOST]
    if not masked:
        return
    places, settings = [place for place, _ in masked], [setting for _, setting in masked]
    yield draw(
        "Usage of masked networks",
        env,
        "Share of the edges that the candidates of a generation keep, and their mean return; a line a seed. "
        + _counts(settings),
        figures.usage_curves(settings, places),
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


def _range(counts: set[int], unit: str) -> str:
    low, high = min(counts), max(counts)
    return plural(low, unit) if low == high else f"{low} to {high} {unit}s"


def figures_of_setting(setting: Setting, draw: Drawing) -> tuple[str, list[PageFigure]]:
    """Return what a setting's best seed came to, and its pictures; whatever cannot be drawn becomes a note."""
    record = setting.best
    result = (
        f"Best of {plural(len(setting.records), 'seed')}: seed {record.options.get('seed', 0)}, return "
        f"{number(record.score)} over {plural(record.summary.get('episodes') or 0, 'episode')}, "
        f"{number(setting.largest('bits'))} bits."
    )
    analysed = _analysis(record)
    if analysed is not None:
        result += (
            f" Entropy of the colours' frequencies: {analysed.entropy:.3f} nats; of random colourings "
            f"{analysed.random_entropies.mean():.3f}."
        )
    return result, list(_drawable(_attempts(setting, analysed, draw), record.notes))


def _analysis(record: Record) -> Analysis | None:
    """Look into the colouring of a run; None where there is none."""
    if record.policy is None or not len(record.policy.design):
        return None
    try:
        analysed = analysis.analyze(Run(record.path))
    except CompactrlError as error:
        record.notes.append(str(error))
        return None
    return None if NO_EDGE in analysed.coloring.colors else analysed  # a mask shares no weights


def _drawable(attempts: Iterator[Attempt], notes: list[str]) -> Iterator[PageFigure]:
    """Return the figures that can be drawn; for each other one there is a note."""
    for attempt in attempts:
        try:
            yield attempt()
        except CompactrlError as error:
            if str(error) not in notes:
                notes.append(str(error))


def _attempts(setting: Setting, analysed: Analysis | None, draw: Drawing) -> Iterator[Attempt]:
    record, policy = setting.best, setting.best.policy
    seed = f"Seed {record.options.get('seed', 0)}"
    where = f"{setting.label}, {setting.env}, {seed.lower()}"
    if len(record.metrics["env_steps"]):
        marks = _explained_marks(record)
        yield lambda: draw("The search", where, f"{seed}. {marks}", figures.run_curve(record))
    if policy is not None and policy.size.weights < sum(layer.weight.size for layer in policy.layers):
        yield from _attempts_of_sharing(policy, seed, where, draw)
    if analysed is not None:
        yield from _attempts_of_analysis(analysed, seed, where, draw)
    if record.architectures:
        yield from _attempts_of_architectures(record, seed, where, draw)


def _explained_marks(record: Record) -> str:
    """Say what the bars below a search's curve mean, or why there are none."""
    if record.policy is None or not len(record.policy.design):
        return "The method proposes no designs."
    if record.trace is None:
        return "The run has recorded no designs, so that changes of the proposal are not marked."
    return "Bars: share of the edges of another colour, or masked otherwise, than in the leading design noted before."


def _attempts_of_sharing(policy: Policy, seed: str, where: str, draw: Drawing) -> Iterator[Attempt]:
    edges = coloring_of(policy).colors
    kept = int((edges != NO_EDGE).sum())
    caption = f"{seed}. {kept} of {len(edges)} edges are kept. " if kept < len(edges) else f"{seed}. "
    caption += "A colour is a weight, from the most negative (blue) to the most positive (red)."
    yield lambda: draw("Weight matrices", where, caption, pictures.coloring_grid(policy))
    yield lambda: draw("The network", where, caption, pictures.network_drawing(policy))


def _attempts_of_analysis(analysed: Analysis, seed: str, where: str, draw: Drawing) -> Iterator[Attempt]:
    if analysed.similarity is not None:
        count = len(analysed.similarity.entropies)
        yield lambda: draw(
            "Proposals compared",
            where,
            f"{seed}. Each colouring that led beside the one noted before: RandIndex (1: the same partition), "
            "variation of information, and edges of another colour.",
            analysis.similarity_curves(analysed),
        )
        yield lambda: draw(
            "Entropy",
            where,
            f"{seed}. How evenly the colours are used by the {count} colourings that led.",
            analysis.entropy_histogram(analysed),
        )
    yield lambda: draw(
        "Displacement ranks",
        where,
        f"{seed}. A Toeplitz matrix has rank 2 at most, the sum of a Toeplitz and a Hankel matrix 4.",
        analysis.rank_bars(analysed),
    )


def _attempts_of_architectures(record: Record, seed: str, where: str, draw: Drawing) -> Iterator[Attempt]:
    newest = record.architectures[-1]
    for capacity, name in architectures.CAPACITIES.items():
        yield lambda capacity=capacity, name=name: draw(  # type: ignore[misc]
            f"Return against {name}",
            where,
            f"{seed}. A point is one of {len(newest['architectures'])} architectures.",
            architectures.capacity_points(newest, capacity),
        )
    yield lambda: draw(
        "Leading architectures",
        where,
        f"{seed}. The architecture with the highest return, and the smallest with 90 % and 80 % of it.",
        architectures.leading_architectures(record.architectures),
    )
