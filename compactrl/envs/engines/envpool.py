"""The EnvPool engine: a block of lanes in one pool of C++ threads.

Uses the pool's array interface (`_send`, `_recv`) rather than its Gymnasium face, which rebuilds
dictionaries on every step; the pinned range of EnvPool versions in pyproject.toml covers that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines.base import Answer
from compactrl.types import Integers


class EnvPoolEngine:
    """Lanes in an EnvPool of their own; a list of seeds makes each independent of all others.

    Args:
        env: an id that EnvPool knows.
        seeds: one an environment.
        threads: that step them.
        kwargs: options of the environment, `max_episode_steps` among them.
    """

    def __init__(self, env: str, seeds: list[int], threads: int, kwargs: dict[str, Any]) -> None:
        import envpool

        self._pool = envpool.make_gymnasium(
            env, num_envs=len(seeds), num_threads=min(threads, len(seeds)), seed=seeds, **kwargs
        )
        keys = list(self._pool._state_keys)
        self._observation = [keys.index(key) for key in ("obs:observation", "obs:desired_goal") if key in keys] or [
            next(index for index, key in enumerate(keys) if key.split(":")[0] == "obs")
        ]
        self._achieved = keys.index("obs:achieved_goal") if "obs:achieved_goal" in keys else None
        self._reward, self._done, self._truncated = (keys.index(key) for key in ("reward", "done", "trunc"))
        self._action_type = self._pool.spec.action_array_spec["action"].dtype
        self._action_shape = self._pool.spec.gymnasium_action_space.shape
        self._ended = np.ones(len(seeds), bool)  # a pool resets these by itself at their next step
        self._lanes: Integers = np.zeros(0, np.int64)
        self._early: tuple[Integers, Answer] | None = None

    def send(self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_]) -> None:
        """See `Engine`."""
        self._lanes = lanes
        numbers: NDArray[np.int32] = np.asarray(lanes, np.int32)
        if restart.all():
            self._pool._reset(numbers)
            return
        forced = restart & ~self._ended[lanes]
        if forced.any():  # rare: after a failure, amid lanes that go on
            self._pool._reset(numbers[forced])
            self._early = (np.flatnonzero(forced), self._answer())
            numbers, actions = numbers[~forced], actions[~forced] if actions is not None else None
        values = np.ascontiguousarray(actions, self._action_type)
        self._pool._send([numbers, numbers, values.reshape(len(numbers), *self._action_shape)])

    def receive(self) -> Answer:
        """See `Engine`."""
        answer = self._answer()
        if self._early is not None:
            where, early = self._early
            self._early = None
            rest = np.setdiff1d(np.arange(len(self._lanes)), where)
            observation, reward, done, terminated, achieved = (
                _merged(len(self._lanes), where, getattr(early, name), rest, getattr(answer, name))
                for name in ("observation", "reward", "done", "terminated", "achieved")
            )
            answer = Answer(observation, reward, done, {}, terminated, achieved)
        self._ended[self._lanes] = answer.done
        return answer

    def close(self) -> None:
        """See `Engine`."""
        self._pool.close()
        del self._pool  # its environments' memory goes with it, not with the last reference to this engine

    def _answer(self) -> Answer:
        state = self._pool._recv()
        parts = [state[index] for index in self._observation]
        observation = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if observation.dtype != np.float64:
            observation = observation.astype(np.float64)
        done = state[self._done]
        achieved = None if self._achieved is None else np.asarray(state[self._achieved], np.float64)
        return Answer(observation, state[self._reward], done, {}, done & ~state[self._truncated], achieved)


def _merged(count: int, where: Integers, first: Any, rest: Integers, second: Any) -> Any:
    """Return an array of `count` rows with `first` at `where` and `second` at the rest; None of Nones."""
    if first is None:
        return None
    whole = np.empty((count, *first.shape[1:]), first.dtype)
    whole[where], whole[rest] = first, second
    return whole
