"""A few steps of an environment, taken as it is described: they tell what its spaces do not.

The environment that takes them is of no other use, so that a search meets the same episodes as without them.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats

EPISODES, STEPS = 2, 10
"""At most so many steps in each of so many episodes."""
SUCCESS_KEYS = ("is_success", "success")
"""Where environments say in `info` whether an episode has succeeded, in order of preference."""


class Step(NamedTuple):
    """What an environment answered to an action."""

    observation: NDArray[Any]
    """(O,)"""
    reward: float
    ended: bool
    info: Mapping[str, Any]
    achieved: Floats | None
    """(G,) where there are goals."""


@dataclass(frozen=True)
class Probe:
    """What came of trying an environment out."""

    steps: tuple[Step, ...] = ()
    problem: str = ""
    """What it raised; nothing if it did not."""

    @property
    def reports_success(self) -> bool:
        """Whether `info` says of these steps if they succeeded."""
        return any(success_in(step.info) is not None for step in self.steps)


def probe(env: Any) -> Probe:
    """Take a few steps in a Gymnasium environment with a flat observation; raises nothing that the environment raises.

    Args:
        env: freshly made, and of no other use.
    """
    actions = copy.deepcopy(env.action_space)  # which an environment may share with others
    actions.seed(0)
    steps: list[Step] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search's environments give the same ones
        try:
            for episode in range(EPISODES):
                env.reset(seed=episode)
                for _ in range(STEPS):
                    steps.append(_step(env, actions.sample()))
                    if steps[-1].ended:
                        break
        except Exception as error:
            return Probe(tuple(steps), f"{type(error).__name__}: {error}")
    return Probe(tuple(steps))


def _step(env: Any, action: Any) -> Step:
    observation, reward, terminated, truncated, info = env.step(action)
    achieved = getattr(env, "achieved", None) if hasattr(env, "goal_size") else None
    ended = bool(terminated or truncated)
    return Step(np.array(observation), float(reward), ended, dict(info), None if achieved is None else achieved.copy())


def success_in(info: Any) -> float | None:
    """Return what `info` says of success, a number; None where it says nothing.

    Example:
        >>> success_in({"is_success": np.True_, "success": 0.0}), success_in({"success": "unknown"})
        (1.0, None)
    """
    for key in SUCCESS_KEYS if isinstance(info, Mapping) else ():
        value = np.asarray(info.get(key))
        if value.size == 1 and value.dtype.kind in "biuf":
            return float(value.item())
    return None
