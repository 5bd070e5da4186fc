"""The figures of an environment on the page, with titles and captions, and what to add to see those that are missing.

A caption says how many seeds and episodes are behind its figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compactrl.reports import figures
from compactrl.reports.drawing import Drawing, PageFigure
from compactrl.reports.run_curves import curve
from compactrl.reports.style import MOST
from compactrl.reports.words import plural

if TYPE_CHECKING:
    from compactrl.reports.compare import Comparison
    from compactrl.reports.configurations import Configuration


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
    points = [len(curve(record)[0]) for one in configurations for record in one.records]
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
        lacking.append("Learning curves need several re-evaluations in a search, as with --reevaluations 10.")
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
