"""MLPs of different shapes evaluated together: lanes that run the same policy share its matrix products.

The counterpart of `BatchedMLP` for policies that gradient methods train: few different ones, larger, of any shapes.
Small layers are padded with zeros to a few widths, and policies of one padded shape go through each layer in one call.
With a call for each policy, Python took longer than the arithmetic.

A product always has `COLUMNS` observations, some of them empty, and a policy is always padded alike. BLAS then gives a
policy the same bits in every column and in any company, and blocks and threads change no return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.networks.batched import ACTIVATIONS
from compactrl.types import Integers, Layers, Mixed

SINGLE = np.float32
COLUMNS = 8
WIDTHS = (8, 32, 128)
"""Layers are padded to the next of these numbers of units, and wider ones to a multiple of the last.

Wide layers are evaluated in parts of so many units: OpenBLAS takes products of more than a million multiplications in
another way, which is six times slower."""


def padded(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the units (a layer each, the output's last) that layers of these sizes are evaluated with.

    Example:
        >>> padded((4, 64, 256, 300, 6))
        (8, 128, 256, 384, 8)
    """
    widest = WIDTHS[-1]
    return tuple(next((width for width in WIDTHS if size <= width), -(-size // widest) * widest) for size in sizes)


class MixedMLP:
    """MLPs of any shapes, an observation each.

    Args:
        mixed: policies, and which each trial runs.
        slots: the trials that run at once; defaults to all of them, in order.
    """

    def __init__(self, mixed: Mixed, slots: Integers | None = None) -> None:
        self._policies, self._activate = mixed.policies, ACTIVATIONS[mixed.activation]
        self._of = np.array(mixed.of if slots is None else mixed.of[slots])  # (slots,)
        self._stacks: dict[tuple[int, ...], _Stack] = {}
        self._hold(np.zeros((mixed.policies[0][0].weight.shape[1], len(self._of)), SINGLE))

    def _hold(self, values: NDArray[np.float32]) -> None:
        """Take inputs (inputs, slots), add an empty column after them, and arrange the slots anew."""
        self._inputs = np.pad(values, ((0, 0), (0, 1)))
        self.input = self._inputs[:, :-1]
        self._output = np.zeros((self._policies[0][-1].weight.shape[0], values.shape[1]), SINGLE)
        self._arrange()

    def _arrange(self) -> None:
        """Group slots by policy, and policies by padded shape."""
        order = np.argsort(self._of, kind="stable")
        starts = np.flatnonzero(np.diff(self._of[order], prepend=-1))
        by_shape: dict[tuple[int, ...], dict[int, Integers]] = {}
        """Padded shape → policy → the slots that run it."""
        for slots in np.split(order, starts[1:]):
            policy = int(self._of[slots[0]])
            shape = padded([len(layer.weight) for layer in self._policies[policy]])
            by_shape.setdefault(shape, {})[policy] = slots
        self._stacks = {
            shape: self._stacks.get(shape) or _Stack(self._inputs.shape[0], shape, self._activate)
            for shape in sorted(by_shape)
        }
        for shape, slots_of in by_shape.items():
            self._stacks[shape].hold(slots_of, self._policies, empty=len(self._of))
        self._arranged = True

    def replace(self, slot: int, mixed: Mixed, trial: int) -> None:
        """Let a slot run another trial of `mixed`."""
        if self._of[slot] != mixed.of[trial]:
            self._of[slot] = mixed.of[trial]
            self._arranged = False  # until it is next used

    def compact(self, keep: Integers) -> None:
        """Go on with only these slots, in this order."""
        self._of = self._of[keep]
        self._hold(self.input[:, keep])

    def forward(self) -> NDArray[np.float32]:
        """Evaluate `self.input` (inputs, slots); returns the raw outputs (A, slots), overwritten by the next call."""
        if not self._arranged:
            self._arrange()
        for stack in self._stacks.values():
            stack.forward(self._inputs, self._output)
        return self._output


class _Stack:
    """Policies of one padded shape: R rows of weights, and for each row C products of `COLUMNS` slots."""

    def __init__(self, inputs: int, shape: tuple[int, ...], activate: Callable[[NDArray[np.float32]], Any]) -> None:
        self._sizes, self._activate = (inputs, *shape), activate
        self._parts = [(-(-size // WIDTHS[-1]), min(size, WIDTHS[-1])) for size in shape]
        self._row: dict[int, int] = {}
        """Policy → its row; a row that nothing runs any more keeps its weights until it is needed."""
        self._layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        """(R, 1, parts, inputs, units), a part after the other, and (R, 1, 1, outputs)"""
        self._values: list[NDArray[np.float32]] = []
        """(R, C, COLUMNS, outputs): what comes out of each layer."""

    def hold(self, slots_of: Mapping[int, Integers], policies: Sequence[Layers], empty: int) -> None:
        """Evaluate these slots of these policies from now on.

        Args:
            slots_of: by policy.
            policies: all there are.
            empty: the column of the inputs for places that no slot takes.
        """
        rows = len(self._layers[0][0]) if self._layers else 0
        self._row = {policy: row for policy, row in self._row.items() if policy in slots_of}
        if not len(slots_of) <= rows < 2 * len(slots_of):
            self._row, rows = {}, len(slots_of)
            self._layers = [
                (np.zeros((rows, 1, parts, inputs, units), SINGLE), np.zeros((rows, 1, 1, parts * units), SINGLE))
                for inputs, (parts, units) in zip(self._sizes, self._parts, strict=False)
            ]
        free = sorted(set(range(rows)) - set(self._row.values()))
        for policy, row in zip(slots_of.keys() - self._row.keys(), free, strict=False):
            self._write(row, policies[policy])
            self._row[policy] = row
        cells = max(-(-len(slots) // COLUMNS) for slots in slots_of.values())
        columns = np.full((rows, cells * COLUMNS), empty)
        for policy, slots in slots_of.items():
            columns[self._row[policy], : len(slots)] = slots
        self._places = np.flatnonzero(columns != empty)
        self._slots = columns.ravel()[self._places]
        self._columns = columns.reshape(rows, cells, COLUMNS)
        self._values = [np.empty((rows, cells, COLUMNS, outputs), SINGLE) for outputs in self._sizes[1:]]

    def _write(self, row: int, layers: Layers) -> None:
        for (weights, biases), (weight, bias) in zip(self._layers, layers, strict=True):
            outputs, inputs = weight.shape
            weights[row], biases[row] = 0.0, 0.0
            if bias is not None:
                biases[row, 0, 0, :outputs] = bias
            units = weights.shape[-1]
            for part, begin in enumerate(range(0, outputs, units)):
                rows = weight[begin : begin + units]
                weights[row, 0, part, :inputs, : len(rows)] = rows.T

    def forward(self, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Evaluate this stack's slots of inputs (inputs, slots + 1) into those of outputs (A, slots)."""
        value = inputs[:, self._columns].transpose(1, 2, 3, 0)  # (R, C, COLUMNS, inputs)
        last = len(self._layers) - 1
        for number, ((weight, bias), result) in enumerate(zip(self._layers, self._values, strict=True)):
            parts, _, units = weight.shape[2:]
            out = result.reshape(*result.shape[:3], parts, units).transpose(0, 1, 3, 2, 4)
            np.matmul(value[:, :, None], weight, out=out)
            result += bias
            if number < last:
                self._activate(result)
            value = result
        outputs[:, self._slots] = value.reshape(-1, value.shape[-1])[self._places, : len(outputs)].T
