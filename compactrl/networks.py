"""ReLU MLPs of different shapes evaluated together: lanes that run the same policy share its matrix products.

The counterpart of `BatchedMLP` for policies that gradient methods train: few different ones, larger, of any shapes.
A product always has `COLUMNS` observations, some of them empty: BLAS then gives a policy the same bits in whatever
column it stands and whatever stands beside it, so that blocks and threads change no return.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.policy import BatchedMLP
from compactrl.types import Integers, Layers, Mixed

SINGLE = np.float32
COLUMNS = 8
Network = Any
"""What `network` returns: `BatchedMLP` or `MixedMLP`, alike in use."""


def network(layers: Layers | Mixed, slots: Integers | None = None) -> Network:
    """Return what evaluates these policies, those of the trials in `slots` in this order."""
    return MixedMLP(layers, slots) if isinstance(layers, Mixed) else BatchedMLP(layers, slots)


@cache
def one_thread() -> Any:
    """Return what limits BLAS to one thread, by `.limit(limits=1)`: small products would wait for the others."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class MixedMLP:
    """ReLU MLPs of any shapes, an observation each.

    Args:
        mixed: policies, and which each trial runs.
        slots: the trials that run at once; defaults to all of them, in order.
    """

    def __init__(self, mixed: Mixed, slots: Integers | None = None) -> None:
        self._policies = mixed.policies
        self._of = np.array(mixed.of if slots is None else mixed.of[slots])  # (slots,)
        self._arrange()
        self.input = np.zeros((mixed.policies[0][0].weight.shape[1], self.slots), SINGLE)

    def _arrange(self) -> None:
        """Group slots by policy, at most `COLUMNS` a group."""
        self.slots = self.width = len(self._of)
        order = np.argsort(self._of, kind="stable")
        starts = np.flatnonzero(np.diff(self._of[order], prepend=-1))
        self._groups = [
            (self._policies[self._of[part[0]]], part[begin : begin + COLUMNS])
            for part in np.split(order, starts[1:])
            for begin in range(0, len(part), COLUMNS)
        ]
        outputs = self._policies[0][-1].weight.shape[0]
        self._output = np.zeros((outputs, self.slots), SINGLE)

    def replace(self, slot: int, mixed: Mixed, trial: int) -> None:
        """Let a slot run another trial of `mixed`."""
        if self._of[slot] != mixed.of[trial]:
            self._of[slot] = mixed.of[trial]
            self._groups = []  # arranged anew when next used

    def compact(self, keep: Integers) -> None:
        """Go on with only these slots, in this order."""
        self._of, self.input = self._of[keep], np.ascontiguousarray(self.input[:, keep])
        self._arrange()

    def forward(self) -> NDArray[np.float32]:
        """Evaluate `self.input` (inputs, slots); returns the raw outputs (A, slots), overwritten by the next call."""
        if not self._groups:
            self._arrange()
        for layers, columns in self._groups:
            value = np.zeros((len(self.input), COLUMNS), SINGLE)
            value[:, : len(columns)] = self.input[:, columns]
            for weight, bias in layers[:-1]:
                value = weight @ value
                value += bias[:, None]
                np.maximum(value, 0, out=value)
            value = layers[-1].weight @ value
            value += layers[-1].bias[:, None]
            self._output[:, columns] = value[:, : len(columns)]
        return self._output
