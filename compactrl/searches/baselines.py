"""What a return is to be held against: random actions, doing nothing, and what the environment calls solved.

Random actions are those of Gymnasium's `action_space.sample()`. Doing nothing is an action of zero, or the nearest to
it within the bounds; where actions are discrete none of them need be nothing, and the first one is taken always.
Few episodes are enough to tell a policy that has learned something from one that has not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.local import LocalEvaluator
from compactrl.policies.actions import ActionSpec
from compactrl.runs.evaluation import EVALUATION_LANES, EVALUATION_STREAM, SUMMARY_EPISODES, seeds_behind_summary
from compactrl.types import Floats, Layer, Normalizer, Stacked, Trials

EPISODES = 10
"""Of random actions, and as many of doing nothing."""
LANES = 5
"""Few, since some environments take seconds to make."""
DRAWN_STEPS = 10_000
"""Random actions of one episode, at most; they begin again after that."""


def comparisons(
    spec: EnvironmentSpec, exists_once: bool, seed: int, threads: int = 0, task: Floats | None = None
) -> dict[str, Any]:
    """Return what a summary says for a return to be held against: `baselines` and `reward_threshold`, as JSON values.

    An environment that exists once may be a robot, which random actions may break: it gets none.
    """
    return {
        "baselines": None if exists_once else baselines(spec, seed, threads, task),
        "reward_threshold": reward_threshold(spec.id),
    }


def baselines(
    spec: EnvironmentSpec, seed: int, threads: int = 0, task: Floats | None = None
) -> dict[str, dict[str, Any]]:
    """Return what random actions and doing nothing come to over fresh episodes, as JSON values.

    Their randomness is their own: a search has the same numbers with them and without, and they are not in its steps.
    In a family, where no task is given, they are of the very episodes behind the summary: tasks differ by more than
    policies may.

    Args:
        spec: the environment.
        seed: of the search.
        threads: that step environments; 0 for every core.
        task: (C,) of every episode, where it is of a policy for one task of a family.

    Returns:
        `random` and `zero`, each with `return_mean`, `return_std`, and `episodes`, which did not fail.
    """
    lanes_seed, actions_seed = np.random.SeedSequence(seed, spawn_key=(EVALUATION_STREAM, 2)).spawn(2)
    steps, own_tasks = min(spec.max_episode_steps, DRAWN_STEPS), spec.contexts is not None and task is None
    episodes = SUMMARY_EPISODES if own_tasks else EPISODES
    drawn = random_actions(spec.action, episodes, steps, int(actions_seed.generate_state(1)[0]))
    still = np.broadcast_to(nothing(spec.action), drawn.shape).astype(drawn.dtype)
    if own_tasks:
        lanes = min(episodes, EVALUATION_LANES)
        random, zero = (_returns(spec, each, lanes, seeds_behind_summary(seed), threads) for each in (drawn, still))
    else:
        returns = _returns(spec, np.concatenate([drawn, still]), LANES, lanes_seed, threads, task)
        random, zero = returns[:episodes], returns[episodes:]
    return {"random": _described(random), "zero": _described(zero)}


def _returns(
    spec: EnvironmentSpec,
    actions: NDArray[Any],
    lanes: int,
    seed: np.random.SeedSequence,
    threads: int,
    task: Floats | None = None,
) -> Floats:
    """Return what actions (episodes, steps, …) come to, (episodes,)."""
    size, count = spec.observation_size, len(actions)
    silent = Stacked((Layer(np.zeros((count, spec.action.size, size), np.float32), None),))
    unchanged = Normalizer(np.zeros(size), np.ones(size))
    evaluator = LocalEvaluator(spec, spec.at_most(lanes), seed, threads or None)
    no_designs, tasks = np.zeros((count, 0), np.int64), None if task is None else np.tile(task, (count, 1))
    try:
        return evaluator.evaluate(Trials(silent, unchanged, no_designs, tasks=tasks, actions=actions)).returns
    finally:
        evaluator.close()


def random_actions(action: ActionSpec, episodes: int, steps: int, seed: int) -> NDArray[Any]:
    """Draw actions as Gymnasium's spaces do: (episodes, steps, A), or (episodes, steps) where they are discrete."""
    from gymnasium import spaces

    shape = (episodes, steps)
    if action.kind == "discrete":
        choices = np.full(shape, action.choices)
        return np.asarray(spaces.MultiDiscrete(choices, seed=seed, start=np.full(shape, action.start)).sample())
    low, high = (np.broadcast_to(limit, (*shape, action.size)) for limit in action.limits)
    real = spaces.Box(low, high, dtype=np.float64, seed=seed)
    if not action.dtype:
        return np.asarray(real.sample())
    # Of integers each is as likely as the others, the bounds too.
    inclusive = spaces.Box(low, np.where(np.isfinite(high), high + 1, high), dtype=np.float64, seed=seed)
    held = np.clip(np.floor(inclusive.sample()), *action.clips)
    return np.asarray(np.clip(held, low, high).astype(action.dtype))


def nothing(action: ActionSpec) -> NDArray[Any]:
    """Return the action that does nothing, (A,): zero or the nearest to it; () where discrete: the first one.

    Example:
        >>> nothing(ActionSpec("box", (-1.0, 0.5), (1.0, 2.0)))
        array([0. , 0.5])
    """
    if action.kind == "discrete":
        return np.asarray(action.start)
    return np.clip(np.zeros(action.size), *action.limits)


def reward_threshold(env: str) -> float | None:
    """Return the mean return from which Gymnasium calls an environment solved; None where it does not say."""
    import gymnasium

    try:
        threshold = gymnasium.spec(env).reward_threshold
    except gymnasium.error.Error:  # one of another engine alone
        return None
    return None if threshold is None else float(threshold)


def _described(returns: Floats) -> dict[str, Any]:
    known = returns[np.isfinite(returns)]
    return {
        "return_mean": float(known.mean()) if len(known) else None,
        "return_std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "episodes": len(known),
    }
