"""The figures of the page, with titles and captions: those of an environment, and those of a configuration's best seed.

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
    from compactrl.reports.configurations import Configuration
    from compactrl.reports.reading import Record


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
    """Draw the configurations of an environment beside each other, wherever there is more than one dot to draw."""
    ranked = comparison.ranked(env)
    best = ranked[:MOST]
    counts = _counts(best or comparison.of(env))
    counts += f" The best {MOST} of {len(ranked)}." if len(ranked) > MOST else ""
    for cost in ("bits", "parameters") if _comparable(best) else ():
        yield draw(
            f"Return against {cost}",
            env,
            "Large dots: interquartile mean over seeds, with its 95 % interval; small dots: seeds. " + counts,
            figures.returns_against(best, cost),
        )
    learning = best or comparison.of(env)[:MOST]
    runs, points = _curves(learning)
    if points > 1 and runs > 1:
        yield draw(
            "Learning curves",
            env,
            "Mean return of the final policy so far, without noise, at re-evaluations: interquartile mean over seeds, "
            "and its 95 % interval. " + counts,
            figures.learning_curves(learning),
        )
    if sum(len(configuration.scores) > 1 for configuration in best) > 1:
        yield from _figures_over_seeds(best, env, counts, draw)
    yield from _usage_figure(comparison.ordered(env), env, draw)


def _curves(configurations: list[Configuration]) -> tuple[int, int]:
    """Return how many runs there are, and the points of the longest learning curve among them."""
    points = [len(figures.curve(record)[0]) for one in configurations for record in one.records]
    return len(points), max(points, default=0)


def _comparable(configurations: list[Configuration]) -> bool:
    """Return whether two configurations at least have a size and a return to draw."""
    return sum(configuration.size[1] < float("inf") for configuration in configurations) > 1


def missing_of_environment(comparison: Comparison, env: str) -> str:
    """Say which figures an environment lacks, and what to add to see them; empty where it lacks none."""
    ranked = comparison.ranked(env)
    lacking = []
    if not _comparable(ranked):
        lacking.append(
            "Return against size and Pareto fronts compare two configurations or more: search with another method or "
            "other options, and give all the folders to compactrl report."
        )
    runs, points = _curves(ranked)
    if runs > 1 and points < 2:
        lacking.append("Learning curves need two re-evaluations or more in a search.")
    if sum(len(configuration.scores) > 1 for configuration in ranked) < 2:
        lacking.append(
            "Performance profiles and the probability of improvement need two configurations with two seeds each: "
            "search again with another --seed; each seed narrows the intervals."
        )
    return " ".join(lacking)


def _figures_over_seeds(best: list[Configuration], env: str, counts: str, draw: Drawing) -> Iterator[PageFigure]:
    """Draw what needs several seeds of at least two configurations."""
    yield draw(
        "Performance profiles",
        env,
        "Share of the seeds whose mean return is above a threshold, with pointwise 95 % intervals. " + counts,
        figures.performance_profiles(best),
    )
    several = [place for place, configuration in enumerate(best) if len(configuration.scores) > 1]
    yield draw(
        "Probability of improvement",
        env,
        "How likely one configuration has a higher return than another: by the share of seeds where both have the same "
        "seeds, else of all pairs of seeds. Configurations with one seed are left out. " + counts,
        figures.improvement_matrix([best[place] for place in several], several),
    )


def _usage_figure(order: list[Configuration], env: str, draw: Drawing) -> Iterator[PageFigure]:
    """Draw how many edges masked networks keep, where there are any."""
    masked = [(place, configuration) for place, configuration in enumerate(order) if _has_usage(configuration)][:MOST]
    if not masked:
        return
    places, configurations = [place for place, _ in masked], [configuration for _, configuration in masked]
    yield draw(
        "Usage of masked networks",
        env,
        "Share of the edges that the candidates of a generation keep, and their mean return; one line per seed. "
        + _counts(configurations),
        figures.usage_curves(configurations, places),
    )


def _has_usage(configuration: Configuration) -> bool:
    return any((record.metrics["usage"] == record.metrics["usage"]).any() for record in configuration.records)


def _counts(configurations: list[Configuration]) -> str:
    """Say how many seeds and episodes are behind a figure."""
    seeds = _range({len(configuration.scores) for configuration in configurations}, "seed")
    episodes = _range(
        {
            int(record.summary.get("episodes") or 0)
            for configuration in configurations
            for record in configuration.records
        },
        "episode",
    )
    return f"{seeds} per configuration, {episodes} per seed."


def _range(counts: set[int], unit: str) -> str:
    low, high = min(counts), max(counts)
    return plural(low, unit) if low == high else f"{low} to {high} {unit}s"


def figures_of_configuration(configuration: Configuration, draw: Drawing) -> tuple[str, list[PageFigure]]:
    """Return what a configuration's best seed came to, and its pictures; whatever cannot be drawn becomes a note."""
    record, seeds = configuration.best, len(configuration.records)
    best = f"Best of {seeds} seeds: seed" if seeds > 1 else "Seed"
    result = (
        f"{best} {record.options.get('seed', 0)}, return {number(record.score)} over "
        f"{plural(record.summary.get('episodes') or 0, 'episode')}, {number(configuration.largest('bits'))} bits, "
        f"{number(configuration.bytes)} bytes."
    )
    analysed = _analysis(record)
    if analysed is not None:
        result += (
            f" Entropy of the colours' frequencies: {analysed.entropy:.3f} nats; of random colourings "
            f"{analysed.random_entropies.mean():.3f}."
        )
    return result, list(_drawable(_attempts(configuration, analysed, draw), record.notes))


