"""A shuffled cycle: every row of a space once, in random order, before any is repeated.

Hegde & Sukhatme, "Efficiently learning small policies for locomotion and manipulation" (2022), sample architectures
uniformly. Their public code takes them from a shuffled list, without replacement, as here:

    `cycle`       a permutation of all rows, then another one, and so on
    `stratified`  for each design a uniformly drawn stratum, and the next row of that stratum's own cycle. With depths
                  as strata, it is uniform over depths first.
    `inverse-stratum`  the same, with a stratum drawn in proportion to its rows divided by its number

Deviations: a space of more than `LISTED` rows is sampled uniformly, with replacement. A space without strata is a
single stratum.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from .base import Controller, Designs, Floats, Metrics, Space, State

LISTED = 1 << 20
"""The number of rows of the largest space that is listed in memory."""


class CycleController(Controller):
    """Proposes each row once before any is repeated.

    Example:
        >>> controller = CycleController(Space(2, 2), CycleController.Options(), np.random.SeedSequence(0))
        >>> sorted(controller.propose(4).tolist())
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """

    name: ClassVar[str] = "cycle"
    learns: ClassVar[bool] = False

    def __init__(self, space: Space, options: BaseModel, seed: np.random.SeedSequence) -> None:
        super().__init__(space, options, seed)
        self._rows = space.listed(LISTED)
        strata = [] if self._rows is None else self._strata(len(self._rows))
        self._orders = [self.generator.permutation(rows) for rows in strata]
        self._next = [0] * len(strata)

    def _strata(self, count: int) -> list[NDArray[np.int64]]:
        """Return the indices of each stratum's rows."""
        return [np.arange(count)]

    def _propose(self, n: int) -> Designs:
        if self._rows is None:
            return self.space.sample(n, self.generator)
        strata = self._drawn(n)
        return self._rows[[self._take(int(stratum)) for stratum in strata]]

    def _drawn(self, n: int) -> NDArray[np.int64]:
        """Draw the stratum of each of n designs."""
        return self.generator.integers(len(self._orders), size=n)

    def _take(self, stratum: int) -> int:
        """Return the index of a stratum's next row."""
        if self._next[stratum] == len(self._orders[stratum]):
            self._orders[stratum] = self.generator.permutation(self._orders[stratum])
            self._next[stratum] = 0
        self._next[stratum] += 1
        return int(self._orders[stratum][self._next[stratum] - 1])

    def _feedback(self, designs: Designs, rewards: Floats) -> Metrics:  # noqa: ARG002 - nothing to learn
        return {}

    def state_dict(self) -> State:
        """Return each stratum's order, and the position in it."""
        return {
            "generator": dict(self.generator.bit_generator.state),
            "orders": {str(stratum): order.copy() for stratum, order in enumerate(self._orders)},
            "next": np.array(self._next, np.int64),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.generator.bit_generator.state = state["generator"]
        self._orders = [np.array(state["orders"][str(stratum)]) for stratum in range(len(self._orders))]
        self._next = [int(position) for position in state["next"]]


class StratifiedController(CycleController):
    """Draws a stratum uniformly, then the next of its rows.

    Example:
        >>> space = Space(1, 3, rows=np.array([[0], [1], [2]]), strata=np.array([0, 0, 1]))
        >>> controller = StratifiedController(space, StratifiedController.Options(), np.random.SeedSequence(0))
        >>> bool(0.4 < (controller.propose(1000) == 2).mean() < 0.6)
        True
    """

    name: ClassVar[str] = "stratified"

    def _strata(self, count: int) -> list[NDArray[np.int64]]:
        strata = self.space.strata
        if strata is None:
            return super()._strata(count)
        return [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]


class InverseStratumController(StratifiedController):
    """Draws a row with a probability inversely proportional to its stratum, a number above 0.

    With depths as strata this is the sampling of Hegde, Huang & Sukhatme, "HyperPPO" (2023), section IV-A.2, as its
    text has it; the public code's is `stratified`.

    Example:
        >>> space = Space(1, 3, rows=np.array([[0], [1], [2]]), strata=np.array([1, 1, 2]))
        >>> controller = InverseStratumController(space, InverseStratumController.Options(), np.random.SeedSequence(0))
        >>> bool(0.15 < (controller.propose(1000) == 2).mean() < 0.25)
        True
    """

    name: ClassVar[str] = "inverse-stratum"

    def _drawn(self, n: int) -> NDArray[np.int64]:
        strata = self.space.strata
        if strata is None:
            return super()._drawn(n)
        numbers, counts = np.unique(strata, return_counts=True)
        weights = counts / numbers
        return self.generator.choice(len(numbers), size=n, p=weights / weights.sum())
