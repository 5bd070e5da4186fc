"""EvoTorch's `GymNE`: episodes in Ray actors, one Gymnasium environment and one PyTorch module each."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import typer

from compactrl.types import Floats, Layers

HIDDEN = 41


@contextmanager
def gym_problem(env: str, actors: int, seed: int = 0) -> Iterator[Any]:
    """Give a GymNE with one tanh layer, no bias on its output, normalised observations, and its actors started.

    Ray is started for it and shut down after it. The seed is PyTorch's global one: EvoTorch 0.6.1 cannot seed a
    problem that has actors (its `manual_seed` makes them call a method that is not there), and never seeds its
    environments, so that its episodes differ from run to run.
    """
    if find_spec("imageio") is None:
        raise typer.BadParameter("EvoTorch needs Gymnasium's MuJoCo environments: pip install 'gymnasium[mujoco]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import gymnasium
    import ray
    import torch
    from evotorch.neuroevolution import GymNE

    logging.getLogger("evotorch").setLevel(logging.ERROR)
    made = gymnasium.make(env)
    inputs, outputs = made.observation_space.shape[0], made.action_space.shape[0]
    made.close()
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Linear(inputs, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, outputs, bias=False)
    )
    ray.init(address="local", num_cpus=actors, include_dashboard=False, log_to_driver=False, logging_level="error")
    problem = None
    try:
        problem = GymNE(env, network, observation_normalization=True, num_actors=actors)
        problem._parallelize()
        problem.all_remote_problems()._get_local_interaction_count()  # returns once every actor is there
        yield problem
    finally:
        if problem is not None:
            problem.kill_actors()
        ray.shutdown()


def vectors(layers: Layers) -> Floats:
    """Return each policy's numbers in the order of PyTorch's parameters, shape (N, P)."""
    parts = [part.reshape(len(part), -1) for layer in layers for part in layer if part is not None]
    return np.concatenate(parts, axis=1)


def evaluate(problem: Any, values: Floats) -> tuple[float, int]:
    """Run an episode of each policy (N, P); returns seconds and environment steps."""
    import torch

    batch = problem.generate_batch(len(values))
    batch.set_values(torch.as_tensor(values, dtype=torch.float32))
    before = problem.interaction_count
    began = time.perf_counter()
    problem.evaluate(batch)
    return time.perf_counter() - began, problem.interaction_count - before
