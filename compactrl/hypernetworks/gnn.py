"""The gated graph network that reads an MLP's chain: one pass of messages forward, one backward.

Zhang et al., "Graph hypernetworks for neural architecture search" (2018), with one round (T = 1) as in the public
code of Hegde & Sukhatme 2022. Every node starts as a linear encoding of its features; then, along the chain and
back,

    m_v = relu(W2 relu(W1 h_u + b1) + b2)        the message of the node before, u
    h_v <- GRU(input m_v, state h_v)             (r, z = sigmoid(…); n = tanh(W m + b + r (U h + c)); h = n + z (h - n))

and a layer norm at the end. Both passes share all parameters.

The recurrence is twenty dependent steps on a few numbers, where what counts is how long a library takes to begin an
operation: numpy half as long as torch, and autograd doubles torch's. So `Embed` is one operation in numpy with its
gradient written out (`tests/compactrl/hypernets/test_gnn.py` holds the plain loop that it must equal), on a GPU's
machine too, where every step would be several launches. What depends only on a node's own state, U h + c, is taken out
of the loop; biases are a last column of weights, their inputs a column of ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactrl.networks.layout import linear
from compactrl.types import Floats, Integers

NAMES = tuple(
    f"{layer}_{part}"
    for layer in ("encoder", "message1", "message2", "input", "state", "norm")
    for part in ("weight", "bias")
)
EPSILON = 1e-5
"""Of the layer norm, torch's own."""
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


def closed_gates(lengths: Integers, steps: int) -> Floats:
    """Return what the way back adds to the update gates, (S - 1, n, 1): from each chain's last node on it moves
    nothing.

    Args:
        lengths: numbers of nodes, (n,).
        steps: S, nodes of the longest chain.
    """
    moves = np.arange(steps - 1)[:, None] < lengths - 1
    return np.where(moves, 0.0, CLOSED)[::-1, :, None]


def embed(parameters: dict[str, Tensor], nodes: Floats, closed: Floats) -> Tensor:
    """Return the nodes' states after both passes, (n, S, H), where the parameters are and of their dtype.

    Args:
        parameters: by the names of `shapes`.
        nodes: features (n, S, F), padded at the end.
        closed: of `closed_gates`.
    """
    states: Tensor = Embed.apply(nodes, closed, *(parameters[name] for name in NAMES))  # type: ignore[no-untyped-call]
    return states


class Walk:
    """A pass of messages along k nodes, and its gradient.

    Args:
        weights: of both message layers and of the GRU's inputs, each with its bias as a last column.
        start: states of the node where it begins, (n, H).
        states: of the nodes along the way, (k, n, H).
        gates: U h + c of these nodes, (k, n, 3H): of r, z and n.
    """

    def __init__(self, weights: list[Floats], start: Floats, states: Floats, gates: Floats) -> None:
        k, n, size = states.shape
        self._weights, self._states, self._gates = weights, states, gates
        self._out = np.ones((k + 1, n, size + 1), states.dtype)
        self._m1, self._m2 = (np.ones((k, n, size + 1), states.dtype) for _ in range(2))
        self._rz, self._new = np.empty((k, n, 2 * size), states.dtype), np.empty_like(states)
        w1, w2, wi = (np.ascontiguousarray(weight.T) for weight in weights)
        wi[:, : 2 * size] *= 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2
        half = 0.5 * gates[..., : 2 * size]
        message, inputs = np.empty_like(start), np.empty((n, 3 * size), states.dtype)
        inputs_rz, inputs_n = inputs[:, : 2 * size], inputs[:, 2 * size :]
        self._out[0, :, :-1] = start
        steps = zip(
            self._out[:-1], self._out[1:, :, :-1], self._m1, self._m1[..., :-1], self._m2, self._m2[..., :-1],
            half, gates[..., 2 * size :], self._rz, self._rz[..., :size], self._rz[..., size:], self._new, states,
            strict=True,
        )  # fmt: skip
        for before, after, m1, m1_in, m2, m2_in, g_rz, g_n, rz, r, z, new, state in steps:
            np.dot(before, w1, out=message)
            np.maximum(message, 0, out=m1_in)
            np.dot(m1, w2, out=message)
            np.maximum(message, 0, out=m2_in)
            np.dot(m2, wi, out=inputs)
            np.add(inputs_rz, g_rz, out=rz)
            np.tanh(rz, out=rz)
            np.multiply(rz, 0.5, out=rz)
            np.add(rz, 0.5, out=rz)
            np.multiply(r, g_n, out=new)
            np.add(new, inputs_n, out=new)
            np.tanh(new, out=new)
            np.subtract(state, new, out=message)
            np.multiply(message, z, out=message)
            np.add(message, new, out=after)

    @property
    def states(self) -> Floats:
        """The new states, (k, n, H)."""
        return self._out[1:, :, :-1]

    def gradient(self, d_states: Floats) -> tuple[list[Floats], Floats, Floats, Floats]:
        """Return the gradients of weights, start, states and gates for that of the new states (k, n, H)."""
        k, n, size = d_states.shape
        r, z, new = self._rz[..., :size], self._rz[..., size:], self._new
        # What does not depend on the gradient that comes along the chain, for all nodes at once.
        by_new = (1 - z) * (1 - new * new)
        by_z = (self._states - new) * z * (1 - z)
        by_r = self._gates[..., 2 * size :] * r * (1 - r)
        alive_1, alive_2 = ((m[..., :-1] > 0).astype(r.dtype) for m in (self._m1, self._m2))
        w1, w2, wi = (np.ascontiguousarray(weight[:, :-1]) for weight in self._weights)
        d_inputs = np.empty((k, n, 3 * size), r.dtype)
        d_m1, d_m2, d_all = (np.empty((k, n, size), r.dtype) for _ in range(3))
        carried = np.zeros((n, size), r.dtype)
        parts = (
            d_inputs, d_inputs[..., :size], d_inputs[..., size : 2 * size], d_inputs[..., 2 * size :],
            d_m1, d_m2, d_all, d_states, by_new, by_z, by_r, alive_1, alive_2,
        )  # fmt: skip
        for d_three, d_r, d_z, d_n, d_1, d_2, d, given, of_new, of_z, of_r, on_1, on_2 in zip(
            *(part[::-1] for part in parts), strict=True
        ):
            np.add(given, carried, out=d)
            np.multiply(d, of_new, out=d_n)
            np.multiply(d, of_z, out=d_z)
            np.multiply(d_n, of_r, out=d_r)
            np.dot(d_three, wi, out=d_2)
            np.multiply(d_2, on_2, out=d_2)
            np.dot(d_2, w2, out=d_1)
            np.multiply(d_1, on_1, out=d_1)
            np.dot(d_1, w1, out=carried)
        d_weights = [
            d.reshape(k * n, -1).T @ inputs.reshape(k * n, -1)
            for d, inputs in ((d_m1, self._out[:-1]), (d_m2, self._m1), (d_inputs, self._m2))
        ]
        d_gates = d_inputs
        d_gates[..., 2 * size :] *= r
        return d_weights, carried, d_all * z, d_gates


