"""Tasks in MuJoCo: a model and four functions on arrays, which the engine `mujoco` steps for all lanes at once.

Example:
    >>> import numpy as np
    >>> class Cart(MujocoTask):
    ...     model = '''<mujoco><worldbody><body><joint name="x" type="slide" axis="1 0 0"/><geom size=".1"/></body>
    ...         </worldbody><actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>'''
    ...     frame_skip, episode_steps = 5, 100
    ...
    ...     def observe(self, state):
    ...         return np.concatenate([state.qpos, state.qvel], axis=1)
    ...
    ...     def reward(self, before, after, action):
    ...         return -np.abs(after.qpos[:, 0])
    >>> register("Cart-v0", Cart)
    >>> import gymnasium
    >>> observation, _ = gymnasium.make("Cart-v0").reset(seed=0)
    >>> observation.shape
    (2,)

A lane does the same in any company, to the bit, where the functions compute lanes from their own rows alone and by
operations that treat rows alike: elementwise ones, and sums along the last axis. Products of matrices (`@`) need not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.mujoco.model import load_model
from compactrl.envs.mujoco.state import MujocoState
from compactrl.errors import InputError
from compactrl.policies.contexts import Contexts
from compactrl.types import Floats

__all__ = ["TASKS", "MujocoState", "MujocoTask", "register"]


class MujocoTask:
    """A model, what a policy sees of it, and what it is rewarded for; options are arguments of `__init__`.

    What `observe`, `reward`, `terminated`, `control`, `remember` and `measure` get has a row a lane, (n, …), and is
    read-only. They see positions and velocities as they are now; `sensordata` and `fields` are what MuJoCo computed in
    the last of its steps before it moved on, as Gymnasium's environments see them.
    """

    model: Any = ""
    """An MJCF (or URDF) file, looked for beside the class's own file and in the working directory; or MJCF as text."""
    frame_skip: int = 1
    """MuJoCo's time steps for each step of the environment."""
    episode_steps: int = 1000
    """The limit of an episode, in steps of the environment."""
    fields: tuple[str, ...] = ()
    """More arrays of `MjData` that the state is to have, such as `xpos`: they cost a call of Python a lane and step,
    some 5 µs. Sensors in the model come without. Those of forces (`cfrc_ext`) are 0 as an episode begins."""
    memory: int = 0
    """Numbers that a lane keeps beside its physics from step to step (`remember`)."""
    measures: tuple[str, ...] = ()
    """Names of what `measure` says of an episode at its end."""
    lower_is_better: tuple[str, ...] = ()
    """Those of them that are the better the lower they are, such as an error."""
    contexts: Contexts | None = None
    """What tells its tasks apart, where it is a family of tasks: `start` then gets one for every episode."""
    camera: ClassVar[dict[str, Any]] = {}
    """Of films: `name` of a camera of the model; or `distance` (m), `azimuth`, `elevation` (degrees), `body` that it
    follows, by name."""

    def __init__(self) -> None:
        self.name = type(self).__name__
        if not (isinstance(self.frame_skip, int) and self.frame_skip >= 1):
            raise InputError(f"{self.name}: frame_skip is {self.frame_skip!r}, expected a whole number of at least 1")
        self.mj_model = load_model(self.model, _folder(type(self)), self.name, self.change_model)
        self.init_qpos: Floats = self.mj_model.qpos0.copy()
        self.init_qvel: Floats = np.zeros(self.mj_model.nv)

    change_model: ClassVar[Callable[[Any, Any], None] | None] = None
    """A method that changes the model before it is compiled, of an argument, `mujoco.MjSpec`: to add sensors to a file
    that is somebody else's."""

    @cached_property
    def dt(self) -> float:
        """Seconds of a step of the environment."""
        return float(self.mj_model.opt.timestep * self.frame_skip)

    @property
    def action_bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest action, (A,) each: an actuator's control, infinite where that has no limits."""
        limited = self.mj_model.actuator_ctrllimited.astype(bool)
        low, high = self.mj_model.actuator_ctrlrange.T
        return np.where(limited, low, -np.inf), np.where(limited, high, np.inf)

    def observe(self, state: MujocoState) -> NDArray[Any]:
        """Return what policies see, (n, O)."""
        raise NotImplementedError

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return the rewards (n,) of actions (n, A)."""
        raise NotImplementedError

    def terminated(self, state: MujocoState) -> NDArray[np.bool_]:
        """Return whether episodes have ended other than by their limit of steps, (n,) bool; by default none has."""
        return np.zeros(len(state.qpos), bool)

    def start(self, generator: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Return qpos (nq,) and qvel (nv,) of a new episode of one lane; and its memory, if it has one.

        With a second argument, `task`, it gets the task (C,) of a trial that has one; a family's has it always.
        """
        del generator
        return self.init_qpos, self.init_qvel

    def control(self, state: MujocoState, action: Floats) -> NDArray[Any]:
        """Return the controls (n, nu) of actions (n, A), held for a step; by default these are the same."""
        del state
        return action

    def remember(self, before: MujocoState, after: MujocoState, action: Floats) -> NDArray[Any]:
        """Return the memory (n, memory) after a step; called before the step's reward."""
        del after, action
        return before.memory

    def measure(self, state: MujocoState) -> dict[str, NDArray[Any]]:
        """Return the measures by name, (n,) each."""
        del state
        return {}

    @property
    def starts_with_task(self) -> bool:
        """Whether `start` takes the task of a trial."""
        return len(inspect.signature(self.start).parameters) > 1


def _folder(task: type) -> Path:
    """Return the folder of the file that a class is in."""
    try:
        return Path(inspect.getfile(task)).absolute().parent
    except (TypeError, OSError):  # typed in by hand
        return Path.cwd()


class Registered(NamedTuple):
    """A task as it is registered."""

    make: type[MujocoTask]
    """Called with options by name."""


TASKS: dict[str, Registered] = {}
"""Every task that is registered, by id."""


def register(env: str, task: type[MujocoTask]) -> None:
    """Register a task, for the engine `mujoco` and as an environment of Gymnasium's.

    Args:
        env: the id, such as `Reach-v0` or `my/Reach-v0`.
        task: a subclass of `MujocoTask`.

    Raises:
        InputError: it is none, its limit of steps is none, or the id is another one's.
    """
    import gymnasium

    if not (isinstance(task, type) and issubclass(task, MujocoTask)):
        raise InputError(f"register: expected a subclass of MujocoTask for {env}, got {task!r}")
    if not (isinstance(task.episode_steps, int) and task.episode_steps >= 1):
        raise InputError(
            f"{task.__name__}: episode_steps is {task.episode_steps!r}, expected a whole number of at least 1"
        )
    known = TASKS.get(env)
    if known is None and env in gymnasium.registry:
        raise InputError(f"register: {env} is an environment of Gymnasium's already: give your task another id")
    if known is not None and _place(known.make) != _place(task):
        raise InputError(f"register: {env} is {'.'.join(_place(known.make))} already: give your task another id")
    if known is not None:
        gymnasium.registry.pop(env, None)  # without a warning
    TASKS[env] = Registered(task)
    try:
        gymnasium.register(
            env,
            "compactrl.envs.mujoco.env:TaskEnvironment",
            max_episode_steps=task.episode_steps,
            kwargs={"task": task},
        )
    except gymnasium.error.Error as error:
        del TASKS[env]
        raise InputError(f"register: {env!r} is no id: {error}") from error


def _place(task: type) -> tuple[str, str]:
    """Return where a class is defined: a module that is imported anew defines it anew."""
    return task.__module__, task.__qualname__
