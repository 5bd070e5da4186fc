"""The gated graph network that reads an MLP's chain: one pass of messages forward, one backward.

Zhang et al., "Graph hypernetworks for neural architecture search" (2018), with one round (T = 1) as in the public
code of Hegde & Sukhatme 2022. Every node starts as a linear encoding of its features, and of what all nodes of its MLP
are told, if anything: the context of a task (`compressions/hypernet_tasks.py`). Then messages go along the chain, and
back:

    m_v = relu(W2 relu(W1 h_u + b1) + b2)        the message of the node before, u
    h_v <- GRU(input m_v, state h_v)             (r, z = sigmoid(…); n = tanh(W m + b + r (U h + c)); h = n + z (h - n))

A layer norm ends it. Both passes share all parameters. `plain_embed` is these equations and nothing else.

The recurrence is twenty dependent steps on a few numbers. What counts is how long a library takes to begin an
operation: numpy takes half as long as torch, and autograd doubles torch's time. So `Embed` is one operation in numpy,
with its gradient written out (`walks.py` has a pass); the tests compare both with `plain_embed` and autograd, which is
also what gradients of that gradient go through. On a GPU's machine it runs on the CPU, too, since every step would be
several launches. What depends only on a node's own state, U h + c, is computed before the loop. Biases are a last
column of weights, and their inputs a column of ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactrl.hypernetworks.walks import Walk, WalkGradient, walk_layers
from compactrl.networks.layout import linear
from compactrl.types import Floats, Integers

NAMES = (
    *(
        f"{layer}_{part}"
        for layer in ("encoder", "message1", "message2", "input", "state", "norm")
        for part in ("weight", "bias")
    ),
    "told_weight",
)
EPSILON = 1e-5
"""Of the layer norm, torch's own."""
CLOSED = 1e4
"""Added to the update gate of padding: z is exactly 1, the node keeps its state, and no gradient flows."""


def shapes(features: int, size: int, told: int = 0) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's parameters, for F features, states of H numbers, and C that nodes are told."""
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
        "told_weight": (size, told),
    }


def initial(generator: np.random.Generator, features: int, size: int, told: int = 0) -> dict[str, Floats]:
    """Draw the first parameters, as torch's layers do; what nodes are told changes nothing at first."""
    drawn: dict[str, Floats] = {"norm_weight": np.ones(size), "norm_bias": np.zeros(size)}
    drawn["told_weight"] = np.zeros((size, told))
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
    """Return what the second pass adds to the update gates, (S - 1, n, 1): it changes no node after a chain's end.

    Args:
        lengths: numbers of nodes, (n,).
        steps: S, nodes of the longest chain.
    """
    changes = np.arange(steps - 1)[:, None] < lengths - 1
    return np.where(changes, 0.0, CLOSED)[::-1, :, None]


def embed(parameters: Mapping[str, Tensor], nodes: Floats, closed: Floats, told: Floats | None = None) -> Tensor:
    """Return the nodes' states after both passes, (n, S, H), where the parameters are and of their dtype.

    Args:
        parameters: by the names of `shapes`.
        nodes: features (n, S, F), padded at the end.
        closed: of `closed_gates`.
        told: what all nodes of a chain are told, (n, C); None where C is 0.
    """
    told = np.zeros((len(nodes), 0)) if told is None else told
    given = (parameters[name] for name in NAMES)
    states: Tensor = Embed.apply(nodes, closed, told, *given)  # type: ignore[no-untyped-call]
    return states


def plain_pass(parameters: Mapping[str, Tensor], states: Tensor, closed: Tensor | None = None) -> Tensor:
    """Return the states (S, …, H) of chains after one pass of messages: the equations, a node at a time.

    For the pass back, turn the states around; chains that end earlier need closed gates (`closed_gates`).
    """
    linear_map, p = torch.nn.functional.linear, parameters
    after = [states[0]]
    for step, state in enumerate(states[1:]):
        hidden = linear_map(after[-1], p["message1_weight"], p["message1_bias"]).relu()
        message = linear_map(hidden, p["message2_weight"], p["message2_bias"]).relu()
        input_r, input_z, input_n = linear_map(message, p["input_weight"], p["input_bias"]).chunk(3, -1)
        state_r, state_z, state_n = linear_map(state, p["state_weight"], p["state_bias"]).chunk(3, -1)
        r = torch.sigmoid(input_r + state_r)
        z = torch.sigmoid(input_z + state_z if closed is None else input_z + state_z + closed[step])
        n = torch.tanh(input_n + r * state_n)
        after.append(n + z * (state - n))
    return torch.stack(after)


def plain_embed(parameters: Mapping[str, Tensor], nodes: Floats, closed: Floats, told: Floats) -> Tensor:
    """Return what `embed` does, in operations of torch: for gradients of gradients, which it has no other way to."""
    p, like = parameters, parameters["encoder_weight"]
    features = torch.as_tensor(nodes, dtype=like.dtype, device=like.device).transpose(0, 1)  # (S, n, F)
    gates = torch.as_tensor(np.ascontiguousarray(closed), dtype=like.dtype, device=like.device)
    encoded = torch.nn.functional.linear(features, p["encoder_weight"], p["encoder_bias"])
    encoded = encoded + torch.as_tensor(told, dtype=like.dtype, device=like.device) @ p["told_weight"].t()
    last = plain_pass(p, plain_pass(p, encoded).flip(0), gates).flip(0)
    size = (last.shape[-1],)
    return torch.nn.functional.layer_norm(last, size, p["norm_weight"], p["norm_bias"], EPSILON).transpose(0, 1)


