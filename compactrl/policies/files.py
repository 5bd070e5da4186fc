"""A policy as files: `stem.safetensors` (numbers) and `stem.json` (what they are).

The numbers are the dense layers, and their compact form: the design, and theta, which is [weights | biases], or, where
no edge shares its weight and every layer has a bias, a layer after the other, [W1 | b1 | W2 | b2 | …]. `sharing` in
the JSON says how the index map follows from these (`SHARINGS`). Files of versions before there was that word are read
by trying which of them gives the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from compactrl.errors import DamagedFileError
from compactrl.policies.actions import ActionSpec
from compactrl.policies.patterns import PATTERNS, Pattern, stack
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import mask_index, shared_edges
from compactrl.policies.skeleton import Skeleton
from compactrl.storage.files import load_state, save_state
from compactrl.types import Design, Floats, Integers, Layer, Layers, Normalizer, Size, State

OWN, EXPLICIT = "own", "index"
"""Every edge has a weight of its own; or the map is in the file, since nothing else gives it."""
Mapped = tuple[Integers, Integers | None]
"""Index map and mask, (E,) each."""


def _patterned(pattern: Pattern) -> Callable[[Skeleton, Design], Mapped]:
    return lambda skeleton, _: (stack(pattern, skeleton.shapes)[0], None)


SHARINGS: Mapping[str, Callable[[Skeleton, Design], Mapped]] = MappingProxyType(
    {
        "design": lambda _, design: (design, None),
        "mask": lambda _, design: (mask_index(design), design),
        **{name: _patterned(pattern) for name, pattern in PATTERNS.items()},
    }
)
"""Name → the index map and the mask of a skeleton and a design (D,)."""


def save_policy(stem: Path, policy: Policy) -> None:
    """Write `stem.safetensors` (numbers) and `stem.json` (what they are)."""
    save_state(stem, policy_state(policy))


def load_policy(stem: Path) -> Policy:
    """Read what `save_policy` wrote.

    Raises:
        DamagedFileError: missing, damaged or not a policy.
    """
    try:
        return policy_of(load_state(stem))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise DamagedFileError(f"{stem.with_suffix('.json')} is not a policy: {error}") from error


def policy_state(policy: Policy) -> State:
    """Return a policy as nested state."""
    action = policy.action
    sharing = _name_of(policy)
    state: State = {
        "env": policy.env,
        "method": policy.method,
        "size": policy.size._asdict(),
        "action": {
            "kind": action.kind,
            "low": np.array(action.low),
            "high": np.array(action.high),
            "choices": action.choices,
            "start": action.start,
            **({"dtype": action.dtype} if action.dtype else {}),
        },
        "normalizer": policy.normalizer._asdict(),
        "layers": {str(index): layer._asdict() for index, layer in enumerate(policy.layers)},
        "design": policy.design,
        "theta": policy.theta,
        "activation": policy.activation,
        "container": policy.container,
        "sharing": sharing,
    }
    if sharing == EXPLICIT:
        state |= {"index": policy.index, "mask": policy.mask}
    return state


def policy_of(state: State) -> Policy:
    """Return the policy of `policy_state`.

    Raises:
        DamagedFileError: its numbers contradict each other.
    """
    action = state["action"]
    layers = tuple(Layer(**state["layers"][str(index)]) for index in range(len(state["layers"])))
    activation = state.get("activation", "tanh")  # policies of before had no other
    skeleton = Skeleton.of_layers(layers, activation)
    theta, design = np.asarray(state["theta"]), np.asarray(state["design"])
    weights, index, mask, biases = _numbers(state, skeleton, layers, theta, design)
    return Policy(
        skeleton=skeleton,
        weights=weights,
        index=index,
        mask=mask,
        biases=biases,
        normalizer=Normalizer(**state["normalizer"]),
        action=ActionSpec(
            action["kind"],
            tuple(map(float, action["low"])),
            tuple(map(float, action["high"])),
            action["choices"],
            action["start"],
            action.get("dtype", ""),  # only of integers
        ),
        env=state["env"],
        method=state["method"],
        size=Size(**state["size"]),
        design=design,
        container=state.get("container", "mixed" if activation == "relu" else "stacked"),
    ).evaluated_as(layers)


def _name_of(policy: Policy) -> str:
    """Return by which name of `SHARINGS` a policy's index map is found again."""
    if policy.index is None:
        return OWN
    for name, mapped in SHARINGS.items():
        of_design = name in ("design", "mask")
        if of_design and len(policy.design) != policy.skeleton.num_edges:
            continue
        index, mask = mapped(policy.skeleton, policy.design)
        if np.array_equal(index, policy.index) and _same(mask, policy.mask):
            return name
    return EXPLICIT


def _same(one: Integers | None, other: Integers | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _numbers(
    state: State, skeleton: Skeleton, layers: Layers, theta: Floats, design: Design
) -> tuple[Floats, Integers | None, Integers | None, Floats]:
    """Return weights (M,), index map, mask and biases (B,) of a file.

    Raises:
        DamagedFileError: they do not give the layers that the file has.
    """
    edges = np.concatenate([np.ravel(layer.weight) for layer in layers])
    name = state.get("sharing")
    tried = [name] if name is not None else [OWN, *SHARINGS]
    index: Integers | None
    mask: Integers | None
    for sharing in tried:
        if sharing == EXPLICIT:
            index, mask = np.asarray(state["index"]), state.get("mask")
        elif sharing == OWN:
            index = mask = None
        else:
            if len(design) != skeleton.num_edges and sharing in ("design", "mask"):
                continue
            index, mask = SHARINGS[sharing](skeleton, design)
        weights, biases = _cut(theta, skeleton, own=index is None)
        if _gives(edges, weights, index, mask):
            return weights, index, mask, biases
    if name is not None:
        raise DamagedFileError("theta and design do not give the policy's weights: the file was altered")
    # Of a learner whose numbers are none of these: each edge has its own.
    dense = [np.ravel(layer.bias) for layer in layers if layer.bias is not None]
    return edges, None, None, np.concatenate(dense) if dense else np.zeros(0)


def _cut(theta: Floats, skeleton: Skeleton, own: bool) -> tuple[Floats, Floats]:
    """Return weights and biases of theta (P,)."""
    if not own or not all(skeleton.biased):
        count = len(theta) - skeleton.num_biases
        return theta[:count], theta[count:]
    weights, biases, start = [], [], 0
    for outputs, inputs in skeleton.shapes:
        middle, end = start + outputs * inputs, start + outputs * (inputs + 1)
        weights.append(theta[start:middle])
        biases.append(theta[middle:end])
        start = end
    return np.concatenate(weights), np.concatenate(biases)


def _gives(edges: Floats, weights: Floats, index: Integers | None, mask: Integers | None) -> bool:
    """Return whether these numbers give the edges (E,), bit for bit."""
    if index is None:
        return len(weights) == len(edges) and np.array_equal(weights.astype(np.float32), edges)
    largest = int(index.max(initial=-1)) if mask is None else int(mask.sum()) - 1
    if len(weights) <= largest:
        return False
    return np.array_equal(shared_edges(weights, index, mask), edges)
