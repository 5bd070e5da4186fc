"""Wrappers of Gymnasium's environments: answers are checked, observations are made flat, rewards are by a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces.utils import flatten, flatten_space
from numpy.typing import NDArray

from compactrl.envs.answers import AnswerError, RaisedError, begun, number, raised_in, stepped, takes_seed
from compactrl.envs.contexts import EXTRAPOLATE, own_task, reset_tasks
from compactrl.envs.only_one import Shared
from compactrl.errors import CompactrlError
from compactrl.policies.contexts import Contexts
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


class TaskFamily(gymnasium.Wrapper):  # type: ignore[misc]
    """Makes a family of tasks of an environment: rewards are computed anew, from what a step reports.

    The task is `options["task"]` of a reset, or a test task that its seed decides; `info["task"]` says which. What
    `info` says as an episode begins is not looked at: in many environments, EnvPool's too, it is zero there.

    Args:
        env: the environment.
        reward: a function of contexts (1, C), observations (1, O) after a step, actions (1, A), and `info`, each value
            with a leading axis (1, …); returns rewards (1,).
        contexts: what tells the tasks apart.
    """

    def __init__(self, env: Any, reward: Callable[..., Any], contexts: Contexts) -> None:
        super().__init__(env)
        self.contexts = contexts
        self._reward = reward
        self._tasks: Floats = np.zeros((1, contexts.size))
        self._generator = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode."""
        left = dict(options or {})
        given = reset_tasks(self._name(), self.contexts, left)
        for name in ("task", EXTRAPOLATE):
            left.pop(name, None)
        observation, info = self.env.reset(seed=seed, options=left or None)
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        self._tasks = own_task(self.contexts, self._generator)[None] if given is None else given
        return observation, {**info, "task": self._tasks[0].copy()}

    def step(self, action: Any) -> Any:
        """Take an action; what it is worth is the task's."""
        observation, _, terminated, truncated, info = self.env.step(action)
        given = (_shown(self._tasks), _shown(np.asarray(observation)[None]), _shown(np.asarray(action)[None]))
        try:
            worth = self._reward(*given, _Reported(info, self._name()))
        except (CompactrlError, AnswerError):  # say what is wrong already
            raise
        except BaseException as error:
            raise RaisedError(raised_in(error, "reward")) from error
        return observation, number("reward", worth), terminated, truncated, {**info, "task": self._tasks[0].copy()}

    def _name(self) -> str:
        return "the family" if self.spec is None else str(self.spec.id)


def _shown(rows: NDArray[Any]) -> NDArray[Any]:
    """Return what a function of the user's may look at, and not write to."""
    view = rows.view()
    view.flags.writeable = False
    return view


class _Reported(Mapping[str, Any]):
    """What a step reported, with a leading axis; who asks for more is told what there is."""

    def __init__(self, info: Mapping[str, Any], name: str) -> None:
        self._info, self._name = info, name

    def __getitem__(self, key: str) -> Any:
        if key not in self._info:
            there = ", ".join(self._info) or "nothing"
            raise AnswerError(f"the reward of {self._name} asks info for '{key}', and a step reports {there}")
        return np.asarray(self._info[key])[None]

    def __contains__(self, key: object) -> bool:
        return key in self._info

    def get(self, key: str, default: Any = None) -> Any:
        return default if key not in self._info else self[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._info)

    def __len__(self) -> int:
        return len(self._info)
