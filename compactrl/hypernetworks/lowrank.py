"""MLPs of different shapes as one batch, with weights W = R M Cᵀ that are never built.

Between layers an MLP is r numbers, Cᵀ of its units. At each layer the MLPs that have it take their numbers, go through
it, and put the new ones back; the others stay as they are. MLPs whose layers are of similar width go together, as wide
as the widest of them. Units that an MLP does not have get a bias so low that they are always inactive (`ABSENT`), which
needs no operation of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from compactrl.networks.perceptrons import mask_inactive
from compactrl.policies.architectures import Widths

ABSENT = -1e30
GROUP = 256
"""What another group costs, in units that go through a layer: measured on an Intel processor, 0.1 ms beside 0.4 µs."""


class Group(NamedTuple):
    """Layers that go together."""

    members: Tensor
    """Which MLPs they are of, (count,)."""
    layers: slice
    """Where they are among the layers of all."""
    width: int


class Batch:
    """The layers of a batch of n MLPs: L hidden ones in the order of their groups, then the n output layers.

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
        depths = [len(widths) for widths in architectures]
        self.groups: list[Group] = []
        order: list[tuple[int, int]] = []  # MLP and layer
        for layer in range(max(depths)):
            members = [number for number, depth in enumerate(depths) if depth > layer]
            members.sort(key=lambda number: -architectures[number][layer])
            for part in _parts([architectures[number][layer] for number in members]):
                in_group = members[part]
                place = slice(len(order), len(order) + len(in_group))
                width = architectures[in_group[0]][layer]
                self.groups.append(Group(torch.as_tensor(in_group, device=device), place, width))
                order += [(number, layer) for number in in_group]
        hidden = [architectures[number][layer] for number, layer in order]
        order += [(number, depth) for number, depth in enumerate(depths)]
        places = {number_and_layer: place for place, number_and_layer in enumerate(order)}
        self.places = [[places[number, layer] for layer in range(depth + 1)] for number, depth in enumerate(depths)]
        """Where each MLP's layers are."""
        inputs = [(observation, *architectures[number])[layer] for number, layer in order]
        self.inputs = torch.as_tensor(inputs, dtype=dtype, device=device)
        """(L + n,), of each layer."""
        nodes = np.array([number * (3 + 2 * max(depths)) + 1 + 2 * layer for number, layer in order])
        self.nodes = torch.as_tensor(np.concatenate([nodes, nodes + 1]), device=device)
        """Where the weight nodes of the layers, then the bias nodes, are among all chains' nodes, 2 (L + n)."""
        self.absent = torch.as_tensor(np.arange(max(hidden)) >= np.array(hidden)[:, None], device=device)
        """Units that are not there, (L, W)."""


def _parts(widths: Sequence[int]) -> list[slice]:
    """Return how to divide layers of falling widths so that their units, padded, and groups cost least."""
    best: list[tuple[float, list[slice]]] = [(0.0, [])]
    for end in range(1, len(widths) + 1):
        costs = [cost + GROUP + (end - start) * widths[start] for start, (cost, _) in enumerate(best)]
        start = int(np.argmin(costs))
        best.append((costs[start], [*best[start][1], slice(start, end)]))
    return best[-1][1]


class Pass(torch.autograd.Function):
    """All layers as one operation, of observations (n, B, O); arguments as in `LowRankNetwork`.

    The gradient is written out. Autograd would, for every slice of a table, fill a whole table with zeros and add it.
    Observations get no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, inputs: Tensor, columns: Tensor, rows: Tensor, outputs: Tensor, cores: Tensor, biases:
        Tensor, output_biases: Tensor, order: Batch,
    ) -> Tensor:  # fmt: skip
        """Return the raw outputs (n, B, A)."""
        n, batch, size = x.shape
        rank = inputs.shape[0]
        codes = linear(x.reshape(n * batch, size), inputs).view(n, batch, rank)
        saved = []
        for members, layers, width in order.groups:
            before = codes.index_select(0, members)
            mixed = torch.bmm(before, cores[layers].transpose(1, 2))
            units = linear(mixed.view(-1, rank), rows[:width])
            units.view(-1, batch, width).add_(biases[layers, None, :width]).relu_()
            codes.index_copy_(0, members, linear(units, columns[:, :width]).view_as(before))
            saved += [before, mixed, units]
        mixed = torch.bmm(codes, cores[-n:].transpose(1, 2))
        ctx.order = order
        ctx.save_for_backward(x, inputs, columns, rows, outputs, cores, biases, codes, mixed, *saved)
        return torch.baddbmm(output_biases[:, None], mixed, outputs.t().expand(n, -1, -1))

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all arguments but the first and the last."""
        x, inputs, columns, rows, outputs, cores, biases, codes, mixed, *saved = ctx.saved_tensors
        order: Batch = ctx.order
        n, batch, size = x.shape
        rank = inputs.shape[0]
        d_columns, d_rows, d_biases = torch.zeros_like(columns), torch.zeros_like(rows), torch.zeros_like(biases)
        d_cores = torch.empty_like(cores)
        flat = d_out.reshape(n * batch, -1)
        d_outputs = flat.t() @ mixed.view(n * batch, rank)
        d_mixed = (flat @ outputs).view(n, batch, rank)
        d_cores[-n:] = torch.bmm(d_mixed.transpose(1, 2), codes)
        d_codes = torch.bmm(d_mixed, cores[-n:])
        for number in range(len(order.groups) - 1, -1, -1):
            members, layers, width = order.groups[number]
            before, mixed, units = saved[3 * number : 3 * number + 3]
            flat = d_codes.index_select(0, members).view(-1, rank)
            d_columns[:, :width].addmm_(flat.t(), units)
            d_units = flat @ columns[:, :width]
            mask_inactive(d_units, units)
            d_biases[layers, :width] = d_units.view(-1, batch, width).sum(1)
            d_rows[:width].addmm_(d_units.t(), mixed.view(-1, rank))
            d_mixed = (d_units @ rows[:width]).view_as(mixed)
            d_cores[layers] = torch.bmm(d_mixed.transpose(1, 2), before)
            d_codes.index_copy_(0, members, torch.bmm(d_mixed, cores[layers]))
        d_inputs = d_codes.view(n * batch, rank).t() @ x.reshape(n * batch, size)
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
    """(L + n, r, r)"""
    biases: Tensor
    """(L, W) of the hidden layers, `ABSENT` where a unit is not there."""
    output_biases: Tensor
    """(n, A)"""
    order: Batch

    @classmethod
    def of(cls, p: dict[str, Tensor], cores: Tensor, codes: Tensor, order: Batch) -> LowRankNetwork:
        """Put a network together from the decoder's parameters, and every layer's core and code of biases."""
        n, widest = len(order.architectures), order.absent.shape[1]
        biases = torch.tanh(0.2 * (codes[:-n] @ p["bias_rows"][:widest].t()))
        return cls(
            p["inputs"],
            p["columns"],
            p["rows"],
            p["outputs"],
            cores,
            biases.masked_fill(order.absent, ABSENT),
            torch.tanh(0.2 * (codes[-n:] @ p["bias_outputs"].t())),
            order,
        )

    def __call__(self, observations: Tensor) -> Tensor:
        """Return the raw outputs."""
        outputs: Tensor = Pass.apply(observations, *self)  # type: ignore[no-untyped-call]
        return outputs
