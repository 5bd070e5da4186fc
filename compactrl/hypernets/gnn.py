"""The gated graph network that reads an MLP's chain: one pass of messages forward, one backward.

Zhang et al., "Graph hypernetworks for neural architecture search" (2018), with one round (T = 1) as in the public
code of Hegde & Sukhatme 2022. Every node starts as a linear encoding of its features; then, along the chain and
back,

    m_v = relu(W2 relu(W1 h_u + b1) + b2)        the message of the node before, u
    h_v <- GRU(input m_v, state h_v)             (r, z = sigmoid(…); n = tanh(W m + b + r (U h + c)); h = n + z (h - n))

and a layer norm at the end. Both passes share all parameters.

The recurrence is twenty dependent steps on a few numbers: as single operations under autograd they took several times
what the arithmetic does. `Chain` writes its gradient out (`tests/compactrl/hypernets/test_gnn.py` holds the plain
loop that it must equal). What depends only on a node's own state, U h + c, is taken out of the loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactrl.flat import linear
from compactrl.types import Floats

CLOSED = 1e4
"""Added to the update gate of nodes that are padding: z is exactly 1, the node keeps its state, no gradient flows."""


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


def closed_gates(lengths: Tensor, steps: int) -> Tensor:
    """Return what the way back adds to the update gates, (S - 1, n, 1): from each chain's last node on it moves
    nothing.

    Args:
        lengths: numbers of nodes, (n,).
        steps: S, nodes of the longest chain.
    """
    moves = torch.arange(steps - 1, device=lengths.device)[:, None] < lengths - 1
    return torch.where(moves, 0.0, CLOSED).flip(0)[..., None]


def embed(parameters: dict[str, Tensor], nodes: Tensor, closed: Tensor) -> Tensor:
    """Return the nodes' states after both passes, (n, S, H).

    Args:
        parameters: by the names of `shapes`.
        nodes: features (n, S, F), padded at the end.
        closed: of `closed_gates`.
    """
    p = parameters
    h = torch.nn.functional.linear(nodes.transpose(0, 1), p["encoder_weight"], p["encoder_bias"])  # (S, n, H)
    forward = _walk(p, h[0], h[1:], None)
    h = torch.cat([h[:1], forward])
    backward = _walk(p, h[-1], h[:-1].flip(0), closed).flip(0)
    h = torch.cat([backward, h[-1:]])
    size = h.shape[-1]
    return torch.nn.functional.layer_norm(h, (size,), p["norm_weight"], p["norm_bias"]).transpose(0, 1)


def _walk(p: dict[str, Tensor], start: Tensor, states: Tensor, closed: Tensor | None) -> Tensor:
    """Pass messages from the start (n, H) along nodes with these states (k, n, H); returns their new states."""
    gates = torch.nn.functional.linear(states, p["state_weight"], p["state_bias"])  # (k, n, 3H)
    if closed is not None:
        size = states.shape[-1]
        gates = torch.cat([gates[..., :size], gates[..., size : 2 * size] + closed, gates[..., 2 * size :]], -1)
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
        m1, m2, new, out = (states.new_empty(k, n, size) for _ in range(4))
        rz, inputs = states.new_empty(k, n, 2 * size), states.new_empty(n, 3 * size)
        w1t, w2t, wit = w1.t(), w2.t(), wi.t()
        inputs_rz, inputs_n = torch.split(inputs, [2 * size, size], 1)
        r, z = rz.chunk(2, 2)
        gates_rz, gates_n = torch.split(gates, [2 * size, size], 2)
        before = start
        # Views are cut once: cutting them anew in each step took as long as the arithmetic.
        for first, second, gate, r_t, z_t, g_rz, g_n, fresh, state, after in zip(
            *(part.unbind(0) for part in (m1, m2, rz, r, z, gates_rz, gates_n, new, states, out)), strict=True
        ):
            torch.addmm(b1, before, w1t, out=first)
            first.relu_()
            torch.addmm(b2, first, w2t, out=second)
            second.relu_()
            torch.addmm(bi, second, wit, out=inputs)
            torch.add(inputs_rz, g_rz, out=gate)
            gate.sigmoid_()
            torch.addcmul(inputs_n, r_t, g_n, out=fresh)
            fresh.tanh_()
            torch.lerp(fresh, state, z_t, out=after)
            before = after
        ctx.save_for_backward(start, states, gates, w1, w2, wi, m1, m2, rz, new, out)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of all arguments."""
        start, states, gates, w1, w2, wi, m1, m2, rz, new, out = ctx.saved_tensors
        k, n, size = states.shape
        r, z, gates_n = rz[..., :size], rz[..., size:], gates[..., 2 * size :]
        # What does not depend on the gradient that comes along the chain, for all nodes at once.
        to_new = (1 - z) * (1 - new * new)
        to_z = (states - new) * z * (1 - z)
        to_r = gates_n * r * (1 - r)
        alive_1, alive_2 = (m1 > 0).to(m1.dtype), (m2 > 0).to(m2.dtype)
        d_inputs = states.new_empty(k, n, 3 * size)
        d_m1, d_m2, d_all = (states.new_empty(k, n, size) for _ in range(3))
        carried = torch.zeros_like(start)
        parts = (*d_inputs.chunk(3, 2), d_inputs, d_m1, d_m2, d_all, d_out, to_new, to_z, to_r, alive_1, alive_2)
        for d_r, d_z, d_n, d_three, d_1, d_2, d, given, by_new, by_z, by_r, on_1, on_2 in zip(
            *(part.unbind(0)[::-1] for part in parts), strict=True
        ):
            torch.add(given, carried, out=d)
            torch.mul(d, by_new, out=d_n)
            torch.mul(d, by_z, out=d_z)
            torch.mul(d_n, by_r, out=d_r)
            torch.mm(d_three, wi, out=d_2)
            d_2.mul_(on_2)
            torch.mm(d_2, w2, out=d_1)
            d_1.mul_(on_1)
            torch.mm(d_1, w1, out=carried)
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
