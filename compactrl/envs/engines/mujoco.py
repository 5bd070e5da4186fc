"""The MuJoCo engine: tasks of a model and four functions (`compactrl.envs.mujoco.task`), the usual ones included.

Every reset is seeded, by the lane's seed and its count of resets (`reset_seed`). Episodes are cut by counting steps.
What MuJoCo warns of fails the episode of the lane that it is about; what a task raises, those of all lanes of that
call. What it returns in another shape or type ends the search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import raised_in, reason_of
from compactrl.envs.contexts import tasks_for
from compactrl.envs.engines.base import Answer, DeferredEngine, reset_seed
from compactrl.envs.mujoco.lanes import Held, TaskLanes
from compactrl.envs.mujoco.task import TASKS, MujocoTask
from compactrl.envs.mujoco.trial import try_task
from compactrl.envs.spec import EnvironmentSpec, lower_is_better, measure_names
from compactrl.envs.tasks import USUAL, load_usual
from compactrl.errors import CompactrlError, InputError
from compactrl.policies.actions import ActionSpec
from compactrl.types import Floats, Integers


def ids() -> frozenset[str]:
    """Return every id that is registered, compactrl's own and the usual ones included."""
    import compactrl.envs.families
    import compactrl.envs.robots  # noqa: F401  (both register their tasks)

    return frozenset(TASKS) | frozenset(USUAL)


def describe(env: str, max_episode_steps: int, options: dict[str, Any]) -> EnvironmentSpec | None:
    """See `EngineKind`."""
    if env not in ids():
        return None
    limit = max_episode_steps or options.get("max_episode_steps") or _kind(env).episode_steps
    options = {**options, "max_episode_steps": limit}
    task = _made(env, options)
    tried = try_task(env, task)
    low, high = task.action_bounds
    measures = measure_names(env, task.measures)
    return EnvironmentSpec(
        env, "mujoco", tried.width, ActionSpec("box", tuple(map(float, low)), tuple(map(float, high))), limit, options,
        measures=measures, lower_is_better=lower_is_better(env, task.lower_is_better, measures),
        repeats=tried.repeats, contexts=task.contexts,
    )  # fmt: skip


def make(spec: EnvironmentSpec, seeds: list[int], threads: int) -> MujocoEngine:  # noqa: ARG001  (blocks are the threads)
    """See `EngineKind`."""
    return MujocoEngine(_made(spec.id, spec.kwargs), seeds, spec.max_episode_steps, spec.observation_size)


def _kind(env: str) -> type[MujocoTask]:
    return TASKS[env].make if env in TASKS else load_usual(env)


def _made(env: str, options: dict[str, Any]) -> MujocoTask:
    """Make a task with its options, among which a limit of steps is none."""
    own = {name: value for name, value in options.items() if name != "max_episode_steps"}
    try:
        return _kind(env)(**own)
    except CompactrlError:
        raise
    except Exception as error:
        raise InputError(f"{env} cannot be made: {raised_in(error)}") from error


