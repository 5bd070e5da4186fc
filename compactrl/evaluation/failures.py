"""What counts as a failed evaluation, and the reasons that are kept and shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.types import Floats

HUGE = 1e10
"""Numbers beyond this mean that the simulation has diverged (MuJoCo's own limit for a bad state)."""
DIVERGED = "the environment returned NaN, infinite or huge observations: the simulation diverged"
NO_ACTION = "the policy gave NaN or infinite outputs"


def diverged(observation: Floats, reward: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of n answers, observation (n, O) and reward (n,), hold NaN, infinite or huge numbers."""
    return np.asarray(~(np.abs(observation).max(axis=1) < HUGE) | ~(np.abs(reward) < HUGE))


def reasons_of(observation: Floats, reward: NDArray[Any]) -> dict[int, str]:
    """Return why answers failed by what they hold, observation (n, O) and reward (n,): position → the reason."""
    return {
        int(at): DIVERGED
        if diverged(observation[at : at + 1], np.zeros(1)).any()
        else f"the environment's reward is {reward[at]:g}, where its observation is finite: expected a number below "
        f"{HUGE:g}, so look at how the reward is computed"
        for at in np.flatnonzero(diverged(observation, reward))
    }
