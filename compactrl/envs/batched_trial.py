"""What a batched environment is tried with as it is described: a start and two steps in two lanes, and all that again.

It is arrays in memory, so that it costs nothing and harms nobody to say what would fail every episode of a search
before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import AnswerError
from compactrl.envs.batched import BatchedEnvironment, CheckedLanes
from compactrl.envs.contexts import tasks_for
from compactrl.envs.probe import global_random_state_kept
from compactrl.errors import FaultError

LANES = 2


def try_batched(env: str, made: BatchedEnvironment, measures: tuple[str, ...]) -> bool:
    """Try an environment out; return whether it does the same again, from the same seeds and by the same actions.

    Args:
        env: its id.
        made: with so many lanes as `LANES`, and of no other use.
        measures: that it names.

    Raises:
        FaultError: it raises, gives arrays of other shapes or types than it must, or no finite number.
    """
    lanes, actions = CheckedLanes(made, measures), _idle(made.action_space)
    try:
        with global_random_state_kept():
            seen = _run(made, lanes, actions)
            again = _run(made, lanes, actions)
    except (AnswerError, FaultError) as error:
        raise FaultError(f"{env}: {error}") from error
    for what, values in seen:
        if not np.isfinite(values).any():
            raise FaultError(f"{env}: {what} is NaN or infinite as an episode begins: {values.ravel()[:8]}")
    return all(np.array_equal(one[1], other[1], equal_nan=True) for one, other in zip(seen, again, strict=True))


def _run(made: BatchedEnvironment, lanes: CheckedLanes, actions: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    """Begin an episode in every lane and step twice: all lanes, and one; return what was seen, and what it is."""
    every = np.arange(LANES)
    tasks = tasks_for(made, every, None)
    seen = [("the observation", np.array(lanes.reset(every.copy(), every.copy(), tasks), np.float64))]
    # Not always all of them: what is wrong with some shapes shows only then.
    for chosen in (every, every[1:]):
        observation, reward, terminated, measures = lanes.step(chosen.copy(), actions[: len(chosen)].copy())
        lanes.measured(measures, len(chosen))
        answers = (("the observation", observation), ("the reward", reward), ("what has terminated", terminated))
        seen += [(what, np.array(values, np.float64)) for what, values in answers]
    return seen


def _idle(space: Any) -> NDArray[Any]:
    """Return actions of all lanes in the middle of their bounds; the first one of discrete ones."""
    if hasattr(space, "n"):
        return np.full(LANES, space.start, space.dtype)
    low, high = (np.clip(bound, -1e6, 1e6).astype(np.float64) for bound in (space.low, space.high))
    bounded = np.isfinite(space.low) & np.isfinite(space.high)
    return np.tile(np.where(bounded, (low + high) / 2, 0.0), (LANES, 1)).astype(space.dtype)
