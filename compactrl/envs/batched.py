"""Batched environments: many lanes stepped by one call on arrays.

A class with the methods of `BatchedEnvironment`, and an id for it, by `register_batched`. It is then searched by the
`batched` engine, which asks numpy once for all lanes, and is an ordinary environment of Gymnasium's with one lane
(`one_lane`), so that whatever knows Gymnasium knows it. A lane does the same in any company, to the bit, where the
class computes lanes from their own numbers alone and by operations that are exact or elementwise.

Example:
    >>> import numpy as np
    >>> from compactrl.envs.toy_batched import PointMass
    >>> environment = PointMass(num_lanes=100)
    >>> lanes = np.arange(100)
    >>> environment.reset(lanes, seeds=lanes, tasks=None).shape
    (100, 4)
    >>> observation, reward, terminated, measures = environment.step(lanes, np.zeros((100, 2)))
    >>> reward.shape, sorted(measures)
    ((100,), ['distance', 'success'])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import array_of, asked, flags_of
from compactrl.errors import FaultError, InputError
from compactrl.types import Floats, Integers

Step = (
    tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]
    | tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], Mapping[str, NDArray[Any]]]
)
"""Observations (n, O), rewards (n,), whether the episode has terminated (n,); and measures, name → (n,)."""


class BatchedEnvironment(Protocol):
    """Environments of one kind, stepped together; made with the number of lanes, and options by name.

    Episodes have no limit of steps here: whoever steps them counts. A lane whose simulation has failed returns NaN;
    what is raised fails the episodes of all lanes of the call; arrays of another shape or type end the search. It may
    have a method `close`, called at the end.
    """

    observation_space: Any
    """Gymnasium's flat Box of one lane."""
    action_space: Any
    """Gymnasium's flat Box or Discrete of one lane."""
    metadata: ClassVar[dict[str, Any]]
    """`measures`: their names, where `step` returns some; `lower_is_better`: those of which less is better.

    An attribute `contexts` (`policies/contexts.py`) makes it a family of tasks, of which every episode gets one.
    An attribute `observation_names` may say what each number of an observation is, for headers in C and for checks that
    a policy's are the same; a method `render(lane)` that returns an image (height, width, 3) makes films.
    """

    def __init__(self, num_lanes: int, **options: Any) -> None: ...

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> NDArray[Any]:
        """Begin an episode in each of lanes (n,), which depends on its seed and its task alone.

        Args:
            lanes: numbers below the number of lanes, each once.
            seeds: (n,) one a lane, 31 bits.
            tasks: (n, C) one a lane; None where trials have none and it is no family.

        Returns:
            observations (n, O).
        """

    def step(self, lanes: Integers, actions: NDArray[Any]) -> Step:
        """Take an action in each of lanes (n,): (n, A) of a Box, or (n,) of a Discrete space, in the space's type."""


class Batched(NamedTuple):
    """A batched environment as it is registered."""

    make: Any
    """The class: called with the number of lanes, and options by name."""
    max_episode_steps: int


BATCHED: dict[str, Batched] = {}
"""Every batched environment that is registered, by id."""


def register_batched(env: str, environment: Any, max_episode_steps: int | None = None) -> None:
    """Register a class of batched environments, for the `batched` engine and as an environment of Gymnasium's.

    Args:
        env: the id, such as `my/Robot-v0`.
        environment: a class as `BatchedEnvironment` says.
        max_episode_steps: the limit of an episode, in steps; it must be given.

    Raises:
        InputError: it is no such class, or the limit is not at least 1.
    """
    import gymnasium

    if not all(callable(getattr(environment, name, None)) for name in ("__call__", "reset", "step")):
        raise InputError(f"register_batched: expected a class with the methods reset and step, got {environment!r}")
    if max_episode_steps is None:
        raise InputError(f"register_batched: give max_episode_steps, after how many steps an episode of {env} is cut")
    if not (isinstance(max_episode_steps, int) and max_episode_steps >= 1):
        raise InputError(
            f"register_batched: max_episode_steps is {max_episode_steps!r}, expected a whole number of at least 1"
        )
    gymnasium.register(
        env,
        "compactrl.envs.one_lane:OneLane",
        max_episode_steps=max_episode_steps,
        kwargs={"batched": environment},
    )
    BATCHED[env] = Batched(environment, max_episode_steps)


class CheckedLanes:
    """Lanes of a batched environment, whose answers are checked.

    Args:
        environment: of a user's class.
        measures: that it is to report.
    """

    def __init__(self, environment: BatchedEnvironment, measures: tuple[str, ...] = ()) -> None:
        self._environment, self._measures = environment, measures
        space = environment.observation_space
        self._size, self._type = int(space.shape[0]), space.dtype

    def reset(self, lanes: Integers, seeds: Integers, tasks: Floats | None) -> NDArray[Any]:
        """See `BatchedEnvironment`.

        Raises:
            RaisedError: it raised.
            FaultError: it returned something else than observations (n, O).
        """
        return self._observed(asked(self._environment, "reset", lanes, seeds, tasks), len(lanes))

    def step(
        self, lanes: Integers, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], Mapping[str, NDArray[Any]]]:
        """See `BatchedEnvironment`; measures as they were returned, for `measured`.

        Raises:
            RaisedError: it raised.
            FaultError: it returned something else than these parts.
        """
        returned, one = asked(self._environment, "step", lanes, actions), (len(lanes),)
        if not isinstance(returned, tuple) or len(returned) not in (3, 4):
            raise FaultError("step returned something else than (observation, reward, terminated) and perhaps measures")
        observation, reward, terminated = returned[:3]
        measures = returned[3] if len(returned) == 4 else {}
        if not isinstance(measures, Mapping):
            raise FaultError(
                f"step returned {type(measures).__name__} for its measures, expected a dictionary: name → (n,)"
            )
        return (
            self._observed(observation, len(lanes)),
            array_of("the reward", reward, one, np.float64),
            flags_of("what has terminated", terminated, one, "height < 0.2"),
            measures,
        )

    def measured(self, measures: Mapping[str, NDArray[Any]], count: int) -> dict[str, Floats]:
        """Return the measures that the environment names, (n,) each.

        Raises:
            FaultError: one is missing, or has another shape.
        """
        for name in self._measures:
            if name not in measures:
                raise FaultError(
                    f"the measure '{name}' is named in the environment's metadata, and step returns "
                    f"{', '.join(map(repr, measures)) or 'none'}"
                )
        return {
            name: array_of(f"the measure '{name}'", measures[name], (count,), np.float64) for name in self._measures
        }

    def _observed(self, observation: Any, count: int) -> NDArray[Any]:
        return array_of("the observation", observation, (count, self._size), self._type, ROWS)


ROWS = ": one row a lane, which np.stack([…], axis=1) makes of columns"
"""What is said of observations of another shape."""


def close(environment: BatchedEnvironment) -> None:
    """Close it, where it has something to close: a method `close`."""
    method = getattr(environment, "close", None)
    if method is not None:
        method()
