"""A policy as it ships: a skeleton, few weights and which edge takes which, biases, normaliser and action bounds.

It needs no run: exports, reports, films and comparisons follow from it. Its dense layers are computed on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.networks.batched import normalize_into
from compactrl.networks.forward import network
from compactrl.policies.actions import ActionSpec
from compactrl.policies.sharing import Sharing, shared_edges
from compactrl.policies.skeleton import Skeleton, edges_and_biases, interleaved
from compactrl.types import Floats, Integers, Layer, Layers, Mixed, Networks, Normalizer, Size, Stacked

CONTAINERS = ("stacked", "mixed")
"""Where a policy is evaluated: among others of its shape, or as one of few that many trials run (`types.Networks`)."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A deployable policy; call it with an observation.

    Example:
        >>> skeleton, action = Skeleton.tanh((2, 1)), ActionSpec("box", (-1.0,), (1.0,))
        >>> normalizer = Normalizer(np.zeros(2), np.ones(2))
        >>> policy = Policy(skeleton, np.ones(1), np.array([0, 0]), None, np.zeros(0), normalizer, action)
        >>> policy.layers[0].weight, policy(np.zeros(2))
        (array([[1., 1.]], dtype=float32), array([0.]))
    """

    skeleton: Skeleton
    weights: Floats
    """(M,) the distinct weights."""
    index: Integers | None
    """(E,) which weight each edge takes, layer by layer and row by row; None where each has its own, in order."""
    mask: Integers | None
    """(E,) of zeros and ones; None where every edge is kept."""
    biases: Floats
    """(B,), layer by layer."""
    normalizer: Normalizer
    action: ActionSpec
    env: str = ""
    """Environment id that it was trained in."""
    method: str = ""
    size: Size = Size(0, 0, 0, 0.0, 0)  # noqa: RUF009  (a tuple)
    """By the formula of the method's paper."""
    design: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """(D,) the design, where the method has one."""
    names: tuple[str, ...] = ()
    """(O,) what the numbers of an observation are, where the environment's space has words for them."""
    container: str = "stacked"
    """How it was evaluated while it was searched, and so is everywhere: one of `CONTAINERS`."""
    _dense: Layers | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that the numbers belong together.

        Raises:
            ValueError: a mask without an index map, or not one number for every edge or bias.
        """
        edges, biases = self.skeleton.num_edges, self.skeleton.num_biases
        if self.index is None and self.mask is not None:
            raise ValueError("expected an index map beside the mask: it says which weights the kept edges take")
        if self.index is None and len(self.weights) != edges:
            raise ValueError(f"expected a weight for each of {edges} edges, got {len(self.weights)}")
        for name, values in (("an index", self.index), ("a mask bit", self.mask)):
            if values is not None and values.shape != (edges,):
                raise ValueError(f"expected {name} for each of {edges} edges, got shape {values.shape}")
        if len(self.biases) != biases:
            raise ValueError(f"expected {biases} biases, got {len(self.biases)}")
        if self.container not in CONTAINERS:
            raise ValueError(f"expected a container of {', '.join(CONTAINERS)}, got '{self.container}'")

    @classmethod
    def of_layers(
        cls,
        layers: Layers,
        normalizer: Normalizer,
        action: ActionSpec,
        activation: str = "tanh",
        container: str = "stacked",
        **about: Any,
    ) -> Policy:
        """Return the policy of dense layers whose edges share nothing.

        Args:
            layers: without a leading axis.
            normalizer: of observations.
            action: how outputs become actions.
            activation: of the hidden layers.
            container: one of `CONTAINERS`.
            about: further fields.
        """
        weights, biases = edges_and_biases(layers)
        skeleton = Skeleton.of_layers(layers, activation)
        return cls(skeleton, weights, None, None, biases, normalizer, action, container=container, **about)

    def with_layers(self, layers: Layers) -> Policy:
        """Return the same policy with other dense layers, whose edges share nothing."""
        other = Policy.of_layers(layers, self.normalizer, self.action, self.activation)
        return replace(self, skeleton=other.skeleton, weights=other.weights, index=None, mask=None, biases=other.biases)

    def evaluated_as(self, layers: Layers) -> Policy:
        """Return the same policy with its dense layers as they were evaluated.

        They equal what follows from its numbers, but for the sign that the zero of a dropped edge may have.
        """
        policy = replace(self)
        object.__setattr__(policy, "_dense", layers)
        return policy

    @cached_property
    def layers(self) -> Layers:
        """The dense network in single precision: weight (outputs, inputs), bias (outputs,) or None."""
        if self._dense is not None:
            return self._dense
        edges = shared_edges(self.weights, self.index, self.mask)
        return self.skeleton.layers(edges, self.biases.astype(np.float32, copy=False))

    @property
    def shape(self) -> tuple[int, ...]:
        """Observation size, hidden sizes, output size."""
        return self.skeleton.sizes

    @property
    def activation(self) -> str:
        """Of the hidden layers: `tanh` or `relu`."""
        return self.skeleton.activation

    @property
    def theta(self) -> Floats:
        """Its distinct numbers, (P,): [weights | biases], interleaved where nothing is shared and all have biases."""
        weights, biases = (np.asarray(numbers, np.float64) for numbers in (self.weights, self.biases))
        if self.index is None and all(self.skeleton.biased):
            return interleaved(self.skeleton.layers(weights, biases))
        return np.concatenate([weights, biases])

    @property
    def sharing(self) -> Sharing:
        """Its weights in single precision, and which edge takes which."""
        index = np.arange(len(self.weights)) if self.index is None else self.index
        return Sharing(self.shape, self.weights.astype(np.float32), np.asarray(index, np.int64), self.mask)

    def batched(self, count: int = 1) -> Networks:
        """Return `count` copies of the policy's network, as evaluators take them."""
        return copies([self], count)

    def __call__(self, observation: Any) -> NDArray[Any]:
        """Return the action for an observation (O,) or (B, O): (A,) or (B, A); discrete: () or (B,).

        Raises:
            ValueError: the last axis is not the observation size.
        """
        observations = np.asarray(observation, dtype=np.float64)
        single = observations.ndim == 1
        rows = observations[None] if single else observations
        size = self.shape[0]
        if rows.ndim != 2 or rows.shape[1] != size:
            raise ValueError(f"expected an observation with shape ({size},) or (B, {size}), got {observations.shape}")
        actions = self.action.act(self._outputs(rows))
        return np.asarray(actions[0] if single else actions)

    def squashed(self, observations: Floats) -> Floats:
        """Return the actions for observations (B, O) in -1 … 1 of the action's bounds, (B, A)."""
        return np.tanh(self._outputs(observations).T.astype(np.float64))

    def _outputs(self, rows: Floats) -> NDArray[np.float32]:
        """Return the raw outputs (A, B) for observations (B, O)."""
        networks = network(self.batched(len(rows)))
        normalize_into(networks.input[:, : len(rows)], rows, self.normalizer)
        outputs: NDArray[np.float32] = networks.forward()[:, : len(rows)]
        return outputs


def copies(policies: Sequence[Policy], count: int) -> Networks:
    """Return the networks of policies that are evaluated alike, each so many times, as evaluators take them."""
    first = policies[0]
    if {(policy.container, policy.activation) for policy in policies} != {(first.container, first.activation)}:
        raise ValueError("expected policies of one activation, which are evaluated in one container")
    if first.container == "mixed":
        of = np.repeat(np.arange(len(policies)), count)
        return Mixed(tuple(policy.layers for policy in policies), of, first.activation)
    layers = tuple(
        Layer(
            np.repeat(np.stack([layer.weight for layer in parts]), count, axis=0),
            None if parts[0].bias is None else np.repeat(np.stack([layer.bias for layer in parts]), count, axis=0),
        )
        for parts in zip(*(policy.layers for policy in policies), strict=True)
    )
    return Stacked(layers, first.activation)
