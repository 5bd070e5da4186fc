"""Whole episodes with any function that acts: what a policy sees, and what an exported one returns beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.engines import ENGINES, make_engine
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.runs.run import EVALUATION_STREAM, Run
from compactrl.types import Floats

Act = Callable[[Floats], NDArray[Any]]
"""Observations (B, O) → actions (B, A), or (B,) where discrete."""


class Rollout(NamedTuple):
    """Episodes that began together, one a seed."""

    returns: Floats
    """(episodes,) undiscounted; NaN where one failed."""
    observations: Floats
    """(B, O), what was seen, in the order of time."""


def environment_of_run(run: Run, quick: bool = False) -> EnvironmentSpec:
    """Return the run's environment.

    Args:
        run: says which.
        quick: take its engine's twin where that has the same one: importing EnvPool takes longer than an export.

    Raises:
        InputError: it cannot be made here.
    """
    kind = ENGINES.get(run.config["engine"])
    twin = kind.twin if kind else ""
    if quick and twin:
        with contextlib.suppress(InputError):  # the twin has no such environment
            spec = environment_of({**run.config, "engine": twin})
            if (spec.observation_size, spec.action) == (run.policy.shape[0], run.policy.action):
                return spec
    return environment_of(run.config)


def roll_out(
    spec: EnvironmentSpec, run: Run, act: Act, episodes: int, steps: int | None = None, stride: int = 1
) -> Rollout:
    """Run episodes from the seeds of `compactrl evaluate`, all at once.

    Args:
        spec: the environment.
        run: whose seeds.
        act: the policy.
        episodes: how many.
        steps: end each after so many environment steps; to its end without.
        stride: keep the observations of every such step.
    """
    seeds = np.random.SeedSequence(run.config["seed"], spawn_key=(EVALUATION_STREAM,)).generate_state(episodes) >> 1
    engine = make_engine(spec, seeds.tolist(), len(os.sched_getaffinity(0)))
    try:
        running = np.arange(episodes)
        returns, seen = np.zeros(episodes), []
        engine.send(running, None, np.ones(episodes, bool))
        answer = engine.receive()
        taken = 0
        while len(running) and (steps is None or taken < steps):
            going: NDArray[np.bool_] = np.asarray(np.isfinite(answer.observation).all(axis=1))
            going[list(answer.errors)] = False
            returns[running[~going]] = np.nan
            if taken:
                returns[running] += answer.reward
                going &= ~answer.done
            running, observations = running[going], answer.observation[going]
            if not len(running):
                break
            if taken % stride == 0:
                seen.append(observations)
            engine.send(running, act(observations), np.zeros(len(running), bool))
            answer = engine.receive()
            taken += 1
    finally:
        engine.close()
    return Rollout(returns, np.concatenate(seen) if seen else np.zeros((0, spec.observation_size)))
