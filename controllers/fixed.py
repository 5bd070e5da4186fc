"""A fixed population of designs: random ones, to see what shared weights reach without a search, or given ones.

Song et al., "Reinforcement learning with chromatic networks", 2020, section 4.3 and figure 4a, where weights are
trained jointly for 301 partitionings drawn once:

    P_1 … P_K uniform, drawn once;  the i-th design ever proposed is P_{i mod K}

Given designs, for example of another search, take the place of the random ones (the paper's appendix C).

Deviations: the number of designs per proposal may differ from K, so that they are proposed in a cycle.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer

from .base import Controller, Designs, Floats, Metrics, Options, Space, State


def _read_design(value: Any) -> Any:
    """Split a row that is text, as in a run's record; anything else stays as it is."""
    return tuple(value.split()) if isinstance(value, str) else value


Row = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    BeforeValidator(_read_design),
    PlainSerializer(lambda row: " ".join(map(str, row)), return_type=str),
]
"""A design; written to a file it is text, integers separated by spaces."""


class FixedOptions(Options):
    """Options of the controller `fixed`."""

    controller_members: int = Field(301, gt=0, description="Random designs that are drawn once and proposed in turn.")
    controller_designs: tuple[Row, ...] = Field(
        (),
        description="The designs that are proposed in a cycle, where they are not random.",
        json_schema_extra={"recorded_only": True},
    )


class FixedController(Controller):
    """Proposes the same designs again and again.

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
        if options.controller_designs:
            self._population = np.array(options.controller_designs, dtype=np.int64)  # (K, D)
            space.check(self._population)
        else:
            self._population = space.sample(options.controller_members, self.generator)
        self._position = 0

    def _propose(self, n: int) -> Designs:
        indices = (self._position + np.arange(n)) % len(self._population)
        self._position = (self._position + n) % len(self._population)
        return self._population[indices]

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:  # noqa: ARG002 - nothing to learn
        return {}

    def state_dict(self) -> State:
        """Return the population (K, D) and the position in the cycle."""
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
