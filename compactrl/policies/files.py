"""A policy as files: `stem.safetensors` (numbers) and `stem.json` (what they are).

A file has the dense layers, the design, and theta, which is the distinct numbers: [weights | biases]; interleaved,
[W1 | b1 | W2 | b2 | …], where no edge shares its weight and every layer has a bias.

The index map and the mask are computed again from the skeleton and the design wherever that is possible; the word
`sharing` says how (`words`).

Reading checks that the numbers give the dense layers. Files of earlier versions have no word `sharing`: the first one
that gives the layers is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compactrl.errors import DamagedFileError, InputError
from compactrl.policies.actions import ActionSpec
from compactrl.policies.observations import layout_from
from compactrl.policies.places import ENDINGS, stem_of
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import shared_edges
from compactrl.policies.skeleton import Skeleton, edges_and_biases
from compactrl.policies.words import EXPLICIT, OWN, SHARINGS, IndexAndMask
from compactrl.policies.zoo import located
from compactrl.storage.files import load_state, save_state
from compactrl.types import Floats, Integers, Layer, Layers, Normalizer, Size, State


def save_policy(stem: Path, policy: Policy) -> None:
    """Write `stem.safetensors` (numbers) and `stem.json` (what they are)."""
    save_state(stem, policy.state_dict())


def load_policy(path: str | Path) -> Policy:
    """Read what `Policy.save` wrote.

    Args:
        path: a folder with policy.json and policy.safetensors, such as a run's, or one of these two files, whatever
            their name; or that name without its ending; or the name of a policy that ships (`zoo:CartPole-v1/64B`).

    Raises:
        InputError: there is no such file, or no such policy ships.
        DamagedFileError: damaged, or not a policy.
    """
    path = located(path)
    stem = stem_of(path) if path.is_dir() or path.suffix in ENDINGS else path
    if not any(stem.with_suffix(ending).exists() for ending in ENDINGS):
        raise InputError(
            f"{path} holds no policy: expected a folder with policy.json and policy.safetensors, or one of these files"
        )
    try:
        return policy_of(load_state(stem))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise DamagedFileError(f"{stem.with_suffix('.json')} is not a policy: {error}") from error


def policy_of(state: State) -> Policy:
    """Return the policy of `Policy.state_dict`.

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
            action.get("real", "float32"),
        ),
        env=state["env"],
        method=state["method"],
        size=Size(**state["size"]),
        design=np.asarray(state["design"]),
        names=_names(state.get("observation_names", {})),
        container=state.get("container", "mixed" if activation == "relu" else "stacked"),
        layout=layout_from(state.get("layout", "[]")),
        context=np.asarray(state["context"]) if "context" in state else None,
    ).evaluated_as(layers)


def _names(named: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(named[str(place)] for place in range(len(named)))


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
