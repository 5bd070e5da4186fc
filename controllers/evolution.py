"""Regularised evolution: tournament winners have children, and the oldest designs are removed.

Real et al., "Regularized evolution for image classifier architecture search", AAAI 2019, algorithm 1:

    until the population holds P designs: propose uniform designs
    then, per proposal: draw S of the population without replacement, take the best of them, mutate it
    on feedback: append the children, remove the oldest until P are left

A mutation draws new values for `controller_mutations` different decisions.

Deviations: a whole batch of children is proposed from the same population, instead of one child at a time. A mutated
decision never keeps its value, so that a child differs from its parent. By default P is twice the first batch, and S is
the square root of P.
"""

from __future__ import annotations

from math import isqrt
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from .base import Controller, Designs, Floats, Metrics, Options, Space, State


class EvolutionOptions(Options):
    """Options of the controller `evolution`."""

    controller_population: int = Field(
        0, ge=0, description="Designs in the controller's population; 0 is twice the first batch."
    )
    controller_tournament: int = Field(
        0,
        ge=0,
        description="Designs that compete to be a parent; 0 is the square root of the population.",
    )
    controller_mutations: int = Field(
        1, gt=0, description="Decisions in which a child differs from its parent, at most all."
    )


class EvolutionController(Controller):
    """Evolves a population from which the oldest designs are removed, not the worst.

    Example:
        >>> controller = EvolutionController(Space(3, 2), EvolutionOptions(), np.random.SeedSequence(0))
        >>> designs = controller.propose(4)
        >>> controller.feedback(designs, designs.sum(axis=1).astype(float))["controller/population"]
        4.0
    """

    name: ClassVar[str] = "evolution"
    Options: ClassVar[type[BaseModel]] = EvolutionOptions
    options: EvolutionOptions

    def __init__(self, space: Space, options: EvolutionOptions, seed: np.random.SeedSequence) -> None:
        super().__init__(space, options, seed)
        self._size = options.controller_population  # P, or 0 before the first batch
        self._designs = np.empty((0, space.length), dtype=np.int64)  # (≤ P, D), the oldest first
        self._rewards = np.empty(0)

    def _propose(self, n: int) -> Designs:
        self._size = self._size or 2 * n
        if len(self._designs) < self._size:
            return self.space.sample(n, self.generator)
        children = np.stack([self._designs[self._winner()] for _ in range(n)])  # (n, D)
        for child in children:
            self._mutate(child)
        return children

    def _winner(self) -> int:
        """Return the index of the best design of one tournament."""
        size = self.options.controller_tournament or isqrt(self._size)
        entrants = self.generator.choice(self._size, size=min(size, self._size), replace=False)
        return int(entrants[np.argmax(self._rewards[entrants])])

    def _mutate(self, child: Designs) -> None:
        """Mutate a child (D,) in place."""
        length, choices = self.space.length, self.space.choices
        if not length or choices < 2:
            return
        count = min(self.options.controller_mutations, length)
        positions = self.generator.choice(length, size=count, replace=False)
        child[positions] = (child[positions] + self.generator.integers(1, choices, size=count)) % choices

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        self._size = self._size or 2 * len(designs)
        self._designs = np.concatenate([self._designs, designs])[-self._size :]
        self._rewards = np.concatenate([self._rewards, rewards])[-self._size :]
        return {
            "controller/population": float(len(self._rewards)),
            "controller/population_mean": float(self._rewards.mean()),
            "controller/population_best": float(self._rewards.max()),
        }

    def state_dict(self) -> State:
        """Return the population, oldest first: designs (≤ P, D), rewards (≤ P,), and P."""
        return {
            "generator": dict(self.generator.bit_generator.state),
            "size": self._size,
            "designs": self._designs.copy(),
            "rewards": self._rewards.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.generator.bit_generator.state = state["generator"]
        self._size = int(state["size"])
        self._designs = np.array(state["designs"], dtype=np.int64)
        self._rewards = np.array(state["rewards"], dtype=np.float64)
