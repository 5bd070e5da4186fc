"""The EnvPool engine: a block of lanes in one pool of C++ threads.

Uses the pool's array interface (`PRIVATE`) rather than its Gymnasium face, which rebuilds dictionaries on every step.
No other file does, and a test says which versions of EnvPool that holds for (`TESTED`).

A few of EnvPool's environments draw random numbers while they are stepped (`RANDOM_STEPS`), from a generator that
cannot be seeded anew at a reset as Gymnasium's can. A search in them is as reproducible as any, but one that is resumed
meets other episodes than one that was not interrupted, and is warned of. `--engine gymnasium` is exact, where the
environment's package (Box2D, MyoSuite) is installed.

An episode that terminates at the very step of its limit is told of as cut alone: nothing in a pool's answer says more.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import raised
from compactrl.envs.engines.base import Answer
from compactrl.envs.goals import distance_goal, has_goals
from compactrl.envs.layout import goal_layout
from compactrl.envs.spec import DEFAULT_EPISODE_STEPS, EnvironmentSpec, action_spec, measure_names
from compactrl.errors import InputError, did_you_mean
from compactrl.imports.backends import any_backend
from compactrl.imports.waiting import import_envpool
from compactrl.types import Floats, Integers

TESTED = ">=1.2.5,<1.3"
"""Versions of EnvPool that this file is for."""
PRIVATE = ("_send", "_recv", "_reset", "_state_keys")
"""What of a pool is used here and is not promised to stay."""
OWN_OPTIONS = {"num_envs", "batch_size", "num_threads", "max_num_players", "thread_affinity_offset", "seed"}
"""EnvPool's options for how it steps lanes, which are not the environment's."""
UNTOLD = OWN_OPTIONS | {"base_path", "env_seed", "gym_reset_return_info", "reward_threshold"}
"""What a message does not offer."""
RANDOM_STEPS = re.compile(r"(Blackjack|LunarLander|myo\w*random).*", re.IGNORECASE)
"""Ids whose steps are random: found by comparing starts after a whole episode and after a mere reset."""


@cache
def ids() -> frozenset[str]:
    """Return every id that EnvPool knows; none where it is not installed."""
    try:
        with any_backend():
            return frozenset(import_envpool().list_all_envs())
    except ModuleNotFoundError as error:
        if error.name != "envpool":
            raise
        return frozenset()


def describe(env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
    """See `EngineKind`."""
    if env not in ids():
        return None
    import gymnasium

    envpool = import_envpool()
    for option in OWN_OPTIONS & options.keys():
        raise InputError(f"--env-options: '{option}' is compactrl's own to set; see --num-envs, --threads and --seed")
    if max_episode_steps:
        options = {**options, "max_episode_steps": max_episode_steps}
    try:
        with any_backend(), warnings.catch_warnings():  # of precision lost in bounds, which says nothing to a user
            warnings.simplefilter("ignore")
            spec = envpool.make_spec(env, **options)
            observation, action = spec.gymnasium_observation_space, spec.gymnasium_action_space
    except Exception as error:
        raise InputError(_refusal(env, options, error)) from error
    goal = None
    if env.startswith("Fetch") and has_goals(observation):
        goal = distance_goal(
            int(observation["desired_goal"].shape[0]),
            spec.config.distance_threshold,
            spec.config.reward_type == "dense",
        )
        size = int(observation["observation"].shape[0]) + goal.size
    elif isinstance(observation, gymnasium.spaces.Box) and len(observation.shape) == 1:
        size = int(observation.shape[0])
    else:
        return None  # images and other dictionaries: Gymnasium flattens what can be flattened
    limit = int(spec.config.max_episode_steps)
    limited = 0 < limit < 10**6
    if not limited:
        limit = DEFAULT_EPISODE_STEPS
    return EnvironmentSpec(
        env,
        "envpool",
        size,
        replace(action_spec(env, action), real="float32"),  # as in Gymnasium, where policies are used
        limit,
        {**options, "max_episode_steps": limit},
        goal,
        measure_names(env, (), goal),
        limited,
        resumes_exactly=not RANDOM_STEPS.fullmatch(env),
        layout=goal_layout(observation) if goal is not None else (),
    )


def _refusal(env: str, options: dict[str, Any], error: Exception) -> str:
    """Say which of these options EnvPool does not take."""
    if not options:
        return f"{env} cannot be made in EnvPool: {raised(error)}"
    envpool = import_envpool()
    taken = {name: value for name, value in envpool.make_spec(env).config._asdict().items() if name not in UNTOLD}
    for name in options.keys() - taken.keys():
        return f"{env} has no option '{name}' in EnvPool.{did_you_mean(name, taken)} It has {', '.join(taken)}"
    given = ", ".join(f"{name} {value!r}" for name, value in options.items())
    default = ", ".join(f"{name} {taken[name]!r}" for name in options)
    return (
        f"{env} does not take {given} in EnvPool ({raised(error)[:80]}…): expected the types of the defaults, {default}"
    )


def make(spec: EnvironmentSpec, seeds: list[int], threads: int) -> EnvPoolEngine:
    """See `EngineKind`."""
    return EnvPoolEngine(spec.id, seeds, threads, spec.kwargs)


class EnvPoolEngine:
    """Lanes in an EnvPool of their own; a list of seeds makes each independent of all others.

    Args:
        env: an id that EnvPool knows.
        seeds: one an environment.
        threads: that step them.
        kwargs: options of the environment, `max_episode_steps` among them.
    """

    def __init__(self, env: str, seeds: list[int], threads: int, kwargs: dict[str, Any]) -> None:
        with any_backend():  # of families of environments that import matplotlib for their pictures
            self._pool = import_envpool().make_gymnasium(
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

    def send(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None = None
    ) -> None:
        """See `Engine`."""
        if tasks is not None:
            raise InputError(
                "EnvPool's environments take no tasks: use an environment of Gymnasium's, which gets its task by "
                'reset(options={"task": …}), or a batched one'
            )
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