class MujocoEngine(DeferredEngine):
    """Lanes of a task.

    Args:
        task: what they do.
        seeds: one a lane.
        max_episode_steps: the limit of an episode.
        observation_size: O
    """

    def __init__(self, task: MujocoTask, seeds: list[int], max_episode_steps: int, observation_size: int) -> None:
        self._task, self._lanes, self._seeds = task, TaskLanes(task, len(seeds), observation_size), seeds
        self._limit, self._size = max_episode_steps, observation_size
        self._resets, self._steps = np.zeros(len(seeds), np.int64), np.zeros(len(seeds), np.int64)

    def send(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None = None
    ) -> None:
        """See `Engine`."""
        if tasks is not None and not self._task.starts_with_task:
            raise InputError(
                f"{self._task.name} takes no tasks: give its start a second argument, start(self, generator, task=None)"
            )
        super().send(lanes, actions, restart, tasks)

    def _answer(
        self, lanes: Integers, actions: NDArray[Any] | None, restart: NDArray[np.bool_], tasks: Floats | None
    ) -> Answer:
        if actions is not None and not restart.any():
            return self._step(lanes, actions)
        answer = Answer.blank(len(lanes), self._size, self._task.measures)
        begun, stepped = np.flatnonzero(restart), np.flatnonzero(~restart)
        self._begin(answer, begun, lanes[begun], None if tasks is None else tasks[begun])
        if len(stepped) and actions is not None:
            answer.put(stepped, self._step(lanes[stepped], actions[stepped]))
        return answer

    def _begin(self, answer: Answer, positions: Integers, lanes: Integers, tasks: Floats | None) -> None:
        self._resets[lanes] += 1
        self._steps[lanes] = 0
        for row, (position, lane) in enumerate(zip(positions, lanes, strict=True)):
            _try(answer, positions[row : row + 1], lambda: self._start(answer, position, lane, tasks, row))  # noqa: B023
        sound = np.array([position not in answer.errors for position in positions.tolist()])
        if sound.any():
            _try(answer, positions[sound], lambda: self._look(answer, positions[sound], lanes[sound]))

    def _start(self, answer: Answer, position: int, lane: int, tasks: Floats | None, row: int) -> None:
        seed = reset_seed(self._seeds[lane], int(self._resets[lane]))
        own = tasks_for(self._task, np.array([seed]), None if tasks is None else tasks[row : row + 1])
        if warning := self._lanes.begin(lane, np.random.default_rng(seed), None if own is None else own[0]):
            answer.errors[int(position)] = f"MuJoCo, as the episode began: {warning}"

    def _look(self, answer: Answer, positions: Integers, lanes: Integers) -> None:
        answer.observation[positions] = self._lanes.look(lanes)

    def _step(self, lanes: Integers, actions: NDArray[Any]) -> Answer:
        """Step lanes, each once; what is raised is the reason why all of them failed."""
        self._steps[lanes] += 1
        try:
            return self._stepped(lanes, actions)
        except BaseException as error:
            answer = Answer.blank(len(lanes), self._size, self._task.measures)
            answer.errors.update(dict.fromkeys(range(len(lanes)), reason_of(error)))
            return answer

    def _stepped(self, lanes: Integers, actions: NDArray[Any]) -> Answer:
        stepped, taken = self._lanes.step(lanes, actions), self._steps[lanes]
        done = stepped.terminated | (taken >= self._limit)
        errors = {at: f"MuJoCo, in step {taken[at]}: {warning}" for at, warning in stepped.warnings.items()}
        measures: dict[str, Floats] = {}
        if self._task.measures:
            measures = self._lanes.measure(stepped.state) if done.any() else self._unmeasured(len(lanes))
        return Answer(
            _own(stepped.observation), _own(stepped.reward), done, errors, _own(stepped.terminated), measures=measures
        )

    def _unmeasured(self, count: int) -> dict[str, Floats]:
        return {name: np.full(count, np.nan) for name in self._task.measures}

    def lend(self, lanes: Integers) -> tuple[Integers, Held]:
        """See `Lending`."""
        return self._steps[lanes], self._lanes.held(lanes)

    def borrow(self, lanes: Integers, lent: tuple[Integers, Held]) -> None:
        """See `Lending`."""
        self._steps[lanes] = lent[0]
        self._lanes.hold(lanes, lent[1])

    def close(self) -> None:
        """See `Engine`."""


def _try(answer: Answer, positions: Integers, call: Callable[[], None]) -> None:
    """Do something for the lanes at these positions; what it raises is a reason that is kept and shown."""
    try:
        call()
    except BaseException as error:
        answer.errors.update(dict.fromkeys(positions.tolist(), reason_of(error)))


def _own(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array that nobody writes to again: a task may answer by views of its state, which is used again."""
    return values if values.base is None else values.copy()
