"""What an environment is tried with as it is described: that tells what its spaces do not.

Two resets with one seed; where there are goals, a few steps too, which rewards are held against. No others take steps:
a step may move a real robot, or hang, and workers are there to bear that in a search.

The environments that are tried are of no other use, so that a search meets the same episodes as without them; and
what they draw from the global state of numpy's or Python's random numbers is put back.
"""

from __future__ import annotations

import contextlib
import copy
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import raised, raised_in
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
    """What came of trying an environment with goals out."""

    steps: tuple[Step, ...] = ()
    problem: str = ""
    """What it raised; nothing if it did not."""
    repeats: bool = True
    """Whether another one did the same, from the same seeds and by the same actions."""

    @property
    def reports_success(self) -> bool:
        """Whether `info` says of these steps if they succeeded."""
        return any(success_in(step.info) is not None for step in self.steps)


def probe(env: Any, make: Callable[[], Any]) -> Probe:
    """Take a few steps in an environment with goals, and close it; raises nothing that the environment raises.

    Another one, made after that, takes the same: there may be one at a time. What both draw from one state, or each
    from a generator of its own that no seed decides, shows as a difference.

    Args:
        env: freshly made, and of no other use.
        make: makes another one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search's environments give the same ones
        tried, problem = _Trial(env), ""
        try:
            tried.run()
        except BaseException as error:
            problem = raised_in(error)
        close_quietly(env)
        return Probe(tuple(tried.steps), problem, _does_the_same(make, tried.seen))


def _does_the_same(make: Callable[[], Any], seen: list[NDArray[Any]]) -> bool:
    """Return whether another environment does what was seen of one; nothing is said of one that raises."""
    try:
        twin = make()
    except BaseException as error:
        raised(error)
        return True
    tried = _Trial(twin)
    try:
        tried.run()
    except BaseException as error:
        raised(error)
    close_quietly(twin)
    return all(np.array_equal(*pair, equal_nan=True) for pair in zip(seen, tried.seen, strict=False))


def resets_repeat(env: Any) -> bool:
    """Return whether a Gymnasium environment begins twice in the same way, from one seed; one that raises may.

    Args:
        env: with a flat observation, freshly made, and of no other use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search's environments give the same ones
        try:
            return np.array_equal(_begun(env, 0), _begun(env, 0), equal_nan=True)
        except BaseException as error:
            raised(error)
            return True


class _Trial:
    """Some steps of an environment: what it answered, and what was seen of it."""

    def __init__(self, env: Any) -> None:
        self.steps: list[Step] = []
        self.seen: list[NDArray[Any]] = []
        """(O,) as an episode begins, (O + 2,) of a step."""
        self._env = env
        self._actions = copy.deepcopy(env.action_space)  # which an environment may share with others
        self._actions.seed(0)

    def run(self) -> None:
        """Take the steps."""
        for episode in range(EPISODES):
            self.seen.append(_begun(self._env, episode))
            for _ in range(STEPS):
                step = _step(self._env, self._actions.sample())
                self.steps.append(step)
                self.seen.append(_told(step))
                if step.ended:
                    break


def _begun(env: Any, seed: int) -> NDArray[Any]:
    """Begin an episode; return what is seen, (O,)."""
    return np.array(env.reset(seed=seed)[0], np.float64)


def _told(step: Step) -> NDArray[Any]:
    """Return what a policy or its learner gets to know of a step, as one row."""
    return np.concatenate([np.ravel(step.observation), [step.reward, step.ended]])


def close_quietly(env: Any) -> None:
    """Close an environment that was tried; a search's own ones say what goes wrong there."""
    try:
        env.close()
    except BaseException as error:
        raised(error)


@contextlib.contextmanager
def global_random_state_kept() -> Iterator[None]:
    """Put the global states of numpy's and Python's random numbers back to what they were."""
    states = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


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
