"""Whole episodes with any function that acts: what a policy sees, and what an exported one returns beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compactrl.envs.modules import load_module
from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.evaluation.local import make_engine
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


def environment_of(run: Run, quick: bool = False) -> EnvironmentSpec:
    """Return the run's environment.

    Args:
        run: says which.
        quick: take Gymnasium's where it has the same one: importing EnvPool takes longer than an export.

    Raises:
        InputError: it cannot be made here.
    """
    config = run.config
    if config["env_module"]:
        load_module(config["env_module"])
    given = (config["max_episode_steps"], config["env_options"])
    if quick and config["engine"] != "gymnasium":
        try:
            spec = describe(config["env"], "gymnasium", *given)
            if (spec.observation_size, spec.action) == (run.policy.shape[0], run.policy.action):
                return spec
        except InputError:  # EnvPool's own
            pass
    return describe(config["env"], config["engine"], *given)


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