class Embed(torch.autograd.Function):
    """Both passes and the layer norm, with the gradient of the parameters."""

    @staticmethod
    def forward(ctx: Any, nodes: Floats, closed: Floats, told: Floats, *parameters: Tensor) -> Tensor:
        """Return the states (n, S, H)."""
        ctx.save_for_backward(*parameters)
        ctx.inputs = nodes, closed, told
        device = parameters[0].device
        arrays = dict(zip(NAMES, (parameter.detach().cpu().numpy() for parameter in parameters), strict=True))

        def layer(name: str) -> Floats:
            return np.concatenate([arrays[f"{name}_weight"], arrays[f"{name}_bias"][:, None]], axis=1)

        features = np.ones((*nodes.shape[1::-1], nodes.shape[2] + 1), arrays["encoder_weight"].dtype)  # (S, n, F + 1)
        features[..., :-1] = nodes.transpose(1, 0, 2)
        weights, state_layer = [layer(name) for name in ("message1", "message2", "input")], layer("state")

        def gates(states: Floats) -> Floats:
            own: Floats = states @ state_layer[:, :-1].T + state_layer[:, -1]
            return own

        encoded, layers = features @ layer("encoder").T, walk_layers(weights)
        encoded += told.astype(encoded.dtype) @ arrays["told_weight"].T
        first = Walk(layers, encoded[0], encoded[1:], gates(encoded[1:]))
        middle = np.concatenate([encoded[:1], first.states])
        turned = middle[-2::-1]
        second_gates, size = gates(turned), encoded.shape[-1]
        second_gates[..., size : 2 * size] += closed
        second = Walk(layers, middle[-1], turned, second_gates)
        last = np.concatenate([second.states[::-1], middle[-1:]])

        centred = last - last.mean(axis=-1, keepdims=True)
        scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
        normal = centred * scale
        out = normal * arrays["norm_weight"] + arrays["norm_bias"]
        norm_weight = arrays["norm_weight"].copy()
        ctx.kept = (features, encoded, middle, first, second, weights, state_layer, normal, scale, norm_weight, device)
        return torch.as_tensor(np.ascontiguousarray(out.transpose(1, 0, 2)), device=device)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Any, ...]:
        """Return the gradients of the parameters."""
        if torch.is_grad_enabled():  # they are to have gradients themselves
            parameters = ctx.saved_tensors
            states = plain_embed(dict(zip(NAMES, parameters, strict=True)), *ctx.inputs)
            return None, None, None, *torch.autograd.grad(states, parameters, d_out, create_graph=True)
        features, encoded, middle, first, second, weights, state_layer, normal, scale, norm_weight, device = ctx.kept
        size, matrices = encoded.shape[-1], [np.ascontiguousarray(weight[:, :-1]) for weight in weights]

        def through_gates(states: Floats, d_gates: Floats) -> tuple[Floats, Floats]:
            """Return the gradients of U with c, and of the states, for that of U h + c."""
            flat = d_gates.reshape(-1, 3 * size)
            d_layer = np.concatenate([flat.T @ states.reshape(-1, size), flat.sum(axis=0)[:, None]], axis=1)
            return d_layer, d_gates @ state_layer[:, :-1]

        d = d_out.detach().cpu().numpy().transpose(1, 0, 2)
        d_norm = np.stack([(d * normal).sum(axis=(0, 1)), d.sum(axis=(0, 1))])
        d = d * norm_weight
        d_last = scale * (d - d.mean(axis=-1, keepdims=True) - normal * (d * normal).mean(axis=-1, keepdims=True))

        of_second = WalkGradient(second, np.ascontiguousarray(d_last[-2::-1]), matrices)
        d_state_layer, d_turned = through_gates(middle[-2::-1], of_second.gates)
        d_turned = of_second.states + d_turned
        d_middle = np.concatenate([d_turned[::-1], (d_last[-1] + of_second.start)[None]])

        of_first = WalkGradient(first, d_middle[1:], matrices)
        d_state_layer_first, d_along = through_gates(encoded[1:], of_first.gates)
        d_encoded = np.concatenate([(d_middle[0] + of_first.start)[None], of_first.states + d_along])

        d_told = d_encoded.sum(axis=0).T @ ctx.inputs[2].astype(d_encoded.dtype)
        d_encoder = d_encoded.reshape(-1, size).T @ features.reshape(-1, features.shape[-1])
        d_walks = [one + other for one, other in zip(of_second.weights, of_first.weights, strict=True)]
        d_layers = [d_encoder, *d_walks, d_state_layer + d_state_layer_first]
        in_order = [part for layer in d_layers for part in (layer[:, :-1], layer[:, -1])]
        gradients = (*in_order, *d_norm, d_told)
        return None, None, None, *(torch.as_tensor(np.ascontiguousarray(part), device=device) for part in gradients)
