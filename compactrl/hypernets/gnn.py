"""The gated graph network that reads an MLP's chain: one pass of messages forward, one backward.

Zhang et al., "Graph hypernetworks for neural architecture search" (2018), with one round (T = 1) as in the public code of
Hegde & Sukhatme 2022. Every node starts as a linear encoding of its features; then, along the chain and back,

    m_v = relu(W2 relu(W1 h_u + b1) + b2)        the message of the node before, u
    h_v <- GRU(input m_v, state h_v)             (r, z = sigmoid(…); n = tanh(W m + b + r (U h + c)); h = n + z (h - n))

and a layer norm at the end. Both passes share all parameters.

The recurrence is twenty dependent steps on a few numbers: as single operations under autograd they took several times
what the arithmetic does. `Chain` writes its gradient out (`tests/compactrl/hypernets/test_gnn.py` holds the plain loop that
it must equal). What depends only on a node's own state, U h + c, is taken out of the loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactrl.flat import linear
from compactrl.types import Floats

CLOSED = 1e4
"""Added to the update gate of nodes that are padding: z is then exactly 1, the node keeps its state, no gradient flows."""


def shapes(features: int, size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's parameters, for F features and states of H numbers."""
    return {
        "encoder_weight": (size, features),
        "encoder_bias": (size,),
        "message1_weight": (size, size),
        "message1_bias": (size,),
        "message2_weight": (size, size),
        "message2_bias": (size,),
        "input_weight": (3 * size, size),
        "input_bias": (3 * size,),
        "state_weight": (3 * size, size),
        "state_bias": (3 * size,),
        "norm_weight": (size,),
        "norm_bias": (size,),
    }


def initial(generator: np.random.Generator, features: int, size: int) -> dict[str, Floats]:
    """Draw the first parameters, as torch's layers do."""
    drawn: dict[str, Floats] = {"norm_weight": np.ones(size), "norm_bias": np.zeros(size)}
    for name, outputs, inputs in (
        ("encoder", size, features),
        ("message1", size, size),
        ("message2", size, size),
        ("input", 3 * size, size),
        ("state", 3 * size, size),
    ):
        drawn |= {f"{name}_{part}": values for part, values in linear(generator, outputs, inputs).items()}
    return drawn


def embed(parameters: dict[str, Tensor], nodes: Tensor, lengths: Tensor) -> Tensor:
    """Return the nodes' states after both passes, (n, S, H).

    Args:
        parameters: by the names of `shapes`.
        nodes: features (n, S, F), padded at the end.
        lengths: numbers of nodes, (n,).
    """
    p = parameters
    steps = nodes.shape[1]
    h = torch.nn.functional.linear(nodes.transpose(0, 1), p["encoder_weight"], p["encoder_bias"])  # (S, n, H)
    forward = _walk(p, h[0], h[1:], None)
    h = torch.cat([h[:1], forward])
    # Back from each chain's last node: what lies behind it, and itself, stays as it is.
    before_last = torch.arange(steps - 1, device=nodes.device)[:, None] < lengths - 1  # (S - 1, n)
    backward = _walk(p, h[-1], h[:-1].flip(0), before_last.flip(0)).flip(0)
    h = torch.cat([backward, h[-1:]])
    size = h.shape[-1]
    return torch.nn.functional.layer_norm(h, (size,), p["norm_weight"], p["norm_bias"]).transpose(0, 1)


def _walk(p: dict[str, Tensor], start: Tensor, states: Tensor, active: Tensor | None) -> Tensor:
    """Pass messages from the start (n, H) along nodes with these states (k, n, H); returns their new states."""
    gates = torch.nn.functional.linear(states, p["state_weight"], p["state_bias"])  # (k, n, 3H)
    if active is not None:
        size = states.shape[-1]
        closed = torch.zeros_like(gates)
        closed[..., size : 2 * size] = torch.where(active, 0.0, CLOSED)[..., None]
        gates = gates + closed
    names = ("message1", "message2", "input")
    weights = [p[f"{name}_{part}"] for name in names for part in ("weight", "bias")]
    walked: Tensor = Chain.apply(start, states, gates, *weights)  # type: ignore[no-untyped-call]
    return walked


class Chain(torch.autograd.Function):
    """The recurrence along k nodes, with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, start: Tensor, states: Tensor, gates: Tensor,
        w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, wi: Tensor, bi: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return the new states (k, n, H)."""
        k, n, size = states.shape
        m1, m2 = (torch.empty_like(states, memory_format=torch.contiguous_format) for _ in range(2))
        rz = states.new_empty(k, n, 2 * size)
        new, out = states.new_empty(k, n, size), states.new_empty(k, n, size)
        inputs = states.new_empty(n, 3 * size)
        w1t, w2t, wit = w1.t(), w2.t(), wi.t()
        gates_rz, gates_n = gates[..., : 2 * size], gates[..., 2 * size :]
        before = start
        for t in range(k):
            torch.addmm(b1, before, w1t, out=m1[t])
            m1[t].relu_()
            torch.addmm(b2, m1[t], w2t, out=m2[t])
            m2[t].relu_()
            torch.addmm(bi, m2[t], wit, out=inputs)
            torch.add(inputs[:, : 2 * size], gates_rz[t], out=rz[t])
            rz[t].sigmoid_()
            torch.addcmul(inputs[:, 2 * size :], rz[t][:, :size], gates_n[t], out=new[t])
            new[t].tanh_()
            torch.lerp(new[t], states[t], rz[t][:, size:], out=out[t])
            before = out[t]
        ctx.save_for_backward(start, states, gates, w1, w2, wi, m1, m2, rz, new, out)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Return the gradients of all arguments."""
        start, states, gates, w1, w2, wi, m1, m2, rz, new, out = ctx.saved_tensors
        k, n, size = states.shape
        r, z, gates_n = rz[..., :size], rz[..., size:], gates[..., 2 * size :]
        # What does not depend on the gradient that comes along the chain, for all nodes at once.
        to_new = (1 - z) * (1 - new * new)
        to_z = (states - new) * z * (1 - z)
        to_r = gates_n * r * (1 - r)
        d_inputs = states.new_empty(k, n, 3 * size)
        d_m1, d_m2, d_all = (states.new_empty(k, n, size) for _ in range(3))
        carried = torch.zeros_like(start)
        for t in range(k - 1, -1, -1):
            d = torch.add(d_out[t], carried, out=d_all[t])
            d_r, d_z, d_n = d_inputs[t].split(size, 1)
            torch.mul(d, to_new[t], out=d_n)
            torch.mul(d, to_z[t], out=d_z)
            torch.mul(d_n, to_r[t], out=d_r)
            torch.mm(d_inputs[t], wi, out=d_m2[t])
            d_m2[t].masked_fill_(m2[t] <= 0, 0)
            torch.mm(d_m2[t], w2, out=d_m1[t])
            d_m1[t].masked_fill_(m1[t] <= 0, 0)
            torch.mm(d_m1[t], w1, out=carried)
        befores = torch.cat([start[None], out[:-1]]).reshape(-1, size)
        rows_1, rows_2, rows_i = d_m1.view(-1, size), d_m2.view(-1, size), d_inputs.view(-1, 3 * size)
        d_gates = d_inputs.clone()
        d_gates[..., 2 * size :] *= r
        return (
            carried, d_all * z, d_gates,
            rows_1.t() @ befores, rows_1.sum(0),
            rows_2.t() @ m1.view(-1, size), rows_2.sum(0),
            rows_i.t() @ m2.view(-1, size), rows_i.sum(0),
        )  # fmt: skip
