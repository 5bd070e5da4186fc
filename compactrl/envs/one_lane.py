"""A batched environment with one lane, as an environment of Gymnasium's."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from compactrl.envs.batched import CheckedLanes, close
from compactrl.envs.contexts import reset_tasks, tasks_for
from compactrl.types import Floats

LANE = np.zeros(1, np.int64)
LANE.flags.writeable = False


class OneLane(gymnasium.Env):  # type: ignore[misc]  # (Gymnasium is not followed by the type checker)
    """One lane of a batched environment; its measures are in `info` at every step, and so is the task of a family.

    Args:
        batched: the class, as it was registered.
        render_mode: `rgb_array`; where the class has no method `render(lane)`, whoever renders is told so.
        options: of the environment.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012  (each has its own as well)

    def __init__(self, batched: Any, render_mode: str | None = None, **options: Any) -> None:
        self._lane = batched(1, **options)
        self._answers = CheckedLanes(self._lane)
        self.render_mode = render_mode if hasattr(self._lane, "render") else None
        self.observation_space, self.action_space = self._lane.observation_space, self._lane.action_space
        self.metadata = {"render_modes": [], **getattr(self._lane, "metadata", {})}
        self.observation_names = tuple(getattr(self._lane, "observation_names", ()))
        self.contexts = getattr(self._lane, "contexts", None)
        self._tasks: Floats | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode; its task is `options["task"]`, or a test task that a family draws."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        given = reset_tasks(type(self._lane).__name__, self.contexts, options)
        tasks = tasks_for(self._lane, np.array([seed]), given)
        self._tasks = tasks
        return self._answers.reset(LANE, np.array([seed]), tasks)[0], self._told()

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Take an action."""
        actions = np.array(action, self.action_space.dtype)[None]  # (a copy, which the class may write to)
        observation, reward, terminated, measures = self._answers.step(LANE, actions)
        info = {name: float(values[0]) for name, values in measures.items()}
        return observation[0], float(reward[0]), bool(terminated[0]), False, {**info, **self._told()}

    def _told(self) -> dict[str, Any]:
        """Return the task of a family, for `info`, which users keep."""
        return {} if self.contexts is None or self._tasks is None else {"task": self._tasks[0].copy()}

    def render(self) -> Any:
        """Return an image (height, width, 3) of the lane.

        Raises:
            NotImplementedError: the class draws none.
        """
        draw = getattr(self._lane, "render", None)
        if draw is None:
            raise NotImplementedError("this batched environment has no camera: its class has no method render(lane)")
        return draw(0)

    def close(self) -> None:
        """Close it, where that is something to do."""
        close(self._lane)
