"""A policy as files: `stem.safetensors` (numbers) and `stem.json` (what they are)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compactrl.errors import DamagedFileError
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.storage.files import load_state, save_state
from compactrl.types import Layer, Normalizer, Size, State


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
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f"{stem.with_suffix('.json')} is not a policy: {error}") from error


def policy_state(policy: Policy) -> State:
    """Return a policy as nested state."""
    action = policy.action
    return {
        "env": policy.env,
        "method": policy.method,
        "size": policy.size._asdict(),
        "action": {
            "kind": action.kind,
            "low": np.array(action.low),
            "high": np.array(action.high),
            "choices": action.choices,
            "start": action.start,
        },
        "normalizer": policy.normalizer._asdict(),
        "layers": {str(index): layer._asdict() for index, layer in enumerate(policy.layers)},
        "design": policy.design,
        "theta": policy.theta,
        "activation": policy.activation,
    }


def policy_of(state: State) -> Policy:
    """Return the policy of `policy_state`."""
    action = state["action"]
    return Policy(
        layers=tuple(Layer(**state["layers"][str(index)]) for index in range(len(state["layers"]))),
        normalizer=Normalizer(**state["normalizer"]),
        action=ActionSpec(
            action["kind"],
            tuple(map(float, action["low"])),
            tuple(map(float, action["high"])),
            action["choices"],
            action["start"],
        ),
        env=state["env"],
        method=state["method"],
        size=Size(**state["size"]),
        design=state["design"],
        theta=state["theta"],
        activation=state.get("activation", "tanh"),  # policies of before had no other
    )
