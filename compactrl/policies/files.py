"""A policy as files: `stem.safetensors` (numbers) and `stem.json` (what they are).

A file has the dense layers, the design, and theta, which is the distinct numbers: [weights | biases]; interleaved,
[W1 | b1 | W2 | b2 | …], where no edge shares its weight and every layer has a bias.

The index map and the mask are computed again from the skeleton and the design wherever that is possible. The word
`sharing` says how:

- `own`: every edge has its own weight, there is no index map;
- a name of `SHARINGS`: by that function. A new fixed pattern is a row of `compactrl.policies.patterns.PATTERNS`;
- `index`: none of these gives the map, so that the file has it, under `index` and `mask`.

Reading checks that the numbers give the dense layers. Files of earlier versions have no word `sharing`: the first one
that gives the layers is taken.
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
from compactrl.policies.skeleton import Skeleton, edges_and_biases
from compactrl.storage.files import load_state, save_state
from compactrl.types import Design, Floats, Integers, Layer, Layers, Normalizer, Size, State

OWN, EXPLICIT = "own", "index"
IndexAndMask = tuple[Integers | None, Integers | None]
"""(E,) each; the index is None where every edge has its own weight, the mask where every edge is kept."""


def _of_design(skeleton: Skeleton, design: Design) -> IndexAndMask | None:
    return (design, None) if len(design) == skeleton.num_edges else None


def _of_mask(skeleton: Skeleton, design: Design) -> IndexAndMask | None:
    return (mask_index(design), design) if len(design) == skeleton.num_edges else None


def _of_pattern(pattern: Pattern) -> Callable[[Skeleton, Design], IndexAndMask | None]:
    return lambda skeleton, _: (stack(pattern, skeleton.shapes)[0], None)


SHARINGS: Mapping[str, Callable[[Skeleton, Design], IndexAndMask | None]] = MappingProxyType(
    {
        "design": _of_design,
        "mask": _of_mask,
        **{name: _of_pattern(pattern) for name, pattern in PATTERNS.items()},
    }
)
"""Name → the index map and the mask of a skeleton and a design (D,); None where the design is not one number per edge.
"""


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
    sharing = _sharing_of(policy)
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
        **(
            {"observation_names": {str(place): name for place, name in enumerate(policy.names)}} if policy.names else {}
        ),
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
    activation = state.get("activation", "tanh")  # earlier versions had no other
    skeleton = Skeleton.of_layers(layers, activation)
    weights, biases, (index, mask) = _numbers(state, skeleton, layers)
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
        design=np.asarray(state["design"]),
        names=_names(state.get("observation_names", {})),
        container=state.get("container", "mixed" if activation == "relu" else "stacked"),
    ).evaluated_as(layers)


def _names(named: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(named[str(place)] for place in range(len(named)))


def _sharing_of(policy: Policy) -> str:
    """Return the word that says how a policy's index map is computed again."""
    if policy.index is None:
        return OWN
    for name, index_and_mask in SHARINGS.items():
        computed = index_and_mask(policy.skeleton, policy.design)
        if computed and _same(computed[0], policy.index) and _same(computed[1], policy.mask):
            return name
    return EXPLICIT


def _same(one: Integers | None, other: Integers | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _numbers(state: State, skeleton: Skeleton, layers: Layers) -> tuple[Floats, Floats, IndexAndMask]:
    """Return weights (M,), biases (B,), and index map and mask of a file.

    Raises:
        DamagedFileError: they do not give the layers that the file has.
    """
    theta = np.asarray(state["theta"])
    edges, biases_of_layers = edges_and_biases(layers)
    recorded = state.get("sharing")
    for sharing in (OWN, *SHARINGS) if recorded is None else (recorded,):
        index_and_mask = _index_and_mask(sharing, state, skeleton)
        if index_and_mask is None:
            continue
        weights, biases = _cut(theta, skeleton, own=index_and_mask[0] is None)
        if _give(edges, weights, *index_and_mask):
            return weights, biases, index_and_mask
    if recorded is not None:
        raise DamagedFileError("theta and design do not give the policy's weights: the file was altered")
    # An earlier version, and a learner whose theta is none of these: each edge keeps the weight that it has.
    return edges, biases_of_layers, (None, None)


def _index_and_mask(sharing: str, state: State, skeleton: Skeleton) -> IndexAndMask | None:
    """Return what a file's `sharing` stands for; None where its design is not one number per edge."""
    if sharing == OWN:
        return None, None
    if sharing == EXPLICIT:
        return np.asarray(state["index"]), state["mask"]
    return SHARINGS[sharing](skeleton, np.asarray(state["design"]))


def _cut(theta: Floats, skeleton: Skeleton, own: bool) -> tuple[Floats, Floats]:
    """Return the weights and the biases of theta (P,)."""
    if own and all(skeleton.biased) and len(theta) == skeleton.num_edges + skeleton.num_biases:
        return edges_and_biases(skeleton.layers_of_interleaved(theta))
    num_weights = len(theta) - skeleton.num_biases
    return theta[:num_weights], theta[num_weights:]


def _give(edges: Floats, weights: Floats, index: Integers | None, mask: Integers | None) -> bool:
    """Return whether these weights give the edges (E,), bit for bit."""
    if index is None:
        return len(weights) == len(edges) and np.array_equal(weights.astype(np.float32), edges, equal_nan=True)
    kept = index if mask is None else index[mask.astype(bool)]
    if len(weights) <= kept.max(initial=-1):
        return False
    return np.array_equal(shared_edges(weights, index, mask), edges, equal_nan=True)
