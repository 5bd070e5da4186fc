"""The batched engine: environments that step all lanes in one call on arrays (`compactrl.envs.batched`).

Every reset is seeded, by the lane's seed and its count of resets (`reset_seed`). Episodes are cut by counting steps.
What an environment raises fails the episodes of all lanes of that call: it cannot be told whose doing it was. What it
returns in another shape or type ends the search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import raised_in, reason_of
from compactrl.envs.batched import BATCHED, BatchedEnvironment, CheckedLanes, close
from compactrl.envs.batched_trial import LANES, try_batched
from compactrl.envs.contexts import checked_contexts, tasks_for
from compactrl.envs.engines.base import Answer, DeferredEngine, reset_seed
from compactrl.envs.spec import EnvironmentSpec, action_spec, lower_is_better, measure_names
from compactrl.errors import InputError
from compactrl.types import Floats, Integers


def ids() -> frozenset[str]:
    """Return every id that is registered, compactrl's own included."""
    import compactrl.envs.families
    import compactrl.envs.robots
    import compactrl.envs.toy_batched  # noqa: F401  (all register themselves)

    return frozenset(BATCHED)


def describe(env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
    """See `EngineKind`."""
    if env not in ids():
        return None
    limit = max_episode_steps or options.get("max_episode_steps") or BATCHED[env].max_episode_steps
    options = {**options, "max_episode_steps": limit}
    try:
        made = _make(env, LANES, options)
    except InputError:
        raise  # it says itself what will not do
    except BaseException as error:
        raise InputError(f"{env} cannot be made: {raised_in(error)}") from error
    try:
        return _described(env, made, limit, options)
    finally:
        close(made)


def _described(env: str, made: BatchedEnvironment, limit: int, options: dict[str, Any]) -> EnvironmentSpec:
    import gymnasium

    try:
        space, action = made.observation_space, made.action_space
    except BaseException as error:
        raise InputError(f"{env} cannot be made: {raised_in(error)}") from error
    if not (isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1):
        raise InputError(f"{env} has observations {space}: a batched environment needs a flat Box")
    metadata = getattr(made, "metadata", {})
    measures = measure_names(env, metadata.get("measures", ()))
    spec = EnvironmentSpec(
        env, "batched", int(space.shape[0]), action_spec(env, action), limit, options, None, measures,
        names=tuple(getattr(made, "observation_names", ())),
        lower_is_better=lower_is_better(env, metadata.get("lower_is_better", ()), measures),
        contexts=checked_contexts(env, getattr(made, "contexts", None)),
    )  # fmt: skip
    return replace(spec, repeats=try_batched(env, made, measures))


def make(spec: EnvironmentSpec, seeds: list[int], threads: int) -> BatchedEngine:  # noqa: ARG001  (it is one call)
    """See `EngineKind`."""
    return BatchedEngine(_make(spec.id, len(seeds), spec.kwargs), seeds, spec.max_episode_steps, spec.measures)


def _make(env: str, lanes: int, options: dict[str, Any]) -> BatchedEnvironment:
    own = {name: value for name, value in options.items() if name != "max_episode_steps"}
    made: BatchedEnvironment = BATCHED[env].make(lanes, **own)
    return made


class BatchedEngine(DeferredEngine):
    """Lanes of a batched environment.

    Args:
        environment: with as many lanes as there are seeds.
        seeds: one a lane.
        max_episode_steps: the limit of an episode.
        measures: that the environment reports.
    """

    def __init__(
        self, environment: BatchedEnvironment, seeds: list[int], max_episode_steps: int, measures: tuple[str, ...] = ()
    ) -> None:
        self._environment, self._seeds, self._limit, self._measures = environment, seeds, max_episode_steps, measures
        self._checked, self._size = CheckedLanes(environment, measures), int(environment.observation_space.shape[0])
        self._action_type = environment.action_space.dtype
        self._resets, self._steps = np.zeros(len(seeds), np.int64), np.zeros(len(seeds), np.int64)

    def _answer(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None
    ) -> Answer:
        answer = Answer.blank(len(lanes), self._size, self._measures)
        begun, stepped = np.flatnonzero(restart), np.flatnonzero(~restart)
        if len(begun):
            given = None if tasks is None else tasks[begun]
            self._try(answer, begun, lambda: self._reset(answer, begun, lanes[begun], given))
        if len(stepped) and actions is not None:
            own = actions[stepped].astype(self._action_type)
            self._try(answer, stepped, lambda: self._step(answer, stepped, lanes[stepped], own))
        return answer

    def _try(self, answer: Answer, positions: Integers, call: Callable[[], None]) -> None:
        """Call the environment for the lanes at these positions; what it raises is a reason that is kept and shown."""
        try:
            call()
        except BaseException as error:
            answer.errors.update(dict.fromkeys(positions.tolist(), reason_of(error)))

    def _reset(self, answer: Answer, positions: Integers, lanes: Integers, tasks: Floats | None) -> None:
        self._resets[lanes] += 1
        self._steps[lanes] = 0
        seeds = np.array([reset_seed(self._seeds[lane], int(self._resets[lane])) for lane in lanes])
        tasks = tasks_for(self._environment, seeds, tasks)
        answer.observation[positions] = self._checked.reset(lanes, seeds, tasks)

    def _step(self, answer: Answer, positions: Integers, lanes: Integers, actions: NDArray[Any]) -> None:
        self._steps[lanes] += 1
        observation, answer.reward[positions], ended, measures = self._checked.step(lanes, actions)
        answer.observation[positions] = observation
        done = ended | (self._steps[lanes] >= self._limit)
        answer.done[positions] = done
        if answer.terminated is not None:
            answer.terminated[positions] = ended
        if done.any():
            for name, values in self._checked.measured(measures, len(lanes)).items():
                answer.measures[name][positions] = values

    def close(self) -> None:
        """See `Engine`."""
        close(self._environment)
