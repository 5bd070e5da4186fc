"""Whether two processes have the same environment: by what they say of it, and by what it does.

An id says little: a script may have registered it anew, with another limit or a heavier robot, and another process then
learns in another environment than the one that judges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.given import exists_once
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError
from compactrl.exports.rollouts import Starts, roll_out
from compactrl.searches.baselines import random_actions
from compactrl.types import Floats

EPISODES, STEPS = 2, 10
"""Of random actions, which are the same everywhere."""


def likeness(environment: Mapping[str, Any]) -> str | None:
    """Return what an environment is and does, in few letters; None where it is not, raises, or exists once.

    Args:
        environment: options that name it.
    """
    try:
        spec = environment_of({**environment, "max_envs": 0})
        return None if exists_once(spec.id) else f"{_told(spec)} {_done(spec)}"
    except CompactrlError:
        return None


def _told(spec: EnvironmentSpec) -> str:
    return repr({each.name: getattr(spec, each.name) for each in fields(spec) if each.compare})


def _done(spec: EnvironmentSpec) -> str:
    drawn = iter(np.swapaxes(random_actions(spec.action, EPISODES, STEPS + 1, seed=0), 0, 1))

    def act(observations: Floats) -> NDArray[Any]:
        actions: NDArray[Any] = next(drawn)[: len(observations)]
        return actions

    rolled = roll_out(Starts(spec, np.random.SeedSequence(0)), act, EPISODES, STEPS)
    return hashlib.sha256(rolled.observations.tobytes() + rolled.returns.tobytes()).hexdigest()[:16]
