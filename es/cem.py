"""The cross-entropy method: centre and standard deviations become those of the best candidates.

Rubinstein 1999, "The cross-entropy method for combinatorial and continuous optimization", with one
standard deviation per parameter; over the k = floor(n * parent_share) best of n candidates x:

    center = 1/k * sum x_i,    sigma^2 = 1/(k - 1) * sum (x_i - center)^2,  at least sigma_min^2

Without a lower bound the noise vanishes before the optimum is reached. Szita & Lorincz 2006, "Learning
Tetris Using the Noisy Cross-Entropy Method", add noise to prevent it; here `sigma_min` is EvoTorch's
lower bound.

If evaluations fail, n is the number of the survivors; a generation with fewer than two parents is
skipped. Deviations from EvoTorch: see `es/distributions.py`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from es.distributions import EvoTorchStrategy
from es.strategy import Floats, Metrics, Options


class CEMOptions(Options):
    """Options of the `cem` strategy."""

    sigma: float = Field(0.5, gt=0, description="Initial standard deviation of the noise on every parameter.")
    parent_share: float = Field(
        0.5, gt=0, le=1, description="Share of a generation's candidates, the best, that the next one is drawn around."
    )
    sigma_min: float = Field(
        0.05,
        ge=0,
        description="Smallest standard deviation that a parameter's noise can shrink to.",
    )


class CEM(EvoTorchStrategy):
    """The cross-entropy method; at least two candidates of a generation are parents.

    Example:
        >>> strategy = CEM(np.zeros(9), 5, CEMOptions(), np.random.SeedSequence(0))
        >>> strategy.ask().shape
        (5, 9)
    """

    name: ClassVar[str] = "cem"
    Options = CEMOptions
    options: CEMOptions

    def __init__(self, initial: Floats, population: int, options: CEMOptions, seed: np.random.SeedSequence) -> None:
        super().__init__(initial, population, options, seed)
        if int(population * options.parent_share) < 2:
            raise ValueError(
                f"cem needs at least two parents for a standard deviation: a population of {population} with "
                f"parent_share = {options.parent_share} has {int(population * options.parent_share)}"
            )

    def _start(self, initial: Floats) -> Any:
        import torch
        from evotorch.algorithms.functional import cem

        return cem(
            center_init=torch.tensor(initial),
            parenthood_ratio=self.options.parent_share,
            objective_sense="max",
            stdev_init=self.options.sigma,
            stdev_min=self.options.sigma_min,
        )

    def _center_of(self, state: Any) -> Any:
        return state.center

    def _sample(self) -> Any:
        from evotorch.algorithms.functional import cem_ask

        return cem_ask(self._state, popsize=self.population)

    def _update(self, values: Any, fitnesses: Any) -> Any:
        from evotorch.algorithms.functional import cem_tell

        return cem_tell(self._state, values, fitnesses)

    def _tell(self, candidates: Floats, returns: Floats) -> Metrics:
        survivors = ~np.isnan(returns)
        if int(survivors.sum() * self.options.parent_share) < 2:
            return {}
        return self._follow(candidates[survivors], returns[survivors])
