"""Networks of either kind behind one call: who evaluates policies does not know which it has."""

from __future__ import annotations

from functools import cache
from typing import Any

from compactrl.networks.batched import BatchedMLP
from compactrl.networks.mixed import MixedMLP
from compactrl.types import Integers, Layers, Mixed

Network = Any
"""What `network` returns: `BatchedMLP` or `MixedMLP`, alike in use."""


def network(layers: Layers | Mixed, slots: Integers | None = None) -> Network:
    """Return what evaluates these policies, those of the trials in `slots` in this order."""
    return MixedMLP(layers, slots) if isinstance(layers, Mixed) else BatchedMLP(layers, slots)


@cache
def one_thread() -> Any:
    """Return what limits BLAS to one thread, by `.limit(limits=1)`: small products would wait for the others."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
