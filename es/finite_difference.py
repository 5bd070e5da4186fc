"""Forward finite differences around an averaged pivot, as the chromatic networks are trained.

Song, Choromanski, Parker-Holder, Tang et al., "Reinforcement Learning with Chromatic Networks for
Compact Architecture Search", section 3.1, equation 3 and appendix A.3 (sigma 0.1, step 0.01), after
Choromanski et al. 2018, "Structured Evolution with Compact Architectures for Scalable Policy
Optimization":

    gradient = 1/t * sum_i (f_i - pivot) / sigma * g_i,   f_i = F(theta + sigma * g_i),   g_i ~ N(0, I)

where pivot is the mean return of exact evaluations of theta, each with a design of its own. So it
estimates the expectation over designs. The step is plain stochastic gradient ascent.

Deviations:
    1. The paper descends losses; this ascends returns.
    2. The paper does not say whether returns are normalised. The authors' public code standardises
       all values of a generation, the exact ones included, so this is the default of `shaping`.
    3. The paper does not say how its 301 workers are divided. Here half of a generation is exact
       (150 of 301), as in the public code (150 and 150).
    4. Failed evaluations are left out of both means.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from es.shaping import SHAPINGS, Shaping
from es.strategy import EvolutionStrategy, Floats, Metrics, Options, State


class FiniteDifferenceOptions(Options):
    """Options of the `finite-difference` strategy; the defaults are the paper's."""

    sigma: float = Field(0.1, gt=0, description="Standard deviation of the noise on every parameter.")
    learning_rate: float = Field(0.01, gt=0, description="Learning rate of the centre, per unit of estimated gradient.")
    shaping: Shaping = Field(
        "standardize", description="Transformation of a generation's returns: raw, standardize or centered-ranks."
    )
    exact_share: float = Field(
        0.5, gt=0, lt=1, description="Share of a generation's evaluations that run the centre without noise."
    )


def forward_difference(returns: Floats, pivot: float, noise: Floats, sigma: float) -> Floats:
    """Equation 3: the mean over t of (f_i - pivot) * g_i / sigma.

    Args:
        returns: f, shape (t,), none of them NaN.
        pivot: the mean return of the exact evaluations.
        noise: g, shape (t, P), standard normal.
        sigma: the standard deviation that the noise was multiplied with.

    Returns:
        The estimated gradient, shape (P,).

    Example:
        >>> forward_difference(np.array([3.0, 1.0]), 1.0, np.array([[1.0, 0.0], [0.0, 1.0]]), 0.5).tolist()
        [2.0, 0.0]
    """
    gradient: Floats = (returns - pivot) @ noise / (len(returns) * sigma)
    return gradient


class FiniteDifference(EvolutionStrategy):
    """Forward differences to a pivot; candidates are the perturbed ones first, then the exact ones.

    Example:
        >>> options = FiniteDifferenceOptions()
        >>> strategy = FiniteDifference(np.zeros(2), 301, options, np.random.SeedSequence(0))
        >>> strategy.exact
        150
    """

    name: ClassVar[str] = "finite-difference"
    Options = FiniteDifferenceOptions
    options: FiniteDifferenceOptions

    def __init__(
        self, initial: Floats, population: int, options: FiniteDifferenceOptions, seed: np.random.SeedSequence
    ) -> None:
        super().__init__(initial, population, options, seed)
        self._center = initial.astype(np.float64)
        exact = int(population * options.exact_share + 1e-9)  # 100 * 0.29 is 28.999… in binary
        self.exact = min(max(exact, 1), population - 1)
        self._noise = np.zeros((0, initial.size))

    @property
    def center(self) -> Floats:
        """The present best guess, without noise, shape (P,)."""
        return self._center.copy()

    def _ask(self) -> Floats:
        self._noise = self.generator.standard_normal((self.population - self.exact, self._center.size))  # (t, P)
        candidates = np.tile(self._center, (self.population, 1))  # (n, P)
        candidates[: len(self._noise)] += self.options.sigma * self._noise
        return candidates

    def _tell(self, candidates: Floats, returns: Floats) -> Metrics:  # noqa: ARG002 (uses the unrounded noise)
        shaped = SHAPINGS[self.options.shaping](returns)
        perturbed, exact = np.split(shaped, [len(self._noise)])
        valid = ~np.isnan(perturbed)
        if not valid.any() or np.isnan(exact).all():
            return {}
        gradient = forward_difference(
            perturbed[valid], float(np.nanmean(exact)), self._noise[valid], self.options.sigma
        )
        step = self.options.learning_rate * gradient
        self._center = self._center + step
        return {
            "strategy/gradient_norm": float(np.linalg.norm(gradient)),
            "strategy/step_norm": float(np.linalg.norm(step)),
            "strategy/sigma": self.options.sigma,
        }

    def state_dict(self) -> State:
        """Return the states of the centre and the generator."""
        return {"center": self.center, "generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._center = np.array(state["center"], dtype=np.float64)
        self.generator.bit_generator.state = state["generator"]
        self._candidates = None
