"""The controller of a search without designs: every design is the empty row.

Where a network's structure is fixed, or follows from its parameters, there is nothing to choose.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from .base import Controller, Designs, Floats, Metrics, Space, State


class NoneController(Controller):
    """Proposes empty rows.

    Raises:
        ValueError: The space has decisions.

    Example:
        >>> controller = NoneController(Space(0, 1), NoneController.Options(), np.random.SeedSequence(0))
        >>> controller.propose(4).shape
        (4, 0)
    """

    name: ClassVar[str] = "none"
    learns: ClassVar[bool] = False

    def __init__(self, space: Space, options: BaseModel, seed: np.random.SeedSequence) -> None:
        if space.length:
            raise ValueError(
                f"controller 'none' expects a space without decisions, got designs of {space.length} decisions with "
                f"{space.choices} choices each; use another controller, such as 'random'"
            )
        super().__init__(space, options, seed)

    def _propose(self, n: int) -> Designs:
        return np.zeros((n, 0), dtype=np.int64)

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:  # noqa: ARG002 - nothing to learn
        return {}

    def state_dict(self) -> State:
        """Return nothing: there is no state."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Do nothing; earlier versions saved the state of `random` here."""
