"""Which numbers a policy consists of, and which edge takes which: what an export writes down instead of the MLP.

The policy's file has theta (the distinct weights, then the hidden biases) and the design; the run's options say which
compression made them. Its index map is derived from those, never from the expanded layers, and then checked against
them: every weight of the MLP must come out bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.compressions import COMPRESSIONS, Gather
from compactrl.errors import DamagedFileError
from compactrl.methods.settings import resolve
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run
from compactrl.types import Integers

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Sharing:
    """M weights, and for each of the E edges (layer by layer, row by row) which of them it takes."""

    shape: tuple[int, ...]
    """Observation size, hidden sizes, output size."""
    weights: Singles
    """(M,)"""
    index: Integers
    """(E,) in 0 … M - 1."""
    mask: Integers | None
    """(E,) of zeros and ones, or None where every edge is kept."""

    @property
    def own(self) -> bool:
        """Whether every edge has a weight of its own, in order: nothing is shared."""
        return self.mask is None and np.array_equal(self.index, np.arange(len(self.weights)))

    @property
    def edges(self) -> Singles:
        """(E,), the weight of every edge, zero where the mask drops it."""
        if not len(self.weights):
            return np.zeros(len(self.index), np.float32)
        taken = self.weights[self.index]
        return taken if self.mask is None else np.where(self.mask > 0, taken, np.float32(0))

    def matrices(self) -> list[Singles]:
        """Return the weights of each layer, (outputs, inputs)."""
        return split_edges(self.edges, self.shape)


def split_edges(edges: NDArray[Any], shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """Cut (E,) into a matrix (outputs, inputs) a layer.

    Example:
        >>> [part.shape for part in split_edges(np.arange(10), (3, 2, 2))]
        [(2, 3), (2, 2)]
    """
    parts, begin = [], 0
    for inputs, outputs in pairwise(shape):
        parts.append(edges[begin : begin + outputs * inputs].reshape(outputs, inputs))
        begin += outputs * inputs
    return parts


def own_weights(policy: Policy) -> Sharing:
    """Return a policy as one whose edges share nothing."""
    edges = np.concatenate([np.asarray(layer.weight, np.float32).ravel() for layer in policy.layers])
    return Sharing(policy.shape, edges, np.arange(len(edges)), None)


def sharing_of(run: Run, policy: Policy) -> Sharing:
    """Return what the edges of a run's policy share.

    Raises:
        DamagedFileError: theta and design do not give the policy's layers.
    """
    settings = resolve(run.config)
    kind = COMPRESSIONS[settings.choice.compression]
    if not issubclass(kind, Gather):  # weights that no index map makes: each edge has its own
        return own_weights(policy)
    compression = kind(policy.shape, settings.compression)
    # What is left once the design is settled depends on the design alone, so that any theta will do to ask for it.
    settled, _ = compression.settle(np.zeros(compression.num_parameters), policy.design)
    if not isinstance(settled, Gather) or len(policy.theta) != settled.num_parameters:
        return own_weights(policy)  # another learner's, whose theta is not this compression's
    index, mask = settled.index_map()
    weights = policy.theta[: settled.num_weights].astype(np.float32)
    sharing = Sharing(policy.shape, weights, np.asarray(index, np.int64), mask)
    for found, layer in zip(sharing.matrices(), policy.layers, strict=True):
        if not np.array_equal(found, layer.weight):
            raise DamagedFileError(
                f"{run.path / 'policy.json'}: theta and design do not give the policy's weights; the file, or the "
                "method in config.json, was altered"
            )
    return sharing
