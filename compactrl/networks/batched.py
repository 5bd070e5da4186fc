"""MLPs of one shape, many at once: elementwise products, summed in one fixed order.

Arrays are in single precision and have the batch on the last axis. numpy then gives a policy the same bits at every
position and in any company, and workers, threads and batches change no return.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats, Integers, Normalizer, Stacked

SINGLE = np.float32
LANE_WIDTH = 16
"""Batches are padded to a multiple of this: whole SIMD registers, so no policy sees a loop's ragged end."""
CHUNK = 1024
"""Products held at a time for one policy; fixes the order of summation and keeps it in the cache."""


ACTIVATIONS: dict[str, Callable[[NDArray[np.float32]], Any]] = {
    "tanh": lambda values: np.tanh(values, out=values),
    "relu": lambda values: np.maximum(values, 0, out=values),
}
"""Activations of hidden layers by name; they change the values in place."""


class BatchedMLP:
    """N MLPs of one shape evaluated together, an observation each.

    Args:
        stacked: the MLPs.
        slots: which of them run at once; defaults to all of them, in order.
    """

    def __init__(self, stacked: Stacked, slots: Integers | None = None) -> None:
        layers, self._activate = stacked.layers, ACTIVATIONS[stacked.activation]
        count = layers[0].weight.shape[0]
        chosen = np.arange(count) if slots is None else slots
        self.slots = len(chosen)
        self.width = max(1, -(-self.slots // LANE_WIDTH)) * LANE_WIDTH
        self._weights: list[NDArray[np.float32]] = []  # (inputs, outputs, width)
        self._biases: list[NDArray[np.float32] | None] = []  # (outputs, width)
        self._products: list[NDArray[np.float32]] = []  # scratch
        self._sums: list[NDArray[np.float32]] = []  # (outputs, width)
        for weight, bias in layers:
            outputs, inputs = weight.shape[1:]
            packed = np.zeros((inputs, outputs, self.width), SINGLE)
            packed[:, :, : self.slots] = weight[chosen].transpose(2, 1, 0)
            self._weights.append(packed)
            if bias is None:
                self._biases.append(None)
            else:
                packed_bias = np.zeros((outputs, self.width), SINGLE)
                packed_bias[:, : self.slots] = bias[chosen].T
                self._biases.append(packed_bias)
            rows = min(inputs, max(1, CHUNK // outputs))
            self._products.append(np.empty((rows, outputs, self.width), SINGLE))
            self._sums.append(np.empty((outputs, self.width), SINGLE))
        self.input = np.zeros((self._weights[0].shape[0], self.width), SINGLE)

    def replace(self, slot: int, stacked: Stacked, policy: int) -> None:
        """Put another one of the stacked MLPs into a slot."""
        for packed, packed_bias, (weight, bias) in zip(self._weights, self._biases, stacked.layers, strict=True):
            packed[:, :, slot] = weight[policy].T
            if packed_bias is not None and bias is not None:
                packed_bias[:, slot] = bias[policy]

    def compact(self, keep: Integers) -> None:
        """Go on with only these slots, in this order."""
        width = max(1, -(-len(keep) // LANE_WIDTH)) * LANE_WIDTH

        def packed(array: NDArray[np.float32]) -> NDArray[np.float32]:
            smaller = np.zeros((*array.shape[:-1], width), SINGLE)
            smaller[..., : len(keep)] = array[..., keep]
            return smaller

        self._weights = [packed(weight) for weight in self._weights]
        self._biases = [None if bias is None else packed(bias) for bias in self._biases]
        self._products = [np.empty((*scratch.shape[:-1], width), SINGLE) for scratch in self._products]
        self._sums = [np.empty((*scratch.shape[:-1], width), SINGLE) for scratch in self._sums]
        self.input = packed(self.input)
        self.slots, self.width = len(keep), width

    def forward(self) -> NDArray[np.float32]:
        """Evaluate `self.input` (inputs, width); returns the raw outputs (A, width), overwritten by the next call."""
        value = self.input
        last = len(self._weights) - 1
        for index, (weight, bias, product, total) in enumerate(
            zip(self._weights, self._biases, self._products, self._sums, strict=True)
        ):
            rows = product.shape[0]
            for start in range(0, weight.shape[0], rows):
                part = weight[start : start + rows]
                scratch = product[: len(part)]
                np.multiply(part, value[start : start + rows, None, :], out=scratch)
                if start == 0:
                    np.add.reduce(scratch, axis=0, out=total)
                else:
                    total += np.add.reduce(scratch, axis=0)
            if bias is not None:
                total += bias
            if index < last:
                self._activate(total)
            value = total
        return value


def normalize_into(target: NDArray[np.float32], observations: Floats, normalizer: Normalizer) -> None:
    """Write normalised observations (B, O) into target (O, B) in single precision."""
    centred = observations - normalizer.mean
    centred /= normalizer.std
    target[:] = centred.T
