"""`compactrl.zoo` and `compactrl zoo`: what is known of the policies that ship in the package."""

from __future__ import annotations

from typing import NamedTuple

from compactrl.errors import InputError
from compactrl.policies.zoo import PREFIX, names
from compactrl.runs.run import Run


class Shipped(NamedTuple):
    """A policy that ships: `compactrl.load(it.name)` opens it."""

    name: str
    """Such as zoo:CartPole-v1/64B."""
    env: str
    bytes: int
    """What its tables take."""
    method: str
    parameters: int
    return_mean: float
    """Over fresh episodes that no choice was based on."""
    return_std: float
    episodes: int


def zoo(pattern: str = "") -> list[Shipped]:
    """Return the policies that ship, those of an environment from small to large.

    Args:
        pattern: only names with this in them, in any case of letters.

    Raises:
        InputError: no name has it.

    Example:
        >>> [policy.name for policy in zoo("cartpole")]
        ['zoo:CartPole-v1/64B']
    """
    found = [PREFIX + name for name in names() if pattern.lower() in name.lower()]
    if not found:
        raise InputError(f"no policy that ships has '{pattern}' in its name: `compactrl zoo` without it lists all")
    return [_shipped(name) for name in found]


def _shipped(name: str) -> Shipped:
    summary = Run(name).summary
    return Shipped(name, *(summary[field] for field in Shipped._fields[1:]))
