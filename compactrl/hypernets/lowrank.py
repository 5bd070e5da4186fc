"""MLPs of different shapes as one batch, with weights R M Cᵀ that are never built.

The MLPs are ordered by depth, the deepest first: those that have a layer are then the first rows of the batch, and
those that end after it the last of these. A layer is as wide as its widest; units that an MLP does not have get a
bias so low that they are always at rest (`ABSENT`), which needs no operation of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from compactrl.architectures import Widths
from compactrl.products import rest

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
        self.layers = nodes.shape[1]
        self._nodes, self._order = nodes, order
        self.scale = torch.as_tensor(np.sqrt(2 / np.maximum(inputs, 1)), dtype=dtype, device=device)
        columns = np.arange(max(self.widest))
        self._device = device
        self.absent = torch.as_tensor(columns >= padded[:, :, None], device=device)  # (n, K, widest)

    @cached_property
    def positions(self) -> Tensor:
        """Where the weight nodes of all layers, then the bias nodes, are among all chains' nodes, (2 n (K + 1),)."""
        steps = 3 + 2 * len(self.counts)
        weights = (self._order[:, None] * steps + self._nodes).ravel()
        return torch.as_tensor(np.concatenate([weights, weights + 1]), device=self._device)


class Pass(torch.autograd.Function):
    """All layers as one operation, of observations (n, B, O) in the batch's order; arguments as in `LowRankNetwork`.

    The gradient is written out: as single operations on slices, each zeroed and summed a whole table a layer. Nothing
    flows to the observations.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, inputs: Tensor, columns: Tensor, rows: Tensor, outputs: Tensor, cores: Tensor, biases:
        Tensor, output_biases: Tensor, order: Batch,
    ) -> Tensor:  # fmt: skip
        """Return the raw outputs (n, B, A)."""
        n, batch, size = x.shape
        rank = inputs.shape[0]
        codes = linear(x.view(n * batch, size), inputs).view(n, batch, rank)
        last = codes.clone()  # of each MLP, the codes that its output layer gets
        kept = []
        for layer, (count, width) in enumerate(zip(order.counts, order.widest, strict=True)):
            mixed = torch.bmm(codes[:count], cores[:count, layer].transpose(1, 2))
            units = linear(mixed.view(count * batch, rank), rows[:width]).view(count, batch, width)
            units.add_(biases[:count, layer, None, :width]).relu_()
            kept += [codes[:count], mixed, units]
            codes = linear(units.view(count * batch, width), columns[:, :width]).view(count, batch, rank)
            last[:count] = codes
        mixed = torch.bmm(last, cores[:, -1].transpose(1, 2))
        ctx.order = order
        ctx.save_for_backward(x, inputs, columns, rows, outputs, cores, biases, last, mixed, *kept)
        return torch.baddbmm(output_biases[:, None], mixed, outputs.t().expand(n, -1, -1))

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all arguments but the first and the last."""
        x, inputs, columns, rows, outputs, cores, biases, last, mixed, *kept = ctx.saved_tensors
        order: Batch = ctx.order
        n, batch, size = x.shape
        rank = inputs.shape[0]
        d_columns, d_rows, d_biases = torch.zeros_like(columns), torch.zeros_like(rows), torch.zeros_like(biases)
        d_cores = torch.zeros_like(cores)
        flat = d_out.reshape(n * batch, -1)
        d_outputs = flat.t() @ mixed.view(n * batch, rank)
        d_mixed = (flat @ outputs).view(n, batch, rank)
        d_cores[:, -1] = torch.bmm(d_mixed.transpose(1, 2), last)
        d_codes = torch.bmm(d_mixed, cores[:, -1])
        for layer in range(len(order.counts) - 1, -1, -1):
            count, width = order.counts[layer], order.widest[layer]
            codes, mixed, units = kept[3 * layer : 3 * layer + 3]
            flat, flat_units = d_codes[:count].view(count * batch, rank), units.view(count * batch, width)
            d_columns[:, :width].addmm_(flat.t(), flat_units)
            d_units = flat @ columns[:, :width]
            rest(d_units, flat_units)
            d_biases[:count, layer, :width] = d_units.view(count, batch, width).sum(1)
            d_rows[:width].addmm_(d_units.t(), mixed.view(count * batch, rank))
            d_mixed = (d_units @ rows[:width]).view(count, batch, rank)
            d_cores[:count, layer] = torch.bmm(d_mixed.transpose(1, 2), codes)
            d_codes[:count] = torch.bmm(d_mixed, cores[:count, layer])
        d_inputs = d_codes.view(n * batch, rank).t() @ x.view(n * batch, size)
        return None, d_inputs, d_columns, d_rows, d_outputs, d_cores, d_biases, d_out.sum(1), None


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
        outputs: Tensor = Pass.apply(observations[order.rows], *self[:-1], order)  # type: ignore[no-untyped-call]
        return outputs[order.back]

    def detached(self) -> LowRankNetwork:
        """Return the same networks without gradients to their weights."""
        inputs, columns, rows, outputs, cores, biases, output_biases = (part.detach() for part in self[:-1])
        return LowRankNetwork(inputs, columns, rows, outputs, cores, biases, output_biases, self.order)
