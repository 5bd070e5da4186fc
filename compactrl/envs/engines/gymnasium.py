"""The Gymnasium engine: any environment registered with Gymnasium, the user's own included, in this process."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines.base import Answer
from compactrl.types import Integers


class GymnasiumEngine:
    """Lanes as Gymnasium environments, stepped one after the other.

    An environment that raises does not end the search: its lane answers with the reason, and begins anew.

    Every reset is seeded, by the lane's seed and its count of resets: an environment that draws random numbers in its
    steps is then still where it should be after a fast-forward, however many steps its episodes had.

    Args:
        env: a registered id.
        seeds: one an environment.
        kwargs: options for `gymnasium.make`.
    """

    def __init__(self, env: str, seeds: list[int], kwargs: dict[str, Any]) -> None:
        from compactrl.envs.registry import make_gymnasium

        self._envs = [make_gymnasium(env, kwargs) for _ in seeds]
        self._seeds = seeds
        self._resets = [0] * len(seeds)
        self._size = int(np.prod(self._envs[0].observation_space.shape))
        self._goal_size = getattr(self._envs[0], "goal_size", 0)
        self._command: tuple[Integers, NDArray[Any] | None, NDArray[np.bool_]] | None = None

    def send(self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_]) -> None:
        """See `Engine`."""
        self._command = (lanes, actions, restart)

    def receive(self) -> Answer:
        """See `Engine`."""
        if self._command is None:
            raise RuntimeError("receive was called before send")
        lanes, actions, restart = self._command
        self._command = None
        observation = np.zeros((len(lanes), self._size))
        reward = np.zeros(len(lanes))
        done, ended = np.zeros(len(lanes), bool), np.zeros(len(lanes), bool)
        achieved = np.zeros((len(lanes), self._goal_size)) if self._goal_size else None
        errors: dict[int, str] = {}
        for position, lane in enumerate(lanes):
            try:
                if restart[position]:
                    self._resets[lane] += 1
                    seen, _ = self._envs[lane].reset(seed=_seed(self._seeds[lane], self._resets[lane]))
                else:
                    action = actions[position] if actions is not None else None
                    if isinstance(action, np.ndarray):
                        action = action.astype(self._envs[lane].action_space.dtype)
                    seen, reward[position], terminated, truncated, _ = self._envs[lane].step(action)
                    done[position], ended[position] = terminated or truncated, terminated
                flat = np.asarray(seen, np.float64).ravel()
                if flat.shape != (self._size,):
                    errors[position] = (
                        f"the environment changed its observation size from {self._size} to {flat.size} numbers"
                    )
                    continue
                observation[position] = flat
                if achieved is not None:
                    achieved[position] = self._envs[lane].achieved
            except Exception as error:
                # Whatever a user's environment raises is a failed evaluation with its reason, kept and shown.
                errors[position] = f"the environment raised {type(error).__name__}: {error}"
        return Answer(observation, reward, done, errors, ended, achieved)

    def close(self) -> None:
        """See `Engine`."""
        for env in self._envs:
            env.close()


def _seed(lane: int, resets: int) -> int:
    """Return the seed, 31 bits, of a lane's reset with this number."""
    return int(np.random.SeedSequence((lane, resets)).generate_state(1)[0] >> 1)
