"""The base of all evolution strategies: ask for candidates, tell their returns; it maximises.

Every strategy works on a flat vector of P numbers and a population of n candidates. A failed
evaluation is a NaN return: it is dropped, with its antithetic twin where it has one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Metrics = dict[str, float]
State = dict[str, Any]
"""Nested dicts with string keys; leaves are numpy arrays, int, float, bool, str or None (JSON + safetensors)."""


class Options(BaseModel):
    """Base of every strategy's options: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def for_share(self, share: float) -> Self:  # noqa: ARG002  (most options are per parameter)
        """Return the options to continue with this share of the parameters and the same noise on each."""
        return self


StrategyOptions: TypeAlias = Options
"""The same class under a name that `EvolutionStrategy.Options` does not hide."""


class EvolutionStrategy(ABC):
    """Ask/tell on a flat vector; maximises.

    Subclasses write `_ask`, `_tell` and the two state methods.

    Args:
        initial: the first centre, shape (P,).
        population: n, evaluations per generation.
        options: the strategy's own `Options`.
        seed: the source of all randomness.

    Raises:
        ValueError: initial is not a finite vector, or the population is too small for the strategy.
        TypeError: options belong to another strategy.
    """

    name: ClassVar[str]
    Options: ClassVar[type[StrategyOptions]] = Options

    def __init__(
        self, initial: Floats, population: int, options: StrategyOptions, seed: np.random.SeedSequence
    ) -> None:
        if initial.ndim != 1 or initial.size == 0 or not np.isfinite(initial).all():
            raise ValueError(f"expected a finite initial vector with shape (P,), P >= 1, got shape {initial.shape}")
        if population < 2:
            raise ValueError(f"expected a population of at least 2 evaluations per generation, got {population}")
        if not isinstance(options, self.Options):
            raise TypeError(f"{self.name} expects {self.Options.__name__}, got {type(options).__name__}")
        self.population = population
        self.options = options
        self.generator = np.random.default_rng(seed)
        self._candidates: Floats | None = None

    @property
    @abstractmethod
    def center(self) -> Floats:
        """The present best guess, without noise, shape (P,)."""

    @property
    def groups(self) -> Integers:
        """Which candidates share a design, shape (n,): those with equal numbers (antithetic twins)."""
        return np.arange(self.population)

    def ask(self) -> Floats:
        """Return the generation's candidates, shape (n, P)."""
        if self._candidates is None:
            self._candidates = self._ask()
        return self._candidates

    def tell(self, returns: Floats) -> Metrics:
        """Improve the centre with the candidates' returns (n,); NaN or infinite means failed.

        A generation with too few survivors leaves the centre where it is and returns no metrics.

        Raises:
            ValueError: wrong shape.
            RuntimeError: tell before ask.
        """
        if self._candidates is None:
            raise RuntimeError("tell was called before ask: ask for candidates, evaluate them, then tell")
        if returns.shape != (self.population,):
            raise ValueError(f"expected returns with shape ({self.population},), got {returns.shape}")
        candidates, self._candidates = self._candidates, None
        if not np.isfinite(returns).any():
            return {}
        return self._tell(candidates, np.where(np.isfinite(returns), returns, np.nan))

    @abstractmethod
    def _ask(self) -> Floats: ...

    @abstractmethod
    def _tell(self, candidates: Floats, returns: Floats) -> Metrics: ...

    @abstractmethod
    def state_dict(self) -> State:
        """Return everything needed to continue bit for bit; call it between a tell and the next ask."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
