"""Families of tasks: those of compactrl by their short names, and the user's own, by `register_tasks`.

Example:
    >>> import numpy as np
    >>> from compactrl.policies.contexts import Contexts, Uniform
    >>> def reward(context, before, after, action):
    ...     speed = (after.qpos[:, 0] - before.qpos[:, 0]) / 0.008
    ...     return 1 - np.abs(speed - context[:, 0])
    >>> speeds = Uniform((0.5,), (2.0,))
    >>> contexts = Contexts(("speed",), (0.5,), (2.0,), train=speeds, test=speeds)
    >>> register_tasks("Hopper-Speed-v0", base="Hopper-v5", reward=reward, contexts=contexts, episode_steps=500)
    >>> import gymnasium
    >>> gymnasium.make("Hopper-Speed-v0").reset(seed=0, options={"task": [1.5]})[1]
    {'task': array([1.5])}
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.batched import BATCHED
from compactrl.envs.contexts import checked_contexts
from compactrl.envs.mujoco.state import MujocoState
from compactrl.envs.mujoco.task import TASKS, MujocoTask, register
from compactrl.envs.tasks import USUAL, load_usual
from compactrl.errors import InputError, did_you_mean, either
from compactrl.policies.contexts import Contexts
from compactrl.types import Floats

OF_GYMNASIUM: dict[str, Contexts] = {}
"""Families that Gymnasium steps, by id."""


def families() -> dict[str, str]:
    """Return every family that is registered: its short name → its id; its id, where another has the same short name.

    Example:
        >>> families()["HalfCheetah-Vel"]
        'compactrl/HalfCheetah-Vel-v0'
    """
    import compactrl.envs.families
    import compactrl.envs.toy_batched  # noqa: F401  (both register themselves)

    makers = {env: known.make for known_ones in (TASKS, BATCHED) for env, known in known_ones.items()}
    having = [env for env, make in makers.items() if getattr(make, "contexts", None) is not None]
    every = (*having, *OF_GYMNASIUM)
    count = Counter(map(short_name, every))
    return {short_name(env) if count[short_name(env)] == 1 else env: env for env in every}


def short_name(env: str) -> str:
    """Return an id without compactrl's namespace and its version.

    Example:
        >>> short_name("compactrl/Ant-Vel-v0"), short_name("my/Robot-v1")
        ('Ant-Vel', 'my/Robot')
    """
    return re.sub(r"-v\d+$", "", env.removeprefix("compactrl/"))


def family_id(name: str) -> str:
    """Return the id of a family, by its short name or its id; an environment of another's may be one, and stays.

    Raises:
        InputError: there is none.
    """
    import gymnasium

    known = families()
    if name in known.values() or name in gymnasium.registry or ":" in name:
        return name
    if name not in known:
        if several := [env for env in known.values() if short_name(env) == name]:
            raise InputError(f"--tasks {name}: there are several families of this name: give {either(several)}")
        raise InputError(
            f"unknown family of tasks '{name}'.{did_you_mean(name, known)} There are: {', '.join(sorted(known))}; your "
            "own one is registered by --env-module"
        )
    return known[name]


def register_tasks(
    env: str, base: str | type[MujocoTask], reward: Callable[..., Any], contexts: Contexts, episode_steps: int = 0
) -> None:
    """Register a family of tasks: an environment that is there, with rewards by the task.

    Args:
        env: the family's id, such as `Hopper-Speed-v0`.
        base: the environment. A `MujocoTask`, or the id of one, of Gymnasium's usual robots too (v5): the engine
            `mujoco` steps it. Another id of Gymnasium's: the engine `gymnasium` does.
        reward: a function that returns the rewards (L,) of a step. Of a `MujocoTask`: of contexts (L, C), the states
            before and after the step, and actions (L, A), for all lanes at once, as `MujocoTask.reward` has them. Of
            Gymnasium's: of contexts (L, C), observations (L, O) after the step, actions (L, A), and `info` by name,
            arrays (L,) of what the step reported.
        contexts: what tells its tasks apart.
        episode_steps: the limit of an episode; 0 keeps the environment's own.

    Raises:
        InputError: one of these will not do.
    """
    if checked_contexts(env, contexts) is None:
        raise InputError(f"{env} has no contexts: a family of tasks needs some, for what tells these apart")
    if not callable(reward):
        raise InputError(f"{env} has the reward {reward!r}: expected a function")
    if not (isinstance(episode_steps, int) and episode_steps >= 0):
        raise InputError(f"{env} has episode_steps {episode_steps!r}: expected a number of steps, or 0")
    task = _task_of(env, base)
    if task is not None:
        register(env, _family(env, task, reward, contexts, episode_steps))
    else:
        _register_wrapped(env, str(base), reward, contexts, episode_steps)


def _task_of(env: str, base: Any) -> type[MujocoTask] | None:
    """Return the task that a family is of; None where it is an environment of Gymnasium's.

    Raises:
        InputError: there is no such environment, or it is a family already, or a batched one.
    """
    import gymnasium

    known = families()  # which registers all that there is
    if base in known.values() or getattr(base, "contexts", None) is not None:
        raise InputError(f"{env}: its base {base!r} is a family of tasks already: name the robot that this one is of")
    if base in BATCHED or (isinstance(base, type) and not issubclass(base, MujocoTask)):
        raise InputError(
            f"{env}: its base {base!r} is a class of its own: let that have `contexts`, and its reset the tasks, and "
            "give it to register_batched"
        )
    if isinstance(base, type):
        return base
    if base in TASKS:
        return TASKS[base].make
    if base in USUAL:
        return load_usual(base)
    if isinstance(base, str) and base in gymnasium.registry:
        return None
    near = did_you_mean(str(base), [*TASKS, *USUAL, *gymnasium.registry])
    raise InputError(f"{env}: there is no environment {base!r} for its base.{near}")


def _family(
    env: str, base: Any, reward: Callable[..., Any], contexts: Contexts, episode_steps: int
) -> type[MujocoTask]:
    """Return a task's class, with another reward and with the task of each lane before what it remembers."""
    size, told = contexts.size, contexts

    class Family(base):  # type: ignore[misc]
        contexts = told

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.memory += size

        def start(self, generator: np.random.Generator, task: Any = None) -> tuple[NDArray[Any], ...]:
            qpos, qvel, *memory = super().start(generator)
            return qpos, qvel, np.concatenate([task, *memory])

        def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
            found: NDArray[Any] = reward(after.memory[:, :size], self._bare(before), self._bare(after), action)
            return found

        def remember(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
            if self.memory == size:
                return before.memory
            own = super().remember(self._bare(before), self._bare(after), action)
            return np.concatenate([before.memory[:, :size], own], axis=1)

        def observe(self, state: MujocoState) -> NDArray[Any]:
            found: NDArray[Any] = super().observe(self._bare(state))
            return found

        def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
            found: NDArray[np.bool_] = super().terminated(self._bare(state))
            return found

        def control(self, state: MujocoState, action: Floats) -> NDArray[Any]:
            found: NDArray[Any] = super().control(self._bare(state), action)
            return found

        def measure(self, state: MujocoState) -> dict[str, NDArray[Any]]:
            found: dict[str, NDArray[Any]] = super().measure(self._bare(state))
            return found

        def _bare(self, state: MujocoState) -> MujocoState:
            """Return a state with the robot's own memory alone, as its own functions know it."""
            if self.memory == size:
                return state
            own = copy.copy(state)
            own.memory = state.memory[:, size:]
            return own

    Family.__name__ = short_name(env)
    # Where a class is says whether an id is somebody else's, and where its model's file is looked for.
    Family.__module__ = base.__module__
    Family.__qualname__ = f"{base.__qualname__} by {reward.__module__}.{getattr(reward, '__qualname__', 'reward')}"
    Family.__doc__ = reward.__doc__
    Family.episode_steps = episode_steps or base.episode_steps
    made: type[MujocoTask] = Family
    return made


def _register_wrapped(
    env: str, base: str, reward: Callable[..., Any], contexts: Contexts, episode_steps: int
) -> None:  # fmt: skip
    """Register an environment of Gymnasium's with rewards by the task."""
    import gymnasium

    if env in OF_GYMNASIUM:
        gymnasium.registry.pop(env, None)  # without a warning: its module is imported anew
    elif env in gymnasium.registry:
        raise InputError(f"register_tasks: {env} is an environment of Gymnasium's already: give your family another id")

    def make(**options: Any) -> Any:
        from compactrl.envs.wrappers import TaskFamily

        inner = gymnasium.make(base, max_episode_steps=-1, disable_env_checker=True, **options)
        return TaskFamily(inner, reward, contexts)

    try:
        gymnasium.register(env, make, max_episode_steps=episode_steps or gymnasium.spec(base).max_episode_steps)
    except gymnasium.error.Error as error:
        raise InputError(f"register_tasks: {env!r} is no id: {error}") from error
    OF_GYMNASIUM[env] = contexts
