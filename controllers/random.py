"""Uniform designs, drawn anew each time: the baseline that a controller that learns has to beat.

Song et al., "Reinforcement learning with chromatic networks", 2020, section 4.3 and figure 4b:

    a_t ~ uniform on 0 … M - 1, independently for each decision t and each design

Deviations: none.
"""

from __future__ import annotations

from typing import ClassVar

from .base import Controller, Designs, Floats, Metrics, State


class RandomController(Controller):
    """Draws every design uniformly and learns nothing.

    Example:
        >>> import numpy as np
        >>> from controllers import Space
        >>> controller = RandomController(Space(3, 2), RandomController.Options(), np.random.SeedSequence(0))
        >>> controller.propose(4).shape
        (4, 3)
    """

    name: ClassVar[str] = "random"
    learns: ClassVar[bool] = False

    def _propose(self, n: int) -> Designs:
        return self.space.sample(n, self.generator)

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:  # noqa: ARG002 - nothing to learn
        return {}

    def state_dict(self) -> State:
        """Return the generator's state."""
        return {"generator": dict(self.generator.bit_generator.state)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.generator.bit_generator.state = state["generator"]
