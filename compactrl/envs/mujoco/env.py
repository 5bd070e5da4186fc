"""One lane of a MuJoCo task as an environment of Gymnasium's, with a camera that follows the robot."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from compactrl.envs.contexts import reset_tasks, tasks_for
from compactrl.envs.mujoco.lanes import TaskLanes
from compactrl.envs.mujoco.task import MujocoTask
from compactrl.envs.mujoco.trial import try_task
from compactrl.errors import InputError
from compactrl.types import Floats

LANE = np.zeros(1, np.int64)


class TaskEnvironment(gymnasium.Env):  # type: ignore[misc]  # (Gymnasium is not followed by the type checker)
    """One lane of a task; its measures are in `info` at every step, and so is the task of a family.

    Args:
        task: the class, as it was registered.
        render_mode: `rgb_array`, or None.
        width: of pictures, pixels.
        height: of pictures, pixels.
        options: of the task.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012  (each has its own as well)

    def __init__(
        self,
        task: type[MujocoTask],
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        **options: Any,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InputError(f"render_mode is {render_mode!r}: a MujocoTask draws rgb_array")
        self._task = task(**options)
        self._lane = TaskLanes(self._task, 1, try_task(self._task.name, self._task).width)
        low, high = self._task.action_bounds
        self.action_space = gymnasium.spaces.Box(low, high, dtype=np.float64)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (self._lane.width,), np.float64)
        rate = max(1, round(1 / self._task.dt))
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": rate, "measures": list(self._task.measures)}
        self.render_mode, self._picture_size = render_mode, (height, width)
        self._camera: Any = None
        self.contexts = self._task.contexts
        self._tasks: Floats | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode; its task is `options["task"]`, or a test task that a family draws."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        tasks = tasks_for(self._task, np.array([seed]), reset_tasks(self._task.name, self.contexts, options))
        self._tasks = tasks
        if warning := self._lane.begin(0, np.random.default_rng(seed), None if tasks is None else tasks[0]):
            raise RuntimeError(f"MuJoCo, as the episode began: {warning}")
        return self._lane.look(LANE)[0].copy(), self._told()

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Take an action."""
        stepped = self._lane.step(LANE, np.asarray(action, np.float64)[None])
        for warning in stepped.warnings.values():
            raise RuntimeError(f"MuJoCo: {warning}")
        info = {name: float(values[0]) for name, values in self._lane.measure(stepped.state).items()}
        return (
            stepped.observation[0].copy(),
            float(stepped.reward[0]),
            bool(stepped.terminated[0]),
            False,
            {**info, **self._told()},
        )

    def _told(self) -> dict[str, Any]:
        """Return the task of a family, for `info`, which users keep."""
        return {} if self.contexts is None or self._tasks is None else {"task": self._tasks[0].copy()}

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture (height, width, 3) where `render_mode` is `rgb_array`."""
        if self.render_mode is None:
            return None
        if self._camera is None:
            from compactrl.envs.mujoco.camera import Camera

            self._camera = Camera(self._task, *self._picture_size)
        picture: NDArray[np.uint8] = self._camera.picture(self._lane.qpos(0))
        return picture

    def close(self) -> None:
        """Give the camera back."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None