class Embed(torch.autograd.Function):
    """Both passes and the layer norm, with the gradient of the parameters."""

    @staticmethod
    def forward(ctx: Any, nodes: Floats, closed: Floats, *parameters: Tensor) -> Tensor:
        """Return the states (n, S, H)."""
        like = parameters[0]
        given = dict(zip(NAMES, (each.detach().cpu().numpy() for each in parameters), strict=True))
        dtype = given["encoder_weight"].dtype

        def layer(name: str) -> Floats:
            return np.concatenate([given[f"{name}_weight"], given[f"{name}_bias"][:, None]], axis=1)

        x = np.ones((*nodes.shape[1::-1], nodes.shape[2] + 1), dtype)  # (S, n, F + 1)
        x[..., :-1] = nodes.transpose(1, 0, 2)
        weights, state = [layer(name) for name in ("message1", "message2", "input")], layer("state")
        h = x @ layer("encoder").T
        there = Walk(weights, h[0], h[1:], h[1:] @ state[:, :-1].T + state[:, -1])
        h1 = np.concatenate([h[:1], there.states])
        gates = h1[-2::-1] @ state[:, :-1].T + state[:, -1]
        size = h.shape[-1]
        gates[..., size : 2 * size] += closed
        back = Walk(weights, h1[-1], h1[-2::-1], gates)
        h2 = np.concatenate([back.states[::-1], h1[-1:]])
        centred = h2 - h2.mean(axis=-1, keepdims=True)
        scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
        normal = centred * scale
        out = normal * given["norm_weight"] + given["norm_bias"]
        ctx.kept = (x, h, h1, there, back, state, normal, scale, given["norm_weight"].copy(), like.device)
        return torch.as_tensor(np.ascontiguousarray(out.transpose(1, 0, 2)), device=like.device)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Any, ...]:
        """Return the gradients of the parameters."""
        x, h, h1, there, back, state, normal, scale, norm_weight, device = ctx.kept
        d = d_out.detach().cpu().numpy().transpose(1, 0, 2)
        size = h.shape[-1]
        d_norm = np.stack([(d * normal).sum(axis=(0, 1)), d.sum(axis=(0, 1))])
        d = d * norm_weight
        d = scale * (d - d.mean(axis=-1, keepdims=True) - normal * (d * normal).mean(axis=-1, keepdims=True))

        def own(before: Floats, d_gates: Floats) -> tuple[Floats, Floats]:
            """Return the gradients of U with c, and of the states, through the gates."""
            flat = d_gates.reshape(-1, 3 * size)
            d_state = np.concatenate([flat.T @ before.reshape(-1, size), flat.sum(axis=0)[:, None]], axis=1)
            return d_state, d_gates @ state[:, :-1]

        d_weights, d_start, d_before, d_gates = back.gradient(np.ascontiguousarray(d[-2::-1]))
        d_state, through = own(h1[-2::-1], d_gates)
        d_h1 = np.concatenate([(d_before + through)[::-1], (d[-1] + d_start)[None]])
        d_weights_there, d_start, d_before, d_gates = there.gradient(d_h1[1:])
        d_state_there, through = own(h[1:], d_gates)
        d_h = np.concatenate([(d_h1[0] + d_start)[None], d_before + through])
        d_encoder = d_h.reshape(-1, size).T @ x.reshape(-1, x.shape[-1])
        layers = [d_encoder, *(one + two for one, two in zip(d_weights, d_weights_there, strict=True))]
        found: list[Floats] = []
        for layer in (*layers, d_state + d_state_there):
            found += [layer[:, :-1], layer[:, -1]]
        return None, None, *(torch.as_tensor(np.ascontiguousarray(each), device=device) for each in (*found, *d_norm))
