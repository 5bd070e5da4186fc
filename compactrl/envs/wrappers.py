"""Wrappers of Gymnasium's environments: what they answer is checked, and their observations are made flat."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces.utils import flatten, flatten_space

from compactrl.envs.answers import AnswerError, begun, stepped, takes_seed
from compactrl.envs.only_one import Shared
from compactrl.types import Floats


class Checked(gymnasium.Wrapper):  # type: ignore[misc]  # (Gymnasium is not followed by the type checker)
    """Stands next to the environment itself: other wrappers take apart what it answers, and would fail with less."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._takes_seed = takes_seed(env.reset)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode."""
        if not self._takes_seed:
            raise AnswerError(
                "the environment's reset takes no seed, as in the old gym: expected reset(self, *, seed=None, "
                "options=None)"
            )
        given = {} if options is None else {"options": options}
        return begun(self.env.reset(seed=seed, **given))

    def step(self, action: Any) -> Any:
        """Take an action."""
        return stepped(self.env.step(action))


def checked(made: Any) -> Any:
    """Return an environment that `gymnasium.make` has made, with `Checked` under its other wrappers.

    One that exists once is its user's, and is left as it is: there `Checked` stands around all of it.
    """
    if not isinstance(made, gymnasium.Wrapper):
        return Checked(made)
    innermost = made
    while isinstance(innermost.env, gymnasium.Wrapper) and not isinstance(innermost, Shared):
        innermost = innermost.env
    innermost.env = Checked(innermost.env)
    return made


class FlatObservation(gymnasium.ObservationWrapper):  # type: ignore[misc]
    """Flattens an observation as Gymnasium does, and says so where it does not fit its space."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._space = env.observation_space
        self.observation_space = flatten_space(self._space)

    def observation(self, observation: Any) -> Any:
        """Return it flat, (O,)."""
        try:
            return flatten(self._space, observation)
        except Exception as error:
            raise AnswerError(
                f"the environment's observation is not one of its observation_space, {self._space} "
                f"({type(error).__name__}: {error})"
            ) from error


class GoalObservation(gymnasium.ObservationWrapper):  # type: ignore[misc]
    """Flattens a goal environment's observation; `achieved` is the goal that the last step achieved, (G,)."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.goal_space = env.observation_space["desired_goal"]
        self.goal_size = int(np.prod(self.goal_space.shape))
        size = int(np.prod(env.observation_space["observation"].shape)) + self.goal_size
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.achieved: Floats = np.zeros(self.goal_size)

    def observation(self, observation: Any) -> Floats:
        """Return [observation | desired goal]."""
        try:
            self.achieved = np.asarray(observation["achieved_goal"], np.float64).ravel()
            return np.concatenate([np.ravel(observation["observation"]), np.ravel(observation["desired_goal"])])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise AnswerError(
                "the environment's observation is not one of its observation_space, with numbers as observation, "
                f"achieved_goal and desired_goal ({type(error).__name__}: {error})"
            ) from error
