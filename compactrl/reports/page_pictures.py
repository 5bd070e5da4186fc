"""The pictures of a configuration's best seed on the page, with titles and captions; what cannot be drawn is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from compactrl.errors import CompactrlError
from compactrl.quantities import a_return
from compactrl.reports import analysis, architectures, pictures
from compactrl.reports.coloring import NO_EDGE, coloring_of
from compactrl.reports.drawing import Drawing, PageFigure
from compactrl.reports.run_curves import run_curve
from compactrl.reports.words import number, plural
from compactrl.runs.run import Run

if TYPE_CHECKING:
    from compactrl.policies.policy import Policy
    from compactrl.reports.analysis import Analysis
    from compactrl.reports.configurations import Configuration
    from compactrl.reports.reading import Record

Attempt = Callable[[], PageFigure]
"""Draws a figure when called; raises a CompactrlError where that cannot be done."""


def figures_of_configuration(configuration: Configuration, draw: Drawing) -> tuple[str, list[PageFigure]]:
    """Return what a configuration's best seed came to, and its pictures; whatever cannot be drawn becomes a note."""
    record, seeds = configuration.best, len(configuration.records)
    best = f"Best of {seeds} seeds: seed" if seeds > 1 else "Seed"
    result = (
        f"{best} {record.options.get('seed', 0)}, return {a_return(record.score)} over "
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
        yield lambda: draw("The search", where, f"{seed}. {_explained_search(record)}", run_curve(record))
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
    final = record.shape[1:-1]
    episodes = sorted({int(row.get("episodes") or 0) for row in newest["architectures"]})
    behind = f", {plural(episodes[-1], 'episode')} each" if episodes[-1] else ""
    for capacity, name in architectures.CAPACITIES.items():
        yield lambda capacity=capacity, name=name: draw(  # type: ignore[misc]
            f"All architectures by {name}",
            where,
            f"{seed}. A point is one of {len(newest['architectures'])} architectures{behind}. Ringed: the best, and "
            "the smallest with 90 % and 80 % of it.",
            architectures.capacity_points(newest, capacity, final),
        )
    if len(record.architectures) > 1:
        yield lambda: draw(
            "Leading architectures",
            where,
            f"{seed}. The best architecture, and the smallest with 90 % and 80 % of it, as the search went on.",
            architectures.leading_architectures(record.architectures),
        )
