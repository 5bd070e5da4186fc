"""What compactrl must know of an environment before it can search: engine, sizes, bounds, limits, goals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compactrl.envs.goals import Goal
from compactrl.errors import InputError
from compactrl.policies.actions import ActionSpec, inside
from compactrl.policies.contexts import Contexts
from compactrl.policies.observations import Layout

DEFAULT_EPISODE_STEPS = 1000
"""The cut for environments that set no limit of their own: an evaluation must end."""
ALIVE_BONUS = {"Hopper": 1.0, "Walker2d": 1.0, "Ant": 1.0, "Humanoid": 5.0}
"""Reward a step for not having fallen, by family; ARS (Mania et al. 2018) leaves it out while training."""

SUCCESS = "success"
"""The measure that says of an episode whether it succeeded, 1 or 0."""
RESERVED = frozenset({"return", "policy_return", "shipped_return"})
"""Names whose means are in every run's metrics."""


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment as the parts see it."""

    id: str
    engine: str
    """Its name in `ENGINES`."""
    observation_size: int
    """O"""
    action: ActionSpec
    max_episode_steps: int
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Options given to the engine, `max_episode_steps` among them."""
    goal: Goal | None = field(default=None, compare=False)
    """Its goals, where it has some; the desired one is then the end of an observation."""
    measures: tuple[str, ...] = ()
    """What it says of an episode beside the return, at its end; `success` is one of them where that is known."""
    limited: bool = True
    """Whether somebody set `max_episode_steps`, the environment or the user; else it is compactrl's own."""
    resumes_exactly: bool = True
    """Whether a lane's next episode depends on its count of resets alone, not on what was done before."""
    environments: int = 0
    """At most so many exist at any time, as the user says by `--num-envs`; 0 for as many as are of use."""
    names: tuple[str, ...] = ()
    """(O,) what the numbers of an observation are, where its space has words for them."""
    repeats: bool = True
    """Whether a seed and actions decide what happens, as far as two resets with one seed tell, and steps to goals."""
    layout: Layout = field(default=(), compare=False)
    """How its observations become rows of numbers, where they are none themselves."""
    lower_is_better: tuple[str, ...] = ()
    """Those of the measures that are the better the lower they are, such as an error; of the others more is better."""
    contexts: Contexts | None = field(default=None, compare=False)
    """What tells its tasks apart, where it is a family of tasks; an episode without a task draws a test task itself."""

    def at_most(self, lanes: int) -> int:
        """Return so many lanes, or as many as there may be environments at a time."""
        return min(lanes, self.environments or lanes)

    def reordered(self, names: tuple[str, ...]) -> str:
        """Say which number of an observation is another one than in a policy with these names; nothing where none is.

        Example:
            >>> spec = EnvironmentSpec("Tank-v0", "gymnasium", 2, ActionSpec("discrete"), 10, names=("level", "flow"))
            >>> spec.reordered(("flow", "level"))
            'number 0 was flow and is level'
        """
        now = self.names or ("without a name",) * len(names)
        pairs = enumerate(zip(names, now, strict=False))
        return next((f"number {place} was {was} and is {other}" for place, (was, other) in pairs if was != other), "")

    @property
    def alive_bonus(self) -> float:
        """Reward a step for not having fallen; 0 where there is none or it is not known."""
        return ALIVE_BONUS.get(self.id.split("-")[0], 0.0)


def lower_is_better(env: str, names: Any, measures: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of an environment's measures are the better the lower they are, as it says itself.

    Raises:
        InputError: it names something else than measures that it has.

    Example:
        >>> lower_is_better("Robot-v0", ["distance"], ("distance", "success"))
        ('distance',)
    """
    if isinstance(names, str) or not set(names) <= set(measures):
        known = ", ".join(measures) or "none"
        raise InputError(f"{env} has lower_is_better {names!r}: expected names of its measures, which are {known}")
    return tuple(names)


SERVED = "compactrl takes Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of these, flattened"


def observation_size(env: str, space: Any) -> int:
    """Return how many numbers a Gymnasium observation space has once it is flat, O.

    Raises:
        InputError: it has none, or there is no fixed number of them.
    """
    import gymnasium

    odd = _unserved(space)
    if odd is not None:
        where = "" if odd is space else f" {odd} in"
        raise InputError(
            f"{env} has{where} observations {space}, of no fixed number of numbers: {SERVED}. Register the environment "
            "with a gymnasium.ObservationWrapper around it that makes a Box of what matters"
        )
    size = int(gymnasium.spaces.utils.flatdim(space))
    if not size:
        raise InputError(f"{env} has observations {space}, which has no number: a policy needs one or more")
    return size


def _unserved(space: Any) -> Any:
    """Return the first part of a space that is not served; None where all is."""
    from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

    if isinstance(space, Dict | Tuple):
        parts = space.spaces.values() if isinstance(space, Dict) else space.spaces
        return next((odd for part in parts if (odd := _unserved(part)) is not None), None)
    return None if isinstance(space, Box | Discrete | MultiDiscrete | MultiBinary) else space


def action_spec(env: str, space: Any) -> ActionSpec:
    """Describe a Gymnasium action space.

    Raises:
        InputError: neither a flat Box nor Discrete.
    """
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete):
        return ActionSpec("discrete", choices=int(space.n), start=int(space.start))
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        if not space.shape[0]:
            raise InputError(f"{env} has actions {space}, which has no number: compactrl needs a Box of one or more")
        if np.issubdtype(space.dtype, np.floating):
            return ActionSpec("box", tuple(map(float, space.low)), tuple(map(float, space.high)), real=str(space.dtype))
        low = [inside(int(bound), np.inf) if bounded else -np.inf for bound, bounded in _sides(space, "low", "below")]
        high = [inside(int(bound), -np.inf) if bounded else np.inf for bound, bounded in _sides(space, "high", "above")]
        return ActionSpec("box", tuple(low), tuple(high), dtype=str(space.dtype))
    hint = {
        gymnasium.spaces.MultiDiscrete: "a Box of integers has several whole numbers",
        gymnasium.spaces.MultiBinary: "a Box of integers from 0 to 1 has several yes-or-no actions",
    }.get(type(space), "a gymnasium.ActionWrapper around the environment can make its actions of one")
    raise InputError(f"{env} has actions {space}: compactrl needs a flat Box or Discrete: {hint}")


def _sides(space: Any, bound: str, side: str) -> Iterator[tuple[Any, bool]]:
    """Yield each bound on one side of a Box, and whether it is one: of an unbounded integer it is the type's."""
    return zip(getattr(space, bound), getattr(space, f"bounded_{side}"), strict=True)


def measure_names(env: str, names: Any, goal: Goal | None = None, reported: bool = False) -> tuple[str, ...]:
    """Return the measures of an environment that names these itself, `success` among them where it is known.

    Args:
        env: its id.
        names: as the environment has them.
        goal: its goals, which may tell of success.
        reported: whether the environment itself tells of success.

    Raises:
        InputError: they are no list of words, or are taken by what compactrl reports itself.

    Example:
        >>> measure_names("Robot-v0", ["distance"], Goal(2, reward=max, success=min))
        ('distance', 'success')
    """
    if isinstance(names, str) or not all(isinstance(name, str) and name.isidentifier() for name in names):
        raise InputError(f'{env} has measures {names!r}: expected a list of words, such as ["distance"]')
    for name in RESERVED & set(names):
        raise InputError(f"{env} has a measure named '{name}', which compactrl reports itself: give it another name")
    known = reported or (goal is not None and goal.success is not None)
    return (*names, *([SUCCESS] if known and SUCCESS not in names else []))
