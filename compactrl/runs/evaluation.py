"""Fresh episodes of a run's policy without noise: which ones, and what came of them.

    stream of seeds        episodes
    EVALUATION_STREAM      behind `return_mean` in summary.json; always the same ones of a run
    FRESH_STREAM           of `evaluate`: by its seed alone, for whichever run; the run's own seed by default

No lane of a search has any of these, and neither stream has one of the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.given import exists_once, is_local
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, InputError
from compactrl.evaluation import Evaluator
from compactrl.policies.policy import Policy
from compactrl.types import Floats, Trials

SUMMARY_EPISODES = 100
"""Fresh episodes behind the return in a summary."""
EVALUATION_LANES = 128
EVALUATION_STREAM = 0xE7A1
"""Spawn key of the seeds behind a run's summary, and its parts those of catalogues."""
FRESH_STREAM = 0xF4E5
Watch = Callable[[Evaluator, int], None]


class Evaluation(NamedTuple):
    """Returns of the noise-free policy over fresh episodes."""

    returns: Floats
    """(episodes,) undiscounted; NaN where an episode failed."""
    steps: NDArray[np.int64]
    """(episodes,)"""
    failures: dict[int, str]
    measures: Mapping[str, Floats] = {}
    """Name → (episodes,) what the environment reports beside the return, NaN as above."""
    seed: int | None = None
    """What the episodes follow from; None of those behind a run's summary."""

    @property
    def successes(self) -> Floats | None:
        """(episodes,) 1 where the goal was reached at the end, 0 elsewhere, NaN as above; where that is reported."""
        return self.measures.get("success")

    @property
    def measure_means(self) -> dict[str, float | None]:
        """`NAME_mean` of each measure over the episodes where it is known; None where it is known in none."""
        return {f"{name}_mean": mean_of_known(values) for name, values in self.measures.items()}

    @property
    def episodes(self) -> int:
        """Episodes that did not fail."""
        return int(np.isfinite(self.returns).sum())

    @property
    def mean_return(self) -> float:
        """Mean over the episodes that did not fail."""
        return float(np.nanmean(self.returns))

    @property
    def std_return(self) -> float:
        """Standard deviation over episodes."""
        return float(np.nanstd(self.returns, ddof=1)) if self.episodes > 1 else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean (normal approximation)."""
        half = 1.96 * self.std_return / max(1, self.episodes) ** 0.5
        return self.mean_return - half, self.mean_return + half


def seeds_behind_summary(seed: int) -> np.random.SeedSequence:
    """Return what the episodes behind a run's summary follow from, by the run's seed."""
    return np.random.SeedSequence(seed, spawn_key=(EVALUATION_STREAM,))


def fresh_seeds(seed: int) -> np.random.SeedSequence:
    """Return what the fresh episodes of this seed follow from."""
    return np.random.SeedSequence(seed, spawn_key=(FRESH_STREAM,))


def check_episodes(episodes: int) -> None:
    """Raise InputError where there is not one episode."""
    if episodes < 1:
        raise InputError(f"--episodes {episodes}: expected at least 1")


def check_fits(policy: Policy, spec: EnvironmentSpec) -> None:
    """Raise InputError where a policy is for other observations, in another order, or actions than an environment's."""
    if (spec.observation_size, spec.action.size) != (policy.shape[0], policy.shape[-1]):
        raise InputError(
            f"{spec.id} has now {spec.observation_size} observations and {spec.action.size} outputs; "
            f"the policy was trained with {policy.shape[0]} and {policy.shape[-1]}: use the environment of then"
        )
    check_task(policy, spec)
    if changed := spec.reordered(policy.names):
        raise InputError(
            f"{spec.id} orders its observations otherwise than when the policy was trained: {changed}: use the "
            "environment of then"
        )


def check_task(policy: Policy, spec: EnvironmentSpec, what: str = "the policy") -> None:
    """Raise InputError where a policy is for a task of another family, whose numbers mean something else."""
    if policy.context is None or spec.contexts is None or policy.env == spec.id or is_local(policy.env):
        return
    task = ", ".join(f"{number:g}" for number in policy.context)
    raise InputError(f"{what} is for the task {task} of {policy.env}, which is none of {spec.id}: use that environment")


def run_episodes(
    policy: Policy,
    spec: EnvironmentSpec,
    episodes: int,
    seed: np.random.SeedSequence,
    threads: int = 0,
    watch: Watch | None = None,
) -> Evaluation:
    """Run a policy without noise for whole episodes.

    Args:
        policy: what acts.
        spec: the environment.
        episodes: how many; fewer are the first ones of more.
        seed: what they follow from.
        threads: that step the environments; 0 for every core. Changes no result.
        watch: called as they begin with who runs them, whose `underway` tells how far they are, and with the
            environment steps that they have at most.

    Raises:
        InputError: fewer than one episode, or the policy is for another environment.
        CompactrlError: every episode failed.
    """
    from compactrl.evaluation.local import LocalEvaluator

    check_episodes(episodes)
    check_fits(policy, spec)
    lanes = 1 if exists_once(spec.id) else spec.at_most(min(episodes, EVALUATION_LANES))
    evaluator = LocalEvaluator(spec, lanes, seed, threads or None)
    try:
        if watch is not None:
            watch(evaluator, episodes * spec.max_episode_steps)
        no_designs = np.zeros((episodes, 0), np.int64)
        tasks = None if spec.contexts is None else policy.tasks(episodes)
        trials = Trials(policy.batched(episodes), policy.normalizer, no_designs, tasks=tasks)
        outcomes = evaluator.evaluate(trials)
    finally:
        evaluator.close()
    if len(outcomes.failures) == episodes:
        raise CompactrlError(f"all {episodes} episodes failed: {next(iter(outcomes.failures.values()))}")
    return Evaluation(outcomes.returns, outcomes.steps, outcomes.failures, outcomes.measures)


def mean_of_known(values: Floats) -> float | None:
    """Return the mean of the finite values; None where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
