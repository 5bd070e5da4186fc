"""What a search found: how its colouring looks by the measures of `coloring`, and how its proposals lay apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from compactrl.errors import InputError
from compactrl.reports import coloring as measures
from compactrl.reports.coloring import KINDS, NO_EDGE, Coloring, coloring_of
from compactrl.reports.style import FAINT, INK, MOST, SERIES, blank, canvas, legend_below, styled
from compactrl.runs.history import Trace, load_trace
from compactrl.runs.run import Run
from compactrl.types import Floats, Integers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROUNDED = 0.1
"""Share of the largest entry below which the paper's displacement ranks count an entry as zero."""


class Layer(NamedTuple):
    """A weight matrix of the policy."""

    shape: tuple[int, int]
    """(outputs, inputs)"""
    ranks: dict[str, int]
    """Kind of structure → displacement rank."""
    rounded_ranks: dict[str, int]
    """The same with small entries counted as zero, as in the paper."""


class Similarity(NamedTuple):
    """Colourings that led a search, each beside the one before."""

    iterations: Integers
    """(K - 1,)"""
    rand_index: Floats
    """(K - 1,)"""
    variation_of_information: Floats
    """(K - 1,) nats."""
    distance: Integers
    """(K - 1,) edges of another colour."""
    entropies: Floats
    """(K,) nats, of each colouring."""


class Analysis(NamedTuple):
    """What `analyze` finds."""

    path: Path
    coloring: Coloring
    entropy: float
    """Of the colours' frequencies over the edges in use, in nats."""
    random_entropies: Floats
    """(samples,) of colourings drawn uniformly."""
    layers: list[Layer]
    similarity: Similarity | None
    """None where the run has recorded no colourings: an older run, or a method without designs."""

    @property
    def colors_used(self) -> int:
        """How many colours at least one edge has."""
        return len(np.unique(self.coloring.colors[self.coloring.colors != NO_EDGE]))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        low, high = np.percentile(self.random_entropies, [2.5, 97.5])
        similarity = self.similarity
        return {
            "run": str(self.path),
            "edges": len(self.coloring.colors),
            "edges_used": int((self.coloring.colors != NO_EDGE).sum()),
            "colors": len(self.coloring.weights),
            "colors_used": self.colors_used,
            "entropy": self.entropy,
            "entropy_random_mean": float(self.random_entropies.mean()),
            "entropy_random_interval": [float(low), float(high)],
            "entropy_even": float(np.log(len(self.coloring.weights))),
            "layers": [
                {"shape": list(layer.shape), "ranks": layer.ranks, "rounded_ranks": layer.rounded_ranks}
                for layer in self.layers
            ],
            "similarity": None
            if similarity is None
            else {key: np.asarray(values).tolist() for key, values in similarity._asdict().items()},
        }


def analyze(run: str | Path | Run) -> Analysis:
    """Look into the colouring of a run's policy, and into those that led its search.

    Raises:
        InputError: there is no run, or every edge of its policy has a weight of its own.
        CompactrlError: the run has no policy yet, or its files are damaged.
    """
    opened = run if isinstance(run, Run) else Run(run)
    policy = opened.policy
    if policy.sharing.own:
        raise InputError(
            f"{opened.path}: every edge of its policy has a weight of its own: there is no colouring to analyse. "
            "`compactrl report` shows what the run came to"
        )
    coloring = coloring_of(policy)
    used = coloring.colors[coloring.colors != NO_EDGE]
    if not len(used):
        raise InputError(f"{opened.path}: the mask has dropped every edge, there is nothing to analyse")
    count = len(coloring.weights)
    layers = [
        Layer(
            layer.weight.shape,
            {kind: measures.displacement_rank(layer.weight, kind) for kind in KINDS},
            {kind: measures.displacement_rank(layer.weight, kind, ROUNDED) for kind in KINDS},
        )
        for layer in policy.layers
    ]
    trace = load_trace(opened.path)
    return Analysis(
        path=opened.path,
        coloring=coloring,
        entropy=measures.entropy(measures.frequencies(used, count)),
        random_entropies=measures.random_entropies(len(used), count),
        layers=layers,
        similarity=similarity_of(trace) if trace is not None and len(trace.designs) > 1 else None,
    )


def similarity_of(trace: Trace) -> Similarity:
    """Compare each colouring of a search with the one noted before it."""
    pairs = list(zip(trace.designs[:-1], trace.designs[1:], strict=True))
    colors = int(trace.designs.max()) + 1
    return Similarity(
        iterations=trace.iterations[1:],
        rand_index=np.array([measures.rand_index(*pair) for pair in pairs]),
        variation_of_information=np.array([measures.variation_of_information(*pair) for pair in pairs]),
        distance=np.array([measures.edge_distance(*pair) for pair in pairs]),
        entropies=np.array([measures.entropy(measures.frequencies(design, colors)) for design in trace.designs]),
    )


@styled
def similarity_curves(analysis: Analysis) -> Figure:
    """Draw RandIndex, variation of information and distance over the iterations of a search (figure 8)."""
    similarity = analysis.similarity
    if similarity is None:
        raise InputError(f"{analysis.path} has recorded no colourings to compare")
    from matplotlib.ticker import MaxNLocator

    figure = blank(4.0)
    panels = figure.subplots(3, 1, sharex=True)
    for axes, values, name, shade in zip(
        panels,
        (similarity.rand_index, similarity.variation_of_information, similarity.distance),
        ("RandIndex", "variation of\ninformation (nats)", "edges that\ndiffer"),
        SERIES,
        strict=False,
    ):
        axes.plot(similarity.iterations, values, color=shade, linewidth=1.1)
        axes.set_ylabel(name)
    panels[-1].set_xlabel("iteration")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def entropy_histogram(analysis: Analysis) -> Figure:
    """Draw the entropies of the colourings that led the search, and that of a random colouring (figure 6)."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = canvas(2.5)
    similarity = analysis.similarity
    if similarity is not None:
        axes.hist(similarity.entropies, bins=20, color=SERIES[0], alpha=0.7, label="colourings that led the search")
    axes.axvline(analysis.entropy, color=INK, linewidth=1.4, label="the policy's colouring")
    low, high = np.percentile(analysis.random_entropies, [2.5, 97.5])
    axes.axvspan(low, high, color=SERIES[1], alpha=0.35, linewidth=0, label="95 % of random ones")
    axes.axvline(np.log(len(analysis.coloring.weights)), color=FAINT, linestyle=":", label="as even as can be")
    axes.set(xlabel="entropy of the colours' frequencies (nats)", ylabel="colourings")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(figure, axes, columns=2)
    return figure


@styled
def rank_bars(analysis: Analysis) -> Figure:
    """Draw the displacement ranks of each weight matrix beside the highest possible ones (figure 7)."""
    from matplotlib.ticker import MaxNLocator

    layers = analysis.layers[:MOST]
    figure, axes = canvas(2.5)
    width = 0.27
    places = np.arange(len(layers))
    for number, kind in enumerate(KINDS):
        offset = (number - 1) * width
        axes.bar(places + offset, [layer.ranks[kind] for layer in layers], width, color=SERIES[number], label=kind)
    axes.bar(places + width, [min(layer.shape) for layer in layers], width, color=FAINT, alpha=0.5, label="full rank")
    axes.set_xticks(
        places, [f"layer {place + 1}\n{layer.shape[0]} × {layer.shape[1]}" for place, layer in enumerate(layers)]
    )
    axes.set_ylabel("displacement rank")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    legend_below(figure, axes, columns=3)
    return figure
