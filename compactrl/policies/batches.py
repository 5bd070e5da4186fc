"""Policies as the networks that evaluators take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from compactrl.types import Floats, Layer, Layers, Mixed, Networks, Stacked


class Evaluated(Protocol):
    """What evaluators must know of a policy's network."""

    @property
    def layers(self) -> Layers:
        """Without a leading axis."""

    @property
    def activation(self) -> str:
        """Of the hidden layers."""

    @property
    def container(self) -> str:
        """`stacked` or `mixed`."""

    @property
    def context(self) -> Floats | None:
        """(C,) the task that it is for, of a family of tasks."""


def copies(policies: Sequence[Evaluated], count: int) -> Networks:
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


def tasks_of(policies: Sequence[Evaluated], count: int) -> Floats | None:
    """Return the tasks of `copies`, a row each; None where the policies are for none."""
    contexts = [policy.context for policy in policies if policy.context is not None]
    return np.repeat(np.stack(contexts), count, axis=0) if contexts else None
