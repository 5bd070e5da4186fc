"""The records that travel between the parts, and the letters their shapes are written in.

N trials, D decisions, P parameters, O observation, A action, T time, L lanes, E edges.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    """Sums over observations, so that moments of parts add up to the moments of the whole."""

    seen: Floats
    """(N,) observations seen."""
    total: Floats
    """(N, O) sums."""
    square: Floats
    """(N, O) sums of squares."""


class Normalizer(NamedTuple):
    """Observation normalisation: (observation - mean) / std."""

    mean: Floats
    """(O,)"""
    std: Floats
    """(O,), never zero."""


class Trials(NamedTuple):
    """What an evaluator gets: one plain MLP a trial, and one observation normaliser."""

    layers: Layers
    """Leading axis N."""
    normalizer: Normalizer
    designs: Designs
    """(N, D), for the parts that learn from designs; evaluators do not read it."""


class Outcomes(NamedTuple):
    """What came of N trials, a whole episode each."""

    returns: Floats
    """(N,) undiscounted return; NaN where the evaluation failed."""
    steps: Integers
    """(N,) environment steps of the episode."""
    moments: Moments
    """Of the observations the policies saw."""
    failures: dict[int, str]
    """Trial → why it failed."""
