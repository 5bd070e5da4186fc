"""Whole episodes with any function that acts: what a policy sees, and what an exported one returns beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines import make_engine
from compactrl.envs.spec import EnvironmentSpec
from compactrl.types import Floats

Act = Callable[[Floats], NDArray[Any]]
"""Observations (B, O) → actions (B, A), or (B,) where discrete."""


class Starts(NamedTuple):
    """Where episodes begin: in which environment, from which seeds, and in which task of a family."""

    spec: EnvironmentSpec
    seed: np.random.SeedSequence
    """Every episode's seed follows from it; two rollouts from the same starts have the same ones."""
    task: Floats | None = None
    """(C,) of every episode; None where each has its own, or there are none."""

    def seeds(self, episodes: int) -> list[int]:
        """Return the seed of each of so many episodes."""
        return [int(seed) for seed in self.seed.generate_state(episodes) >> 1]


class Rollout(NamedTuple):
    """Episodes that began together, one a seed."""

    returns: Floats
    """(episodes,) undiscounted; NaN where one failed."""
    observations: Floats
    """(B, O), what was seen, in the order of time."""
    measures: Mapping[str, Floats] = {}
    """Name → (episodes,) what the environment measures; NaN of episodes that did not come to their end."""


def roll_out(starts: Starts, act: Act, episodes: int, steps: int | None = None, stride: int = 1) -> Rollout:
    """Run episodes, all at once, or as many at a time as there may be environments.

    Args:
        starts: where they begin.
        act: the policy.
        episodes: how many.
        steps: end each after so many environment steps; to its end without.
        stride: keep the observations of every such step.
    """
    seeds, most = starts.seeds(episodes), starts.spec.at_most(episodes)
    parts = [_together(starts, seeds[first : first + most], act, steps, stride) for first in range(0, episodes, most)]
    return Rollout(
        np.concatenate([part.returns for part in parts]),
        np.concatenate([part.observations for part in parts]),
        {name: np.concatenate([part.measures[name] for part in parts]) for name in parts[0].measures},
    )


def _together(starts: Starts, seeds: list[int], act: Act, steps: int | None, stride: int) -> Rollout:
    """Run an episode from each of these seeds, all at once; the rest is as in `roll_out`."""
    episodes, spec = len(seeds), starts.spec
    engine = make_engine(spec, seeds, len(os.sched_getaffinity(0)))
    try:
        running = np.arange(episodes)
        returns, kept = np.zeros(episodes), []
        measures = {name: np.full(episodes, np.nan) for name in spec.measures}
        tasks = None if starts.task is None else np.tile(starts.task, (episodes, 1))
        engine.send(running, None, np.ones(episodes, bool), tasks)
        answer = engine.receive()
        taken = 0
        while len(running) and (steps is None or taken < steps):
            goes_on: NDArray[np.bool_] = np.asarray(np.isfinite(answer.observation).all(axis=1))
            goes_on[list(answer.errors)] = False
            returns[running[~goes_on]] = np.nan
            if taken:
                returns[running] += answer.reward
                for name, values in answer.measures.items():
                    measures[name][running] = np.where(goes_on & answer.done, values, np.nan)
                goes_on &= ~answer.done
            running, observations = running[goes_on], answer.observation[goes_on]
            if not len(running):
                break
            if taken % stride == 0:
                kept.append(observations)
            engine.send(running, act(observations), np.zeros(len(running), bool))
            answer = engine.receive()
            taken += 1
    finally:
        engine.close()
    return Rollout(returns, np.concatenate(kept) if kept else np.zeros((0, spec.observation_size)), measures)
