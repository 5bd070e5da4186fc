"""Plain tanh MLPs: many at once for evaluation, and one with its normaliser as the thing that ships.

Both use the same arithmetic: single precision, the batch on the last axis, sums taken in one fixed
order. numpy then gives each policy the same bits whatever its position in the batch and however many
others run beside it, so workers, threads and batches never change a return.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats, Integers, Layer, Layers, Mixed, Normalizer, Size

SINGLE = np.float32
LANE_WIDTH = 16
"""Batches are padded to a multiple of this: whole SIMD registers, so no policy sees a loop's ragged end."""
CHUNK = 1024
"""Products held at a time for one policy; fixes the order of summation and keeps it in the cache."""


class BatchedMLP:
    """N tanh MLPs of one shape evaluated together, an observation each.

    Args:
        layers: weights (N, outputs, inputs) and biases (N, outputs) or None, a layer each.
        slots: how many of the policies run at once; defaults to all of them, in order.
    """

    def __init__(self, layers: Layers, slots: Integers | None = None) -> None:
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

    def replace(self, slot: int, layers: Layers, policy: int) -> None:
        """Put another policy of `layers` into a slot."""
        for packed, packed_bias, (weight, bias) in zip(self._weights, self._biases, layers, strict=True):
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
                np.tanh(total, out=total)
            value = total
        return value


@dataclass(frozen=True)
class ActionSpec:
    """How raw outputs become actions.

    Box: `center + scale · tanh(output)`, the box's bounds; an unbounded box gets the output as it is.
    Discrete: the index of the largest output.
    """

    kind: str
    """`box` or `discrete`."""
    low: tuple[float, ...] = ()
    """(A,) bounds of a box."""
    high: tuple[float, ...] = ()
    choices: int = 0
    """Number of discrete actions."""
    start: int = 0
    """The first discrete action."""

    @property
    def size(self) -> int:
        """A, the width of the policy's output."""
        return self.choices if self.kind == "discrete" else len(self.low)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats] | None:
        """Center and scale, (A, 1) each, or None for an unbounded box."""
        low, high = np.array(self.low)[:, None], np.array(self.high)[:, None]
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            return None
        return (high + low) / 2, (high - low) / 2

    def act(self, outputs: NDArray[np.float32]) -> NDArray[Any]:
        """Turn raw outputs (A, width) into actions: (width, A) float64, or (width,) int64 where discrete."""
        if self.kind == "discrete":
            return np.asarray(np.argmax(outputs, axis=0) + self.start)
        if self.bounds is None:
            return outputs.T.astype(np.float64)
        center, scale = self.bounds
        return np.ascontiguousarray((np.tanh(outputs) * scale + center).T)

    def scaled(self, squashed: Floats) -> Floats:
        """Turn actions (n, A) in -1 … 1 into the box's; where it is unbounded they are left as they are."""
        if self.bounds is None:
            return squashed
        center, scale = self.bounds
        return np.ascontiguousarray(squashed * scale.T + center.T)


def normalize_into(target: NDArray[np.float32], observations: Floats, normalizer: Normalizer) -> None:
    """Write normalised observations (B, O) into target (O, B) in single precision."""
    np.divide(observations.T - normalizer.mean[:, None], normalizer.std[:, None], out=target, casting="same_kind")


@dataclass(frozen=True)
class Policy:
    """A deployable policy: weights, normaliser and action bounds; call it with an observation.

    Example:
        >>> layer = Layer(np.ones((1, 2), np.float32), None)
        >>> normalizer, action = Normalizer(np.zeros(2), np.ones(2)), ActionSpec("box", (-1.0,), (1.0,))
        >>> policy = Policy((layer,), normalizer, action, env="", method="", size=Size(2, 0, 2, 0.0, 64))
        >>> policy(np.zeros(2))
        array([0.])
    """

    layers: Layers
    """Without a leading axis: weight (outputs, inputs), bias (outputs,) or None."""
    normalizer: Normalizer
    action: ActionSpec
    env: str
    """Environment id that it was trained in."""
    method: str
    size: Size
    design: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """(D,) the design, where the method has one."""
    theta: Floats = field(default_factory=lambda: np.zeros(0))
    """(P,) distinct weights, then biases: with the design, the compact form of `layers`."""
    activation: str = "tanh"
    """Of the hidden layers: `tanh` or `relu`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Observation size, hidden sizes, output size."""
        return (self.layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in self.layers))

    def batched(self, count: int = 1) -> Layers | Mixed:
        """Return `count` copies of the policy's network, as evaluators take them."""
        if self.activation == "relu":
            return Mixed((self.layers,), np.zeros(count, np.int64))
        return tuple(
            Layer(
                np.repeat(layer.weight[None], count, axis=0),
                None if layer.bias is None else np.repeat(layer.bias[None], count, axis=0),
            )
            for layer in self.layers
        )

    def __call__(self, observation: Any) -> NDArray[Any]:
        """Return the action for an observation (O,) or (B, O): (A,) or (B, A); discrete: () or (B,).

        Raises:
            ValueError: the last axis is not the observation size.
        """
        given = np.asarray(observation, dtype=np.float64)
        rows = given[None] if given.ndim == 1 else given
        size = self.layers[0].weight.shape[1]
        if rows.ndim != 2 or rows.shape[1] != size:
            raise ValueError(f"expected an observation with shape ({size},) or (B, {size}), got {given.shape}")
        actions = self.action.act(self._outputs(rows))
        return np.asarray(actions[0] if given.ndim == 1 else actions)

    def squashed(self, observations: Floats) -> Floats:
        """Return the actions for observations (B, O) in -1 … 1 of the action's bounds, (B, A)."""
        return np.tanh(self._outputs(observations).T.astype(np.float64))

    def _outputs(self, rows: Floats) -> NDArray[np.float32]:
        """Return the raw outputs (A, B) for observations (B, O)."""
        from compactrl.networks import network as network_of

        network = network_of(self.batched(len(rows)))
        normalize_into(network.input[:, : len(rows)], rows, self.normalizer)
        outputs: NDArray[np.float32] = network.forward()[:, : len(rows)]
        return outputs
