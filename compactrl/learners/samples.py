"""An iteration's transitions as on-policy learning takes them: by architecture, as tensors, shuffled into batches.

Letters: n architectures, S transitions of each, B of them in a batch; T steps, L lanes, lane l of architecture l mod n.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.types import Floats


class Samples(NamedTuple):
    """An iteration's transitions by architecture, S of each of n; a batch of them has B."""

    rows: Tensor
    """(n, S, O + F) normalised observation, and what is told of the architecture."""
    latent: Tensor
    """(n, S, A) what was drawn."""
    behaviour: Tensor
    """(n, S) the log probability of having drawn it."""
    advantage: Tensor
    """(n, S) normalised; 0 of steps that failed."""
    target: Tensor
    """(n, S) what the value should be."""
    value: Tensor
    """(n, S) it was before the updates."""
    weight: Tensor
    """(n, S) 0 of steps that failed, else 1."""


class Shuffled:
    """An iteration's transitions beside each other, so that a batch is one operation."""

    def __init__(self, samples: Samples) -> None:
        self._widths = [samples.rows.shape[-1], samples.latent.shape[-1], 1, 1, 1, 1, 1]
        columns = (part if part.dim() == 3 else part[..., None] for part in samples)
        self._packed = torch.cat(list(columns), dim=-1)

    def at(self, places: Tensor) -> Samples:
        """Return those at B of S places, the same of every architecture."""
        rows, latent, *numbers = self._packed.index_select(1, places).split_with_sizes(self._widths, -1)
        return Samples(rows, latent, *(part[..., 0] for part in numbers))


def dealt(array: Floats, architectures: int) -> Floats:
    """Return an array (T, L, …) by architecture, (n, S, …).

    Example:
        >>> dealt(np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]), 2)
        array([[1., 3., 5., 7.],
               [2., 4., 6., 8.]])
    """
    steps, lanes, *rest = array.shape
    parts = array.reshape(steps, lanes // architectures, architectures, *rest)
    return np.moveaxis(parts, 2, 0).reshape(architectures, -1, *rest)


def normalized(advantage: Floats, weight: Floats) -> Floats:
    """Return advantages (n, S) with mean 0 and standard deviation 1 in each row, over samples of weight 1; else 0."""
    counts = np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    centered = (advantage - (advantage * weight).sum(axis=1, keepdims=True) / counts) * weight
    deviation = np.sqrt(np.square(centered).sum(axis=1, keepdims=True) / counts)
    return np.asarray(centered / (deviation + 1e-8))
