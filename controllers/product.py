"""A controller for each part of a product of spaces: each proposes its own decisions, as it would alone.

So every row of a part has the share of proposals that it has where there are no other parts, and nothing is listed that
the parts do not list. One that learns is told the reward of the whole design.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from .base import Controller, Designs, Floats, Metrics, Space, State


class ProductController(Controller):
    """Controllers of one kind, side by side.

    Args:
        kind: of controller.
        space: a product.
        options: of each of them.
        seed: of all; each has one that is spawned from it.
    """

    name: ClassVar[str] = "product"

    def __init__(self, kind: type[Controller], space: Space, options: BaseModel, seed: np.random.SeedSequence) -> None:
        super().__init__(space, options, seed)
        seeds = seed.spawn(len(space.parts))
        self._parts = [kind(part, options, own) for part, own in zip(space.parts, seeds, strict=True)]

    def _propose(self, n: int) -> Designs:
        return np.concatenate([part.propose(n) for part in self._parts], axis=1)

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:
        metrics: Metrics = {}
        for part, decisions in zip(self._parts, self.space.split(designs), strict=True):
            metrics |= part.feedback(decisions, rewards)
        return metrics

    def state_dict(self) -> State:
        """Return the state of each."""
        return {str(number): part.state_dict() for number, part in enumerate(self._parts)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        for number, part in enumerate(self._parts):
            part.load_state_dict(state[str(number)])


def controller_of(kind: type[Controller], space: Space, options: BaseModel, seed: np.random.SeedSequence) -> Controller:
    """Return a controller of this kind; of a product of spaces, one for each part.

    Example:
        >>> from controllers import CONTROLLERS
        >>> space, kind = Space.product(Space(2, 3), Space(1, 5)), CONTROLLERS["cycle"]
        >>> controller_of(kind, space, kind.Options(), np.random.SeedSequence(0)).propose(4).shape
        (4, 3)
    """
    return ProductController(kind, space, options, seed) if space.parts else kind(space, options, seed)
