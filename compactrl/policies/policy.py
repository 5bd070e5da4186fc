"""A policy as it ships: a skeleton, few weights and which edge takes which, biases, normaliser and action bounds.

It needs no run: exports, reports, films and comparisons follow from it. Its dense layers are computed on first use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.errors import InputError
from compactrl.networks.batched import normalize_into
from compactrl.networks.forward import network
from compactrl.policies.actions import ActionSpec
from compactrl.policies.batches import copies
from compactrl.policies.contexts import Contexts
from compactrl.policies.html import card
from compactrl.policies.observations import Layout, layout_text, rows_of
from compactrl.policies.places import stem_of
from compactrl.policies.sharing import Sharing, shared_edges
from compactrl.policies.skeleton import Skeleton, edges_and_biases, interleaved
from compactrl.policies.words import EXPLICIT, sharing_of
from compactrl.storage.files import save_state
from compactrl.types import Floats, Integers, Layers, Networks, Normalizer, Size, State

CONTAINERS = ("stacked", "mixed")
"""Where a policy is evaluated: among others of its shape, or as one of few that many trials run (`types.Networks`)."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A deployable policy; `predict` gives an action for what its environment shows, calling it the bare numbers.

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
    layout: Layout = ()
    """How its environment's observations become rows of numbers, where they are none themselves."""
    context: Floats | None = None
    """(C,) the task that it is for, of a family of tasks."""
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

    def tasks(self, count: int) -> Floats | None:
        """Return the task that it is for, (count, C), for as many trials; None where it is for none."""
        return None if self.context is None else np.tile(self.context, (count, 1))

    def task_in(self, contexts: Contexts | None) -> Floats | None:
        """Return the task (C,) of its episodes in an environment; None where that is no family, or it is for none."""
        return None if contexts is None else self.context

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

    def predict(self, observation: Any) -> Any:
        """Return the action for an observation, both as the environment has them; or for several.

        Args:
            observation: as the environment gives it, a dictionary too; or several of them, each part with a leading
                axis; or rows of numbers, (O,) or (B, O), as the policy takes them.

        Returns:
            (A,) of the action space's type, or (B, A) of several; discrete: an int, or (B,) int64.

        Raises:
            ValueError: the observation is another; the message says what was expected.
        """
        rows, single = rows_of(observation, self.layout, self.shape[0])
        actions = self.action.for_space(self.action.act(self._outputs(rows)))
        if not single:
            return actions
        return int(actions[0]) if self.action.kind == "discrete" else actions[0]

    def save(self, path: str | Path) -> Path:
        """Write the policy, without its run; `compactrl.load_policy` reads it, bit for bit.

        Args:
            path: a folder, which gets policy.json and policy.safetensors; or a name that ends in one of these two
                endings, of which the other file gets the same. What is there is replaced.

        Returns:
            the folder, or the name.

        Raises:
            InputError: it is a run's folder, whose policy belongs to its search; or it cannot be written.
        """
        stem = stem_of(path)
        if (stem.parent / "config.json").exists():
            raise InputError(f"{stem.parent} is a run, with a policy of its own: save to another folder")
        try:
            stem.parent.mkdir(parents=True, exist_ok=True)
            save_state(stem, self.state_dict())
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror or error}") from error
        return Path(path)

    def state_dict(self) -> State:
        """Return the policy as nested state, which `files.policy_of` reads."""
        names = {str(place): name for place, name in enumerate(self.names)}
        sharing = sharing_of(self.skeleton, self.design, self.index, self.mask)
        return {
            "env": self.env,
            "method": self.method,
            "size": self.size._asdict(),
            "action": self.action.state_dict(),
            "normalizer": self.normalizer._asdict(),
            "layers": {str(index): layer._asdict() for index, layer in enumerate(self.layers)},
            "design": self.design,
            **({"observation_names": names} if names else {}),
            "theta": self.theta,
            "activation": self.activation,
            "container": self.container,
            "sharing": sharing,
            **({"index": self.index, "mask": self.mask} if sharing == EXPLICIT else {}),
            **({"layout": layout_text(self.layout)} if self.layout else {}),
            **({"context": self.context} if self.context is not None else {}),
        }

    def __repr__(self) -> str:
        """Say what it is for and how large it is."""
        about = (self.env, self.method, "-".join(map(str, self.shape)), f"{self.size.parameters} parameters")
        return f"Policy({', '.join(filter(None, about))})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return card("Policy", self.described())

    def described(self) -> dict[str, str]:
        """Return what it is for and how large it is, in words."""
        size = self.size
        return {
            "environment": self.env or "–",
            "method": self.method or "–",
            "network": f"{'-'.join(map(str, self.shape))}, {self.activation}",
            "size": f"{size.weights:,} weights + {size.biases:,} biases = {size.parameters:,} parameters, "
            f"{size.bits:,} bits",
        }

    def squashed(self, observations: Floats) -> Floats:
        """Return the actions for observations (B, O) in -1 … 1 of the action's bounds, (B, A)."""
        return np.tanh(self._outputs(observations).T.astype(np.float64))

    def _outputs(self, rows: Floats) -> NDArray[np.float32]:
        """Return the raw outputs (A, B) for observations (B, O)."""
        networks = network(self.batched(len(rows)))
        normalize_into(networks.input[:, : len(rows)], rows, self.normalizer)
        outputs: NDArray[np.float32] = networks.forward()[:, : len(rows)]
        return outputs
