"""Mirrored pairs: every noise vector is both added to the centre and subtracted from it.

    gradient = 1/m * sum over m pairs of (f(theta + sigma * eps) - f(theta - sigma * eps)) / 2 * eps / sigma

Two published methods are settings of it:

- OpenAI-ES (Salimans et al. 2017, "Evolution Strategies as a Scalable Alternative to Reinforcement
  Learning"): `shaping = centered-ranks`, `optimizer = adam`, `sigma = 0.02`, `learning_rate = 0.01`.
- ARS (Mania et al. 2018, "Simple random search provides a competitive approach to reinforcement
  learning", algorithm 1 and 2): `shaping = raw`, `optimizer = sgd`, `momentum = 0`,
  `divide_by_std = true`, `top_directions = b`. ARS' step alpha / (b * std) * sum (f+ - f-) * eps has
  no factor 1 / (2 sigma), so its alpha is `learning_rate = 2 * sigma * alpha` here.

The defaults are those of the "antithetic" estimator in the public code of ES-ENAS: standardised
returns, plain ascent, sigma 0.1, step 0.01.

Deviations:
    1. OpenAI-ES' weight decay (0.005) is left out.
    2. If an evaluation fails, its twin is dropped as well, before returns are shaped.
    3. Twins share a design (`groups`); the public code of ES-ENAS gives each of them its own.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from es.optimizers import Ascent, OptimizerName
from es.shaping import SHAPINGS, Shaping
from es.strategy import EvolutionStrategy, Floats, Integers, Metrics, Options, State


class AntitheticOptions(Options):
    """Options of the `antithetic` strategy."""

    sigma: float = Field(0.1, gt=0, description="Standard deviation of the noise on every parameter.")
    learning_rate: float = Field(0.01, gt=0, description="Learning rate of the centre, per unit of estimated gradient.")
    shaping: Shaping = Field(
        "standardize", description="Transformation of a generation's returns: raw, standardize or centered-ranks."
    )
    top_directions: int = Field(
        0, ge=0, description="Mirrored pairs that are used, those with the best single return; 0 is all (ARS)."
    )
    divide_by_std: bool = Field(
        False, description="Divide the gradient by the standard deviation of the used returns (ARS)."
    )
    optimizer: OptimizerName = Field("sgd", description="Optimizer of the centre: sgd or adam.")
    momentum: float = Field(0.0, ge=0, lt=1, description="Momentum of the sgd optimizer.")


def pairs(population: int) -> Integers:
    """Groups of a mirrored population ordered (+0, -0, +1, -1, …): [0, 0, 1, 1, …], shape (n,).

    Raises:
        ValueError: the population is odd.
    """
    if population % 2:
        raise ValueError(f"mirrored pairs need an even population (evaluations per generation), got {population}")
    return np.arange(population) // 2


def drop_twins(returns: Floats) -> Floats:
    """Return the returns (+0, -0, …), shape (n,), with NaN for both of a pair where one is NaN.

    Example:
        >>> drop_twins(np.array([1.0, 2.0, np.nan, 4.0])).tolist()
        [1.0, 2.0, nan, nan]
    """
    failed = np.isnan(returns).reshape(-1, 2).any(axis=1)
    return np.where(np.repeat(failed, 2), np.nan, returns)


def antithetic_gradient(plus: Floats, minus: Floats, noise: Floats, sigma: float) -> Floats:
    """The mean over m pairs of (f+ - f-) / 2 * eps / sigma.

    Args:
        plus: f(theta + sigma * eps), shape (m,), none of them NaN.
        minus: f(theta - sigma * eps), shape (m,), none of them NaN.
        noise: eps, shape (m, P), standard normal.
        sigma: the standard deviation that the noise was multiplied with.

    Returns:
        The estimated gradient, shape (P,).

    Example:
        >>> antithetic_gradient(np.array([3.0]), np.array([1.0]), np.array([[1.0, -2.0]]), 0.5).tolist()
        [2.0, -4.0]
    """
    gradient: Floats = ((plus - minus) / 2) @ noise / (len(plus) * sigma)
    return gradient


class Antithetic(EvolutionStrategy):
    """Mirrored pairs in the order (+0, -0, +1, -1, …); the population is even.

    Example:
        >>> strategy = Antithetic(np.zeros(2), 4, AntitheticOptions(), np.random.SeedSequence(0))
        >>> strategy.groups.tolist()
        [0, 0, 1, 1]
    """

    name: ClassVar[str] = "antithetic"
    Options = AntitheticOptions
    options: AntitheticOptions

    def __init__(
        self, initial: Floats, population: int, options: AntitheticOptions, seed: np.random.SeedSequence
    ) -> None:
        super().__init__(initial, population, options, seed)
        self._groups = pairs(population)
        if options.top_directions > population // 2:
            raise ValueError(
                f"top_directions = {options.top_directions} is more than the {population // 2} pairs "
                f"of a population of {population}"
            )
        self._center = initial.astype(np.float64)
        self._noise = np.zeros((0, initial.size))
        self._optimizer = Ascent(options.optimizer, initial.size, options.learning_rate, options.momentum)

    @property
    def center(self) -> Floats:
        """The present best guess, without noise, shape (P,)."""
        return self._center.copy()

    @property
    def groups(self) -> Integers:
        """Twins share a number, shape (n,)."""
        return self._groups.copy()

    def _ask(self) -> Floats:
        self._noise = self.generator.standard_normal((self.population // 2, self._center.size))  # (m, P)
        candidates = np.repeat(self._center[None], self.population, axis=0)  # (n, P)
        candidates[0::2] += self.options.sigma * self._noise
        candidates[1::2] -= self.options.sigma * self._noise
        return candidates

    def _tell(self, candidates: Floats, returns: Floats) -> Metrics:  # noqa: ARG002 (uses the unrounded noise)
        shaped = SHAPINGS[self.options.shaping](drop_twins(returns)).reshape(-1, 2)  # (m, 2)
        used = np.flatnonzero(~np.isnan(shaped[:, 0]))  # indices of pairs
        if used.size == 0:
            return {}
        if self.options.top_directions:
            best_first = np.argsort(-shaped[used].max(axis=1), kind="stable")
            used = used[best_first[: self.options.top_directions]]
        plus, minus = shaped[used].T
        gradient = antithetic_gradient(plus, minus, self._noise[used], self.options.sigma)
        if self.options.divide_by_std and np.ptp(shaped[used]) > 0:  # if returns are equal, the gradient is zero
            gradient = gradient / shaped[used].std()
        step = self._optimizer.step(gradient)
        self._center = self._center + step
        return {
            "strategy/gradient_norm": float(np.linalg.norm(gradient)),
            "strategy/step_norm": float(np.linalg.norm(step)),
            "strategy/sigma": self.options.sigma,
        }

    def state_dict(self) -> State:
        """Return the states of the centre, the optimizer and the generator."""
        return {
            "center": self.center,
            "optimizer": self._optimizer.state_dict(),
            "generator": self.generator.bit_generator.state,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._center = np.array(state["center"], dtype=np.float64)
        self._optimizer.load_state_dict(state["optimizer"])
        self.generator.bit_generator.state = state["generator"]
        self._candidates = None
