"""Goals: environments whose observation says what is wanted and what has been achieved.

These are the environments with Gymnasium-Robotics' dictionaries of `observation`, `achieved_goal`, `desired_goal`.
A policy observes [observation | desired goal]; the achieved goal is for hindsight and for saying what succeeded.
Reward must be a function of the two goals, as `compute_reward` of those environments is; whether it is, a few steps
tell.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.answers import raised_in
from compactrl.envs.probe import Probe, Step
from compactrl.errors import InputError
from compactrl.types import Floats

KEYS = ("observation", "achieved_goal", "desired_goal")

Rewards = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""(achieved (B, G), desired (B, G)) → rewards (B,)."""


@dataclass(frozen=True)
class Goal:
    """What an environment's goals are."""

    size: int
    """G, the last numbers of an observation."""
    reward: Rewards
    success: Rewards | None
    """1 where the achieved goal is the desired one, 0 elsewhere; None where the environment itself says what succeeds,
    or nobody does."""
    lowest: float | None = None
    """The reward anywhere but at the goal, where that is one number, and 0 at it: it bounds what any policy can get."""
    refusal: str = ""
    """Why there is no reward for other goals than a step's own, where there is none."""


def has_goals(space: Any) -> bool:
    """Return whether a Gymnasium observation space is the dictionary of a goal environment."""
    from gymnasium.spaces import Dict

    return isinstance(space, Dict) and set(KEYS) <= set(space.spaces)


