"""Compressions whose first theta is the policy of another run: what they have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton, edges_and_biases
from compactrl.types import Floats, Layer, Layers

USUAL_LENGTH = 2.25
"""Of the vector of a strategy's standard deviations (PGPE's `radius`)."""


def numbers_of(policy: Policy, skeleton: Skeleton) -> tuple[Floats, Floats]:
    """Return the edges (E,) and the biases (B,) of a policy that a search with this skeleton begins from.

    Raises:
        ValueError: the policy has another network.
    """
    if skeleton.sizes == (*policy.skeleton.sizes[:-1], 2 * policy.skeleton.sizes[-1]):
        raise ValueError(
            "--start-from: this search's policies say how far actions deviate, too, and the policy of that run does "
            "not: choose td3 or ppo in the place of sac, and no --deviation state"
        )
    if policy.skeleton != skeleton:
        raise ValueError(
            f"--start-from is a policy with a network {_in_words(policy.skeleton)}, and this search has "
            f"{_in_words(skeleton)}: leave --hidden, --activation and --output-bias out"
        )
    edges, biases = (part.astype(np.float64) for part in edges_and_biases(policy.layers))
    return edges, biases


def with_output_biases(policy: Policy, skeleton: Skeleton) -> Layers:
    """Return the layers of a policy that a search with this skeleton, which has all biases, begins from.

    Raises:
        ValueError: the policy has another network, but for biases that it lacks: these are zero.
    """
    biased = policy.skeleton.biased if len(policy.skeleton.biased) == len(skeleton.biased) else skeleton.biased
    numbers_of(policy, replace(skeleton, biased=biased))
    return tuple(
        layer if layer.bias is not None else Layer(layer.weight, np.zeros(len(layer.weight))) for layer in policy.layers
    )


def unit_for(noise: float, num_parameters: int) -> float:
    """Return what 1 of theta is in a policy's numbers, so that a strategy's usual noise on each of these is `noise`."""
    return noise * num_parameters**0.5 / USUAL_LENGTH or 1.0


def _in_words(skeleton: Skeleton) -> str:
    biased = "with" if skeleton.biased[-1] else "without"
    return f"{'-'.join(map(str, skeleton.sizes))} of {skeleton.activation}, {biased} output biases"
