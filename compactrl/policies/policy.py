"""A policy as it ships: a network with its observation normaliser and its action bounds, called with an observation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.networks.batched import normalize_into
from compactrl.policies.actions import ActionSpec
from compactrl.types import Floats, Integers, Layer, Layers, Mixed, Networks, Normalizer, Size, Stacked


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

    def batched(self, count: int = 1) -> Networks:
        """Return `count` copies of the policy's network, as evaluators take them."""
        if self.activation == "relu":
            return Mixed((self.layers,), np.zeros(count, np.int64))
        layers = tuple(
            Layer(
                np.repeat(layer.weight[None], count, axis=0),
                None if layer.bias is None else np.repeat(layer.bias[None], count, axis=0),
            )
            for layer in self.layers
        )
        return Stacked(layers, self.activation)

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
        from compactrl.networks.forward import network as network_of

        network = network_of(self.batched(len(rows)))
        normalize_into(network.input[:, : len(rows)], rows, self.normalizer)
        outputs: NDArray[np.float32] = network.forward()[:, : len(rows)]
        return outputs
