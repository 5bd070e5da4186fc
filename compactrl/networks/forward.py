"""Networks of either container behind one call: who evaluates policies need not know which it has."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from compactrl.networks.batched import BatchedMLP
from compactrl.networks.mixed import MixedMLP
from compactrl.types import Integers, Layer, Mixed, Networks

Network = Any
"""What `network` returns: `BatchedMLP` or `MixedMLP`, alike in use."""


def network(networks: Networks, slots: Integers | None = None) -> Network:
    """Return what evaluates these policies, those of the trials in `slots` in this order."""
    return MixedMLP(networks, slots) if isinstance(networks, Mixed) else BatchedMLP(networks, slots)


def some_of(networks: Networks, chosen: Any) -> Networks:
    """Return the MLPs of some of N trials."""
    if isinstance(networks, Mixed):
        used, of = np.unique(networks.of[chosen], return_inverse=True)  # policies that nobody runs stay behind
        return networks._replace(policies=tuple(networks.policies[policy] for policy in used), of=of)
    layers = tuple(Layer(weight[chosen], None if bias is None else bias[chosen]) for weight, bias in networks.layers)
    return networks._replace(layers=layers)


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def single_threaded_blas() -> Any:
    """Return a context in which BLAS has one thread: small products would wait for the others."""
    return _blas().limit(limits=1)