def distance_goal(size: int, threshold: float, dense: bool) -> Goal:
    """Return goals that are points, reached within a distance: Fetch's.

    Example:
        >>> goal = distance_goal(1, threshold=0.1, dense=False)
        >>> goal.reward(np.array([[0.0], [0.5]]), np.array([[0.05], [0.0]]))
        array([-0., -1.])
    """

    def distance(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.linalg.norm(achieved - desired, axis=-1))

    def reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        away = distance(achieved, desired)
        return -away if dense else -(away > threshold).astype(np.float64)

    def success(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return (distance(achieved, desired) <= threshold).astype(np.float64)

    return Goal(size, reward, success, None if dense else -1.0)


def goal_of(env: Any, tried: Probe, success_reported: bool = False) -> Goal:
    """Return the goals of a Gymnasium environment with `compute_reward`, which is held against the steps tried.

    It is called with many goals at once where that gives what it gives for each, else with one pair after the other.
    Where neither gives the rewards of the steps, there is a `refusal` in place of a reward.

    Success has the reward of being there, where rewards are two numbers, one at the goal and one elsewhere.

    Args:
        env: a `GoalObservation`; only its `compute_reward` is used.
        tried: a few steps of it.
        success_reported: whether it says itself which episodes succeed: then nothing is made of rewards.
    """
    compute = _Compute(env.unwrapped.compute_reward, env.goal_space)
    name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
    try:
        reward, values, distinct = _checked(compute, name, tried, env.goal_size)
    except InputError as error:
        return Goal(env.goal_size, _refused(str(error)), None, refusal=str(error))

    def success(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        known = np.isfinite(achieved).all(axis=-1)
        found = np.zeros(known.shape)
        found[known] = reward(achieved[known], desired[known]) >= reward(desired[known], desired[known])
        return found

    sparse = (
        len(np.unique(values[~distinct])) == 1 and len(np.unique(values)) == 2 and values.max() in values[~distinct]
    )
    return Goal(env.goal_size, reward, success if sparse and not success_reported else None)


class _Compute:
    """An environment's `compute_reward`, called with goals as it has them: in their space's shape, integers as such."""

    def __init__(self, compute: Callable[..., Any], space: Any) -> None:
        self._compute, self._shape = compute, tuple(space.shape)
        self._whole = space.dtype if np.issubdtype(space.dtype, np.integer) else None

    def _as_given(self, goals: NDArray[Any]) -> NDArray[Any]:
        goals = goals.reshape(*goals.shape[:-1], *self._shape)
        return np.array(goals) if self._whole is None else np.rint(goals).astype(self._whole)

    def single(self, achieved: NDArray[Any], desired: NDArray[Any], info: Any) -> float:
        """Return the reward of one pair of goals, (G,) each."""
        return float(np.asarray(self._compute(self._as_given(achieved), self._as_given(desired), info)).item())

    def singles(self, achieved: NDArray[Any], desired: NDArray[Any]) -> Floats:
        """Return the rewards (B,) of pairs (B, G), one after the other."""
        return np.array([self.single(*pair, {}) for pair in zip(achieved, desired, strict=True)], np.float64)

    def batch(self, achieved: NDArray[Any], desired: NDArray[Any]) -> Floats:
        """Return the rewards (B,) of pairs (B, G), in one call."""
        found = np.asarray(self._compute(self._as_given(achieved), self._as_given(desired), {}), np.float64)
        if found.shape != achieved.shape[:1]:
            raise ValueError(f"compute_reward gave shape {found.shape} for {len(achieved)} pairs of goals")
        return found


def _checked(compute: _Compute, name: str, tried: Probe, size: int) -> tuple[Rewards, Floats, NDArray[np.bool_]]:
    """Return the rewards of an environment's goals, what they are for some pairs, and which pairs are of two goals.

    Raises:
        InputError: they are not those of the steps.
    """
    steps = [step for step in tried.steps if step.achieved is not None and np.isfinite(step.reward)]
    if not steps:
        raise InputError(f"{name}: its rewards could not be tried: {tried.problem or 'no step has a finite reward'}")
    own = np.array([step.reward for step in steps])
    reached, wanted = (np.stack(parts) for parts in zip(*(_goals(step, size) for step in steps), strict=True))
    # The steps themselves; goals that were reached; what hindsight asks for; goals of other steps.
    achieved = np.concatenate([reached, reached, wanted, reached, reached])
    desired = np.concatenate([wanted, reached, wanted, np.broadcast_to(reached[-1], reached.shape), wanted[::-1]])
    distinct = (achieved != desired).any(axis=1)

    singles, single_problem = _tried(compute.singles, achieved, desired)
    batch, problem = _tried(compute.batch, achieved, desired)
    if singles is None:  # it may be for many at once only
        singles, _ = _tried(_in_batches_of_one(compute.batch), achieved, desired)
    if singles is None or not _same(singles[: len(own)], own):
        raise InputError(_why_not(compute, name, steps, size, own, singles, single_problem or problem))
    if len(np.unique(singles)) == 1:
        raise InputError(
            f"{name}: compute_reward gives {singles[0]:g} for every pair of goals, reached or not: expected a function "
            "of the goals that it is called with, not of where the environment stands"
        )
    together = batch is not None and _same(batch, singles)
    each = compute.batch if together else compute.singles if single_problem == "" else _in_batches_of_one(compute.batch)

    def reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        found = each(achieved.reshape(-1, size), desired.reshape(-1, size)) if achieved.size else np.zeros(0)
        return found.reshape(achieved.shape[:-1])

    return reward, singles, distinct


def _goals(step: Step, size: int) -> tuple[Floats, Floats]:
    """Return the achieved and the desired goal of a step, (G,) each."""
    return np.asarray(step.achieved, np.float64), np.asarray(step.observation[-size:], np.float64)


def _tried(rewards: Rewards, achieved: Floats, desired: Floats) -> tuple[Floats | None, str]:
    """Return the rewards, or None and what was raised."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return rewards(achieved.copy(), desired.copy()), ""
    except Exception as error:
        return None, raised_in(error, "compute_reward")


def _in_batches_of_one(batch: Rewards) -> Rewards:
    def rewards(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([batch(*pair) for pair in zip(achieved[:, None], desired[:, None], strict=True)])

    return rewards


def _same(found: Floats, expected: Floats) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-4, atol=1e-6))


def _why_not(
    compute: _Compute, name: str, steps: list[Step], size: int, own: Floats, found: Floats | None, problem: str
) -> str:
    """Say why rewards for other goals cannot be had."""

    def informed(achieved: NDArray[Any], desired: NDArray[Any]) -> Floats:
        infos = (dict(step.info) for step in steps)
        return np.array([compute.single(*each) for each in zip(achieved, desired, infos, strict=True)])

    reached, wanted = (np.stack(parts) for parts in zip(*(_goals(step, size) for step in steps), strict=True))
    with_info, _ = _tried(informed, reached, wanted)
    if with_info is not None and _same(with_info, own):
        return (
            f"{name}: compute_reward needs the info of a step, which says nothing of other goals: expected a function "
            "of the two goals alone, that does with an empty info"
        )
    if found is None:
        return f"{name}: {problem}: expected a number for an achieved goal and a desired one"
    where = int(np.argmax(~np.isclose(found[: len(own)], own, rtol=1e-4, atol=1e-6)))
    return (
        f"{name}: a step paid {own[where]:g} where compute_reward(achieved_goal, desired_goal, {{}}) gives "
        f"{found[where]:g}: expected the same, a function of the two goals alone"
    )


def _refused(refusal: str) -> Rewards:
    """Return rewards that cannot be had; none of no goals."""

    def reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001
        if achieved.size:
            raise InputError(refusal)
        return np.zeros(achieved.shape[:-1])

    return reward
