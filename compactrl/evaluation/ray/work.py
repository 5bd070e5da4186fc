"""A piece of work: all that a share of a generation depends on, so that any worker may do it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from compactrl.types import Integers, Layer, Layers, Mixed


class Work(NamedTuple):
    """A share of a generation: some lanes, and the trials in their queues."""

    group: str
    """Whose lanes these are (`training`, `selecting`): a worker keeps the last ones of each group."""
    seeds: Integers
    """(L,) one a lane."""
    resets: Integers
    """(L,) resets of each lane before this work."""
    trials: Integers
    """(N,) numbers of the trials within the generation; the k-th here runs in lane k mod L."""
    layers: Layers | Mixed
    """Of N policies."""


def taken_apart(work: Work) -> list[Work]:
    """Return the evaluations of a piece of work one by one, each at the place in its lane where it stood."""
    lanes = len(work.seeds)
    parts = []
    for position in range(len(work.trials)):
        earlier, lane = divmod(position, lanes)
        chosen = slice(position, position + 1)
        parts.append(
            Work(
                work.group,
                work.seeds[lane : lane + 1],
                work.resets[lane : lane + 1] + earlier,
                work.trials[chosen],
                rows(work.layers, chosen),
            )
        )
    return parts


def rows(layers: Layers | Mixed, chosen: Any) -> Layers | Mixed:
    """Return some of N policies."""
    if isinstance(layers, Mixed):
        used, of = np.unique(layers.of[chosen], return_inverse=True)
        return Mixed(tuple(layers.policies[policy] for policy in used), of)
    return tuple(Layer(weight[chosen], None if bias is None else bias[chosen]) for weight, bias in layers)
