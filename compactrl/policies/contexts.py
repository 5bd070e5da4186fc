"""Contexts: the few numbers that tell one task of a family from another, such as the velocity that is wanted.

A family has training tasks and test tasks, drawn apart. A task is a row of contexts (C,); environments get it as an
episode begins (`types.Trials.tasks`), networks that are told of tasks see it scaled to -1 … 1 of the family's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from compactrl.errors import InputError
from compactrl.types import Floats

ROUNDING = 1e-9
"""A task may be outside of its family's range by so much of the range's width."""


class Sampler(Protocol):
    """Draws tasks of a family; a function of a generator and a number will do."""

    def __call__(self, generator: np.random.Generator, count: int) -> Floats:
        """Return so many contexts (count, C)."""


@dataclass(frozen=True)
class Uniform:
    """Tasks drawn uniformly from a box."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __call__(self, generator: np.random.Generator, count: int) -> Floats:
        """Return so many contexts (count, C)."""
        return generator.uniform(self.low, self.high, (count, len(self.low)))


@dataclass(frozen=True)
class Listed:
    """Tasks that are all known: of fewer than there are, the first ones; of more, they come again in order.

    Example:
        >>> Listed(((-1.0,), (1.0,)))(np.random.default_rng(0), 3).ravel()
        array([-1.,  1., -1.])
    """

    rows: tuple[tuple[float, ...], ...]

    def __call__(self, generator: np.random.Generator, count: int) -> Floats:  # noqa: ARG002
        """Return so many contexts (count, C)."""
        return np.resize(np.array(self.rows, float), (count, len(self.rows[0])))


@dataclass(frozen=True)
class Contexts:
    """What tells the tasks of a family apart.

    Example:
        >>> velocity = Contexts(("velocity",), (0.0,), (3.0,), Uniform((0.0,), (3.0,)), Uniform((0.0,), (3.0,)))
        >>> velocity.features(np.array([[0.0], [1.5], [3.0]])).ravel()
        array([-1.,  0.,  1.])
    """

    names: tuple[str, ...]
    """(C,) a word for each number."""
    low: tuple[float, ...]
    """(C,) the lowest that there are, of test tasks too."""
    high: tuple[float, ...]
    train: Sampler
    test: Sampler

    @property
    def size(self) -> int:
        """C, how many numbers tell a task."""
        return len(self.names)

    def words(self, task: Floats) -> str:
        """Return a task (C,) in words.

        Example:
            >>> Contexts(("mass",), (0.0,), (1.0,), Listed(((1.0,),)), Listed(((1.0,),))).words(np.array([0.25]))
            'mass 0.25'
        """
        return ", ".join(f"{name} {value:.3g}" for name, value in zip(self.names, task, strict=True))

    def drawn(self, kind: Literal["train", "test"], generator: np.random.Generator, count: int) -> Floats:
        """Return so many training or test tasks (count, C), which samplers of anybody's draw.

        Raises:
            InputError: the sampler raised, or what it returned are not so many tasks of the range.
        """
        sampler: Sampler = getattr(self, kind)
        what = f"its sampler of {kind} tasks"
        try:
            rows = np.asarray(sampler(generator, count))
        except Exception as error:
            raise InputError(f"{what} raised {type(error).__name__}: {' '.join(str(error).split())}") from error
        if count and not rows.size:
            raise InputError(f"{what} returned none of {count}")
        if rows.shape != (count, self.size) or rows.dtype.kind not in "biuf":
            raise InputError(
                f"{what} returned shape {rows.shape} of {rows.dtype} for {count} tasks, expected numbers of shape "
                f"({count}, {self.size}): a row of {', '.join(self.names)} each"
            )
        slack = ROUNDING * np.subtract(self.high, self.low)
        outside = ~((self.low - slack <= rows) & (rows <= self.high + slack))
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise InputError(
                f"{what} drew {self.names[column]} {rows[row, column]:g}, which is not within {self.low[column]:g} … "
                f"{self.high[column]:g}, the range of its contexts"
            )
        return rows.astype(np.float64)

    def features(self, contexts: Floats) -> Floats:
        """Return contexts (n, C) as networks are told of them, -1 … 1 within the range."""
        return scaled(contexts, self.low, self.high)


def scaled(contexts: Floats, low: tuple[float, ...], high: tuple[float, ...]) -> Floats:
    """Return contexts (n, C) as networks are told of them: -1 … 1 from low to high."""
    middle, half = (np.add(high, low)) / 2, np.subtract(high, low) / 2
    return np.asarray((contexts - middle) / np.where(half > 0, half, 1.0))
