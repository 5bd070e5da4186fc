"""The records that travel between the parts, and the letters their shapes are written in.

N trials, D decisions, P parameters, O observation, A action, T time, L lanes, E edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Designs = NDArray[np.int64]
Design = NDArray[np.int64]
Metrics = dict[str, float]
State = dict[str, Any]
"""Nested dicts with string keys; leaves are numpy arrays, int, float, bool, str or None (JSON + safetensors)."""


class Layer(NamedTuple):
    """One affine map of a plain MLP, or one of N at once (leading axis N); numpy or torch."""

    weight: Any
    """(outputs, inputs) or (N, outputs, inputs)."""
    bias: Any | None
    """(outputs,) or (N, outputs); None on the last layer of a policy."""


Layers = tuple[Layer, ...]


class Size(NamedTuple):
    """What a policy costs to store; every figure exact."""

    weights: int
    """Distinct weights."""
    biases: int
    """Hidden biases."""
    parameters: int
    """weights + biases, the output as wide as the action."""
    compression: float
    """1 - parameters / parameters of the unstructured policy of the same shape."""
    bits: int
    """32 bits a number, and for a colouring or a mask the bits of its dictionary."""


class Moments(NamedTuple):
    """Of the observations of each trial; those of parts give those of the whole (`learners/moments.py`)."""

    seen: Floats
    """(N,) observations seen."""
    mean: Floats
    """(N, O)"""
    spread: Floats
    """(N, O) sums of squared deviations from the mean."""


class Normalizer(NamedTuple):
    """Observation normalisation: (observation - mean) / std."""

    mean: Floats
    """(O,)"""
    std: Floats
    """(O,), never zero."""


class Stacked(NamedTuple):
    """N MLPs of one shape, one per trial: evaluated by elementwise products, summed in one fixed order."""

    layers: Layers
    """With a leading axis N."""
    activation: str = "tanh"
    """Of the hidden layers: `tanh` or `relu`."""


class Mixed(NamedTuple):
    """N MLPs of any shapes, many of which may be the same one: evaluated by matrix products."""

    policies: tuple[Layers, ...]
    """Each without a leading axis."""
    of: Integers
    """(N,) which of the policies each trial runs."""
    activation: str = "relu"
    """Of the hidden layers: `tanh` or `relu`."""


Networks = Stacked | Mixed
"""The plain MLPs of N trials. Who made them chooses the container, and a policy keeps to it wherever it runs: the two
take sums in another order, and so differ in the last bits."""


class Acting(Protocol):
    """What an evaluator needs of an action distribution (`compactrl.policies.distributions`)."""

    def act(self, outputs: Floats, noise: Floats) -> Floats:
        """Return the actions (n, A) in -1 … 1 of raw outputs (n, outputs) with noise (n, A)."""


class Exploration(NamedTuple):
    """How trials deviate from their policies while experience is collected: drawn beforehand by who learns from it."""

    noise: Floats
    """(T, L, A), as the distribution takes it: of discrete actions (T, L, choices)."""
    actions: Floats
    """(T, L, A) in -1 … 1, what is done instead of what the policy says; NaN where it is asked. Discrete: (T, L, 1)."""
    distribution: Acting
    """What the outputs and the noise make of an action."""


class Trials(NamedTuple):
    """What an evaluator gets: one plain MLP a trial, and one observation normaliser."""

    networks: Networks
    normalizer: Normalizer
    designs: Designs
    """(N, D), for the parts that learn from designs; evaluators read N alone."""
    exploration: Exploration | None = None
    """Where experience is collected."""
    tasks: Floats | None = None
    """(N, C) the task of each trial, given to its environment as an episode begins; where environments take tasks."""
    actions: NDArray[Any] | None = None
    """What is done in place of what the policies say, in whole episodes: (N, T, A), or (N, T) where actions are
    discrete, as the environment takes them; after T steps they begin again."""


class Transitions(NamedTuple):
    """T steps in L standing environments, for learning from."""

    observation: Floats
    """(T, L, O)"""
    action: Floats
    """(T, L, A) in -1 … 1 of the action's bounds; the number of a discrete one, (T, L, 1)."""
    reward: Floats
    """(T, L)"""
    next_observation: Floats
    """(T, L, O), of the same episode always."""
    terminated: NDArray[np.bool_]
    """(T, L) the episode has ended here."""
    truncated: NDArray[np.bool_]
    """(T, L) the episode was cut here by its limit of steps."""
    valid: NDArray[np.bool_]
    """(T, L) False where the step failed; nothing else of it means anything."""
    achieved: Floats
    """(T, L, G) the goal that the step achieved, in environments with goals; else G = 0."""
    begun: NDArray[np.bool_] | None = None
    """(T, L) the step is the first of its episode: the one before may have been cut without a word; None: unknown."""


class Outcomes(NamedTuple):
    """What came of N trials: a whole episode each, or some steps each in a standing environment."""

    returns: Floats
    """(N,) undiscounted return; NaN where the evaluation failed, or no episode ended in the trial's steps."""
    steps: Integers
    """(N,) environment steps of the trial."""
    moments: Moments
    """Of the observations the policies saw."""
    failures: dict[int, str]
    """Trial → why it failed."""
    transitions: Transitions | None = None
    """Where experience was collected."""
    measures: Mapping[str, Floats] = {}
    """Name → (N,) what the environment says of its episodes beside the return, at their ends; NaN as in returns.

    Where it is known `success`: 1 where the episode succeeded, such as by ending at its goal, 0 elsewhere."""
