"""CMA-ES: centre, step size and covariances are adapted.

Hansen & Ostermeier 2001, "Completely Derandomized Self-Adaptation in Evolution Strategies"; Hansen
2016, "The CMA Evolution Strategy: A Tutorial" (arXiv:1604.00772); wraps pycma (Hansen, Akimoto &
Baudis 2019). Candidates are N(m, s^2 C); with weights w of the mu best,

    m <- sum_i w_i x_i,    s from the cumulated steps (CSA),    C from rank-one and rank-mu updates.

The full covariance costs O(P^2) memory, and O(P^3) time for each of its decompositions. `diagonal`
(separable CMA-ES) is linear in P; use it above a few hundred parameters.

Deviations from pycma's defaults:
    1. pycma samples populations below 6 in mirrored pairs, from numpy's global state. Here it does
       not, so a population has at least 3 candidates.
    2. pycma sets failed evaluations to the median. Here they are dropped, and a generation with fewer
       than mu survivors (half of the population) is skipped.
    3. No termination criterion is checked, and nothing is printed or written to disk.

State: pycma's object can only be saved with pickle. Instead, `state_dict` holds the initial vector, the
generator's first state and all returns told so far (8 bytes per evaluation). `load_state_dict` replays
them and continues bit for bit. A replay takes as long as the asks and tells did: 0.3 s for 300
generations of 64 candidates with 58 parameters.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from es.strategy import EvolutionStrategy, Floats, Metrics, Options, State


class CMAESOptions(Options):
    """Options of the `cmaes` strategy."""

    sigma: float = Field(0.1, gt=0, description="Initial standard deviation of the noise on every parameter.")
    diagonal: bool = Field(False, description="Adapt variances only, for many parameters (separable CMA-ES).")


class CMAES(EvolutionStrategy):
    """CMA-ES on a population of at least 3.

    Example:
        >>> strategy = CMAES(np.zeros(2), 6, CMAESOptions(), np.random.SeedSequence(0))
        >>> strategy.ask().shape
        (6, 2)
    """

    name: ClassVar[str] = "cmaes"
    Options = CMAESOptions
    options: CMAESOptions

    def __init__(self, initial: Floats, population: int, options: CMAESOptions, seed: np.random.SeedSequence) -> None:
        super().__init__(initial, population, options, seed)
        if population < 3:
            raise ValueError(f"cmaes needs a population of at least 3 evaluations per generation, got {population}")
        self._initial = initial.astype(np.float64)
        self._restart(dict(self.generator.bit_generator.state))

    def _restart(self, generator: State) -> None:
        """Start again at the initial vector, with the generator in the given state."""
        import cma

        self.generator.bit_generator.state = self._generator_at_start = generator
        self._history: list[Floats] = []  # returns (n,) per ask; NaN before they are told
        self._candidates = None
        self._es: Any = cma.CMAEvolutionStrategy(
            self._initial,
            self.options.sigma,
            {
                "popsize": self.population,
                "CMA_diagonal": self.options.diagonal,
                "CMA_mirrors": 0,
                "randn": lambda *shape: self.generator.standard_normal(shape),
                "seed": np.nan,  # numpy's global state is not seeded
                "verbose": -9,
                "verb_log": 0,
                "verb_disp": 0,
            },
        )

    @property
    def center(self) -> Floats:
        """The present best guess, without noise, shape (P,)."""
        return np.array(self._es.mean, dtype=np.float64)

    def _ask(self) -> Floats:
        self._history.append(np.full(self.population, np.nan))
        return np.array(self._es.ask(), dtype=np.float64)

    def _tell(self, candidates: Floats, returns: Floats) -> Metrics:
        self._history[-1] = returns.copy()
        survivors = ~np.isnan(returns)
        if survivors.sum() < max(3, self._es.sp.weights.mu):
            return {}
        before = self.center
        with warnings.catch_warnings():  # pycma warns if candidates are missing
            warnings.filterwarnings("ignore", message="The number of solutions passed to `tell`")
            self._es.tell(list(candidates[survivors]), list(-returns[survivors]))  # pycma minimises
        return {
            "strategy/step_norm": float(np.linalg.norm(self.center - before)),
            "strategy/sigma": float(np.mean(self._es.stds)),
        }

    def state_dict(self) -> State:
        """Return the start, and the returns of all generations, (generations, n), to replay."""
        return {
            "initial": self._initial.copy(),
            "generator": self._generator_at_start,
            "history": np.array(self._history).reshape(-1, self.population),
            "center": self.center,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned by replaying it.

        Raises:
            ValueError: the state is of another population.
            RuntimeError: the replay ends at another centre (other options, or another linear algebra library).
        """
        history = np.asarray(state["history"], dtype=np.float64)
        if history.shape[1] != self.population:
            raise ValueError(f"expected a history with shape (generations, {self.population}), got {history.shape}")
        self._initial = np.array(state["initial"], dtype=np.float64)
        self._restart(state["generator"])
        for returns in history:
            self.ask()
            self.tell(returns)
        if not np.allclose(self.center, state["center"], rtol=1e-6, atol=1e-9):
            raise RuntimeError(
                "replaying the saved returns led to another centre: cmaes continues only with the options, "
                "the cma version and the linear algebra library that it was saved with"
            )
