"""PGPE: a Gaussian's centre and standard deviations follow their gradients, with ClipUp.

Sehnke et al. 2010, "Parameter-exploring policy gradients", with mirrored pairs, centred ranks and
ClipUp (Toklu, Liskowski & Srivastava 2020, "ClipUp: A Simple and Powerful Optimizer for
Distribution-based Policy Evolution"). Over m pairs with noise d = sigma * eps and shaped returns r:

    center gradient = 1/m * sum (r+ - r-) / 2 * d
    sigma gradient  = 1/m * sum (r+ + r-) / 2 * (d^2 - sigma^2) / sigma

    velocity <- clip(0.9 * velocity + learning_rate * gradient / |gradient|, center_max_speed)

If an evaluation fails, its twin is dropped as well, and only the remaining pairs are ranked. Deviations
from EvoTorch: see `es/distributions.py`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from es.antithetic import drop_twins, pairs
from es.distributions import EvoTorchStrategy
from es.shaping import Shaping
from es.strategy import Floats, Integers, Metrics, Options

_RANKING: dict[Shaping, str] = {"raw": "raw", "standardize": "normalized", "centered-ranks": "centered"}


class PGPEOptions(Options):
    """Options of the `pgpe` strategy; the defaults are ClipUp's rules of thumb for policies."""

    sigma: float = Field(
        0.0, ge=0, description="Initial standard deviation of the noise on every parameter; 0 follows from --radius."
    )
    radius: float = Field(
        2.25,
        gt=0,
        description="Initial length of the vector of standard deviations, each of which is this over the root of the "
        "number of parameters.",
    )
    learning_rate: float = Field(
        0.075, gt=0, description="Learning rate of the centre; with pgpe the length of a normalised step."
    )
    center_max_speed: float = Field(0.15, gt=0, description="Longest step of the centre per generation (ClipUp).")
    sigma_learning_rate: float = Field(0.1, ge=0, description="Learning rate of the standard deviations; 0 keeps them.")
    sigma_max_change: float = Field(
        0.2, gt=0, description="Largest relative change of a standard deviation per generation."
    )
    shaping: Shaping = Field(
        "centered-ranks", description="Transformation of a generation's returns: raw, standardize or centered-ranks."
    )

    def for_share(self, share: float) -> Self:
        """Multiply options that are lengths of the whole vector by the root of the share."""
        root = math.sqrt(share)
        return self.model_copy(
            update={
                "radius": self.radius * root,
                "learning_rate": self.learning_rate * root,
                "center_max_speed": self.center_max_speed * root,
            }
        )


class PGPE(EvoTorchStrategy):
    """PGPE with ClipUp on mirrored pairs in the order (+0, -0, +1, -1, …); the population is even.

    Example:
        >>> strategy = PGPE(np.zeros(9), 4, PGPEOptions(), np.random.SeedSequence(0))
        >>> strategy.ask().shape, strategy.groups.tolist()
        ((4, 9), [0, 0, 1, 1])
    """

    name: ClassVar[str] = "pgpe"
    Options = PGPEOptions
    options: PGPEOptions

    def __init__(self, initial: Floats, population: int, options: PGPEOptions, seed: np.random.SeedSequence) -> None:
        self._groups = pairs(population)
        super().__init__(initial, population, options, seed)

    @property
    def groups(self) -> Integers:
        """Twins share a number, shape (n,)."""
        return self._groups.copy()

    def _start(self, initial: Floats) -> Any:
        import torch
        from evotorch.algorithms.functional import pgpe

        options = self.options
        return pgpe(
            center_init=torch.tensor(initial),
            center_learning_rate=options.learning_rate,
            stdev_learning_rate=options.sigma_learning_rate,
            objective_sense="max",
            ranking_method=_RANKING[options.shaping],
            optimizer="clipup",
            optimizer_config={"max_speed": options.center_max_speed},
            stdev_init=options.sigma or options.radius / float(np.sqrt(initial.size)),
            stdev_max_change=options.sigma_max_change,
            symmetric=True,
        )

    def _center_of(self, state: Any) -> Any:
        return state.optimizer_state.center

    def _sample(self) -> Any:
        from evotorch.algorithms.functional import pgpe_ask

        return pgpe_ask(self._state, popsize=self.population)

    def _update(self, values: Any, fitnesses: Any) -> Any:
        from evotorch.algorithms.functional import pgpe_tell

        return pgpe_tell(self._state, values, fitnesses)

    def _tell(self, candidates: Floats, returns: Floats) -> Metrics:
        survivors = ~np.isnan(drop_twins(returns))
        return self._follow(candidates[survivors], returns[survivors]) if survivors.any() else {}