def _analysis(record: Record) -> Analysis | None:
    """Look into the colouring of a run; None where there is none."""
    if not record.designs_are_of_edges or record.policy is None or record.policy.sharing.own:
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


def _attempts(configuration: Configuration, analysed: Analysis | None, draw: Drawing) -> Iterator[Attempt]:
    record, policy = configuration.best, configuration.best.policy
    seed = f"Seed {record.options.get('seed', 0)}"
    where = f"{configuration.label}, {configuration.env}, {seed.lower()}"
    if record.architectures:
        yield from _attempts_of_architectures(record, seed, where, draw)
    if len(record.metrics["env_steps"]):
        yield lambda: draw("The search", where, f"{seed}. {_explained_search(record)}", figures.run_curve(record))
    if policy is not None and policy.size.weights < sum(layer.weight.size for layer in policy.layers):
        yield from _attempts_of_sharing(policy, seed, where, draw)
    if analysed is not None:
        yield from _attempts_of_analysis(analysed, seed, where, draw)


def _explained_search(record: Record) -> str:
    """Say what a search's curve shows, and what the bars below it mean, or why there are none."""
    text = "Orange: mean return of the policy that would be final, without noise, on fresh episodes."
    if not record.designs_are_of_edges:
        return text
    if record.trace is None:
        return text + " The run has recorded no designs, so that changes of the proposal are not marked."
    return text + " Bars: share of the edges at which the leading design differs from the one noted before."


def _attempts_of_sharing(policy: Policy, seed: str, where: str, draw: Drawing) -> Iterator[Attempt]:
    edges = coloring_of(policy).colors
    kept = int((edges != NO_EDGE).sum())
    caption = f"{seed}. {kept} of {len(edges)} edges are kept. " if kept < len(edges) else f"{seed}. "
    caption += "Blue: negative weights, orange: positive ones, grey: zero; a shade is one weight."
    yield lambda: draw("Weight matrices", where, caption, pictures.coloring_grid(policy))
    yield lambda: draw("The network", where, caption, pictures.network_drawing(policy))


def _attempts_of_analysis(analysed: Analysis, seed: str, where: str, draw: Drawing) -> Iterator[Attempt]:
    similarity = analysed.similarity
    if similarity is not None and len(similarity.rand_index) > 1:
        count = len(similarity.entropies)
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
    shipped = record.shape[1:-1]
    episodes = sorted({int(row.get("episodes") or 0) for row in newest["architectures"]})
    behind = f", {plural(episodes[-1], 'episode')} each" if episodes[-1] else ""
    for capacity, name in architectures.CAPACITIES.items():
        yield lambda capacity=capacity, name=name: draw(  # type: ignore[misc]
            f"All architectures by {name}",
            where,
            f"{seed}. A point is one of {len(newest['architectures'])} architectures{behind}. Ringed: the best, and "
            "the smallest with 90 % and 80 % of it.",
            architectures.capacity_points(newest, capacity, shipped),
        )
    if len(record.architectures) > 1:
        yield lambda: draw(
            "Leading architectures",
            where,
            f"{seed}. The best architecture, and the smallest with 90 % and 80 % of it, as the search went on.",
            architectures.leading_architectures(record.architectures),
        )
