"""The smallest with a share of the best: of the configurations of an environment, and of all architectures of a run.

What a share means where no return is positive is said in `compactrl.catalogs.shares`, whose rule this is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from compactrl.catalogs.shares import MIN_TO_MAX, OF_MAXIMUM, least_value, smallest_with
from compactrl.encodings.storage import plain_bytes
from compactrl.quantities import a_return
from compactrl.reports.statistics import interquartile_mean
from compactrl.reports.words import number

if TYPE_CHECKING:
    from compactrl.reports.configurations import Configuration

SHARE = 0.9
Row = Mapping[str, Any]


class Smallest(NamedTuple):
    """The smallest with a share of the best, and the best."""

    name: str
    """Of the configuration, empty for an architecture of a run."""
    network: str
    """Widths of its layers; of an architecture those of the hidden ones."""
    parameters: float
    bytes: float
    value: float
    """Its return, or its success rate."""
    best: float
    """The highest of them."""
    of: str
    """What is compared: `return` or `success`."""
    share: float
    meaning: str
    """Of the share: `of the maximum` or `from minimum to maximum`."""

    def __str__(self) -> str:
        """Say it in a line."""
        share = f"{100 * self.share:.0f} %"
        reached = f"with {share} of the best {self.of}"
        if self.meaning != OF_MAXIMUM:
            reached = f"that goes {share} of the way from the worst {self.of} to the best"
        network = self.network if not self.name else f"{self.name} ({self.network})"
        told = a_return if self.of == "return" else number
        best = "the best itself" if self.value == self.best else f"best: {told(self.best)}"
        return (
            f"smallest {reached}: {network}, "
            f"{number(self.parameters)} parameters, {number(self.bytes)} bytes, {self.of} {told(self.value)} ({best})"
        )


def smallest_configuration(configurations: Sequence[Configuration], share: float = SHARE) -> Smallest | None:
    """Return the smallest configuration of an environment with a share of the best return; None of too few.

    Args:
        configurations: ranked, each with a return.
        share: from 0 to 1.
    """
    scores = [float(interquartile_mean(one.values)) for one in configurations]
    meaning = OF_MAXIMUM if max(scores, default=0.0) > 0 else MIN_TO_MAX
    if len(scores) < (2 if meaning == OF_MAXIMUM else 3):
        return None  # there is nothing between the best and the worst
    least = least_value(scores, share, meaning)
    reaching = [
        (one, score) for one, score in zip(configurations, scores, strict=True) if least is None or score >= least
    ]
    one, score = min(reaching, key=lambda pair: (pair[0].size, -pair[1]))
    return Smallest(
        one.label, one.architecture, one.largest("parameters"), one.bytes, score, max(scores), "return", share, meaning
    )


def compared_column(rows: Sequence[Row]) -> str:
    """Return what architectures are compared by: success where it is known of all and any has some, else the return."""
    known = [row for row in rows if row.get("return_mean") is not None]
    successes = [row.get("success_mean") for row in known]
    return "success_mean" if any(successes) and None not in successes else "return_mean"


def smallest_row(rows: Sequence[Row], share: float) -> tuple[Row, str] | None:
    """Return the smallest architecture with this share of the best, and what the share means; None where none is known.

    Where no value is positive, it is a share of the way from the lowest to the highest.
    """
    column = compared_column(rows)
    known = [row for row in rows if row.get("return_mean") is not None]
    for meaning in (OF_MAXIMUM, MIN_TO_MAX):
        row = smallest_with(known, share, meaning, column)
        if row is not None:
            return row, meaning
    return None


def smallest_architecture(rows: Sequence[Row], share: float = SHARE) -> Smallest | None:
    """Return the smallest architecture of a run's table with a share of the best; None where none has a return."""
    found = smallest_row(rows, share)
    if found is None:
        return None
    row, meaning = found
    column = compared_column(rows)
    best = max(float(other[column]) for other in rows if other.get(column) is not None)
    return Smallest(
        "", network_of(row), row["parameters"], plain_bytes(int(row["parameters"])), float(row[column]), best,
        column.removesuffix("_mean"), share, meaning,
    )  # fmt: skip


def network_of(row: Row) -> str:
    """Return an architecture's name: the widths of its hidden layers, as in 16–8.

    Example:
        >>> network_of({"widths": [16, 8]}), network_of({"widths": []})
        ('hidden layers 16–8', 'no hidden layer')
    """
    widths = [str(width) for width in row.get("widths", [])]
    if not widths:
        return "no hidden layer"
    return f"hidden layer{'s' if len(widths) > 1 else ''} {'–'.join(widths)}"
