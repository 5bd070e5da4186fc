"""MLPs of different shapes as one batch, with weights R M Cᵀ that are never built.

The MLPs are ordered by depth, the deepest first: those that have a layer are then the first rows of the batch, and those that
end after it the last of these. A layer is as wide as its widest; units that an MLP does not have get a bias so low that
they are always at rest (`ABSENT`), which needs no operation of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from compactrl.architectures import Widths

ABSENT = -1e30


class Batch:
    """The order of a batch of n MLPs by depth, and where in their graphs their layers are.

    Args:
        architectures: of the MLPs.
        observation: O.
        dtype: of the networks.
        device: where tensors go.
    """

    def __init__(
        self, architectures: Sequence[Widths], observation: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.architectures = architectures
        depths = np.array([len(each) for each in architectures])
        order = np.argsort(-depths, kind="stable")
        deepest = int(depths.max())
        depths_in_order = depths[order]
        self.counts = [int((depths > layer).sum()) for layer in range(deepest)]
        """How many MLPs have each hidden layer."""
        padded = np.zeros((len(order), deepest), np.int64)
        for row, number in enumerate(order):
            padded[row, : depths[number]] = architectures[number]
        self.widest = [int(width) for width in padded.max(axis=0)]
        last = padded[np.arange(len(order)), depths_in_order - 1]
        inputs = np.concatenate([np.full((len(order), 1), observation), padded[:, :-1], last[:, None]], axis=1)
        nodes = np.concatenate(
            [np.tile(1 + 2 * np.arange(deepest), (len(order), 1)), 1 + 2 * depths_in_order[:, None]], axis=1
        )
        nodes = np.minimum(nodes, nodes[:, -1:])  # a layer that is not there: any node will do, nothing uses it
        self.rows = torch.as_tensor(order, device=device)
        self.back = torch.as_tensor(np.argsort(order), device=device)
        self.nodes = torch.as_tensor(nodes, device=device)
        self.scale = torch.as_tensor(np.sqrt(2 / np.maximum(inputs, 1)), dtype=dtype, device=device)
        columns = np.arange(max(self.widest))
        self.absent = torch.as_tensor(columns >= padded[:, :, None], device=device)  # (n, K, widest)


class LowRankNetwork(NamedTuple):
    """A function of observations (n, B, O) → outputs (n, B, A)."""

    inputs: Tensor
    """(r, O)"""
    columns: Tensor
    """(r, W)"""
    rows: Tensor
    """(W, r)"""
    outputs: Tensor
    """(A, r)"""
    cores: Tensor
    """(n, K + 1, r, r), the last of the output layer."""
    biases: Tensor
    """(n, K, W) of the hidden layers, `ABSENT` where a unit is not there."""
    output_biases: Tensor
    """(n, A)"""
    order: Batch

    @classmethod
    def of(cls, p: dict[str, Tensor], cores: Tensor, codes: Tensor, order: Batch) -> LowRankNetwork:
        """Put a network together from the decoder's parameters, cores and codes of biases."""
        widest = max(order.widest)
        biases = torch.tanh(0.2 * (codes[:, :-1] @ p["bias_rows"][:widest].t()))
        return cls(
            p["inputs"],
            p["columns"],
            p["rows"],
            p["outputs"],
            cores,
            biases.masked_fill(order.absent, ABSENT),
            torch.tanh(0.2 * (codes[:, -1] @ p["bias_outputs"].t())),
            order,
        )

    def __call__(self, observations: Tensor) -> Tensor:
        """Return the raw outputs."""
        order = self.order
        n, batch, size = observations.shape
        codes = linear(observations[order.rows].view(n * batch, size), self.inputs).view(n, batch, -1)
        ended = []
        for layer, (count, width) in enumerate(zip(order.counts, order.widest, strict=True)):
            ended.append(codes[count:])
            mixed = torch.bmm(codes[:count], self.cores[:count, layer].transpose(1, 2))
            units = linear(mixed.view(count * batch, -1), self.rows[:width]).view(count, batch, width)
            units = (units + self.biases[:count, layer, None, :width]).relu()
            codes = linear(units.view(count * batch, width), self.columns[:, :width]).view(count, batch, -1)
        codes = torch.cat([codes, *ended[::-1]])
        mixed = torch.bmm(codes, self.cores[:, -1].transpose(1, 2))
        outputs = linear(mixed.view(n * batch, -1), self.outputs).view(n, batch, -1) + self.output_biases[:, None]
        return outputs[order.back]

    def detached(self) -> LowRankNetwork:
        """Return the same networks without gradients to their weights."""
        return LowRankNetwork(*(part.detach() for part in self[:-1]), self.order)
