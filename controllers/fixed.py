"""A fixed population of random designs: what shared weights reach without any search over designs.

Song et al., "Reinforcement learning with chromatic networks", 2020, section 4.3 and figure 4a, where weights are
trained jointly for 301 partitionings drawn once:

    P_1 … P_K uniform, drawn once;  the i-th design ever proposed is P_{i mod K}

Deviations: the number proposed at a time may differ from K, so that designs come in a cycle.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, Field

from .base import Controller, Designs, Floats, Metrics, Options, Space, State


class FixedOptions(Options):
    """Options of the controller `fixed`."""

    controller_members: int = Field(
        301, gt=0, description="How many random designs are drawn once and proposed in a cycle."
    )


class FixedController(Controller):
    """Proposes the same random designs again and again.

    Example:
        >>> options = FixedOptions(controller_members=2)
        >>> controller = FixedController(Space(length=3, choices=9), options, np.random.SeedSequence(0))
        >>> designs = controller.propose(3)
        >>> bool((designs[0] == designs[2]).all())
        True
    """

    name: ClassVar[str] = "fixed"
    learns: ClassVar[bool] = False
    Options: ClassVar[type[BaseModel]] = FixedOptions
    options: FixedOptions

    def __init__(self, space: Space, options: FixedOptions, seed: np.random.SeedSequence) -> None:
        super().__init__(space, options, seed)
        self._population = space.sample(options.controller_members, self.generator)  # (K, D)
        self._position = 0

    def _propose(self, n: int) -> Designs:
        members = (self._position + np.arange(n)) % len(self._population)
        self._position = (self._position + n) % len(self._population)
        return self._population[members]

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:  # noqa: ARG002 - nothing to learn
        return {}

    def state_dict(self) -> State:
        """Return the population (K, D) and the place in the cycle."""
        return {
            "generator": dict(self.generator.bit_generator.state),
            "population": self._population.copy(),
            "position": self._position,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.generator.bit_generator.state = state["generator"]
        self._population = np.array(state["population"], dtype=np.int64)
        self._position = int(state["position"])
