"""The base of all controllers: they propose rows of integers and learn from scalar rewards.

A design is one row: a colour per edge, a bit per edge or a width per layer, for example. A controller
knows nothing of robots, networks or weights; a space says which rows exist.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]
Designs = NDArray[np.int64]
Metrics = dict[str, float]
State = dict[str, Any]
"""Nested dicts with string keys; leaves are numpy arrays, int, float, bool, str or None (JSON + safetensors)."""


@dataclass(frozen=True)
class Space:
    """All rows of `length` integers, each in `0 … choices - 1`.

    Example:
        >>> Space(length=3, choices=2).count
        8
    """

    length: int
    """D, the number of decisions; 0 where there is nothing to choose."""
    choices: int
    """How many values one decision has: colours, 2 for mask bits, widths."""
    rows: Designs | None = field(default=None, compare=False, repr=False)
    """(count, D), all rows, where not every combination of choices exists."""
    strata: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    """(count,), the stratum of each row, where rows fall into groups of which each is to get an equal share."""
    parts: tuple[Space, ...] = ()
    """Of a product, the spaces whose decisions stand one after the other."""

    @classmethod
    def product(cls, *parts: Space) -> Space:
        """Return the space of every row of each part with every row of the others; nothing is listed.

        Example:
            >>> Space.product(Space(2, 3), Space(0, 1), Space(1, 5)).count
            45
        """
        choosing = tuple(part for part in parts if part.length)
        if len(choosing) < 2:
            return choosing[0] if choosing else cls(0, 1)
        return cls(sum(part.length for part in choosing), max(part.choices for part in choosing), parts=choosing)

    @property
    def count(self) -> int:
        """The number of different rows, exactly."""
        if self.rows is not None:
            return len(self.rows)
        if self.parts:
            return math.prod(part.count for part in self.parts)
        count: int = int(self.choices) ** int(self.length)
        return count

    def sample(self, n: int, generator: np.random.Generator) -> Designs:
        """Draw n rows uniformly, shape (n, D)."""
        if self.rows is not None:
            return self.rows[generator.integers(len(self.rows), size=n)]
        if self.parts:
            return np.concatenate([part.sample(n, generator) for part in self.parts], axis=1)
        return generator.integers(self.choices, size=(n, self.length), dtype=np.int64)

    def listed(self, most: int) -> Designs | None:
        """Return all rows, (count, D); None where they are more than this and are not listed anyway."""
        if self.rows is not None:
            return self.rows
        if self.count > most:
            return None
        listed = [part.listed(most) for part in self.parts]
        if not listed:
            grids = np.indices((self.choices,) * self.length).reshape(self.length, self.count)
            return np.ascontiguousarray(grids.T)
        rows: Designs = np.zeros((1, 0), np.int64)
        for part in listed:
            if part is None:
                return None
            rows = np.column_stack([np.repeat(rows, len(part), axis=0), np.tile(part, (len(rows), 1))])
        return rows

    def split(self, designs: Designs) -> list[Designs]:
        """Return the decisions (n, D) of each part, (n, D of the part)."""
        return np.split(designs, np.cumsum([part.length for part in self.parts])[:-1], axis=1)

    def check(self, designs: Designs) -> None:
        """Raise ValueError unless designs has shape (n, D) and values in range."""
        if designs.ndim != 2 or designs.shape[1] != self.length:
            raise ValueError(
                f"expected designs with shape (n, {self.length}) (one row per design), got shape {designs.shape}"
            )
        if self.parts:
            for part, decisions in zip(self.parts, self.split(designs), strict=True):
                part.check(decisions)
            return
        if designs.size and (designs.min() < 0 or designs.max() >= self.choices):
            raise ValueError(f"expected decisions in 0 … {self.choices - 1}, got {designs.min()} … {designs.max()}")


class Options(BaseModel):
    """Base of every controller's options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Controller(ABC):
    """Proposes designs, learns from their rewards (higher is better).

    Subclasses write `_propose`, `_feedback` and the two state methods.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = True
    """Whether proposals depend on rewards."""
    Options: ClassVar[type[BaseModel]] = Options

    def __init__(self, space: Space, options: BaseModel, seed: np.random.SeedSequence) -> None:
        self.space = space
        self.options = options
        self.generator = np.random.default_rng(seed)

    def propose(self, n: int) -> Designs:
        """Return n designs, shape (n, D)."""
        if n < 1:
            raise ValueError(f"expected at least one design to propose, got n = {n}")
        return self._propose(n)

    def feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        """Learn from the rewards (n,) of designs (n, D); NaN marks a failed evaluation, which is left out."""
        self.space.check(designs)
        if rewards.shape != (len(designs),):
            raise ValueError(f"expected rewards with shape ({len(designs)},) (one per design), got {rewards.shape}")
        valid = np.isfinite(rewards)
        if not valid.any():
            return {}
        return self._feedback(designs[valid], rewards[valid])

    @abstractmethod
    def _propose(self, n: int) -> Designs: ...

    @abstractmethod
    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics: ...

    @abstractmethod
    def state_dict(self) -> State:
        """Return everything needed to continue bit for bit."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
