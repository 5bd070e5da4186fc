"""Learning curves on the clock: EvoTorch's PGPE on its GymNE, and `compactrl search --method unstructured --es pgpe`.

The same algorithm, population, step size and network; returns are means of the noise-free centre over episodes of their
own, the same starts for both, outside of the clock and of the budget. compactrl's clock and budget include its
re-evaluations for what ships, since a search has them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.searches.api import start
from compactrl.searches.search import Search
from compactrl.storage.files import read_json
from experiments.bench.actors import HIDDEN, gym_problem
from experiments.bench.report import RESULTS, show, write

ENV = "HalfCheetah-v5"
POPULATION = 64
EPISODES = 16
FIRST_EPISODE = 10_000
"""Seed of the first evaluation episode."""

Act = Callable[[np.ndarray], np.ndarray]


def mean_return(act: Act) -> dict[str, Any]:
    """Return mean and deviation of a policy's returns, with the episodes' number."""
    import gymnasium

    env, returns = gymnasium.make(ENV), []
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=FIRST_EPISODE + episode)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            total += float(reward)
            over = terminated or truncated
        returns.append(total)
    env.close()
    return {"return_mean": float(np.mean(returns)), "return_std": float(np.std(returns, ddof=1)), "episodes": EPISODES}


def evotorch(seed: int, marks: list[int], num_actors: int) -> list[dict[str, Any]]:
    """Train with EvoTorch; returns steps, seconds and the centre's return at each mark."""
    import torch
    from evotorch.algorithms import PGPE

    reached: list[dict[str, Any]] = []
    with gym_problem(ENV, num_actors, seed) as problem:
        searcher = PGPE(
            problem, popsize=POPULATION, center_learning_rate=0.075, stdev_learning_rate=0.1, radius_init=2.25,
            optimizer="clipup", optimizer_config={"max_speed": 0.15}, ranking_method="centered", symmetric=True,
        )  # fmt: skip
        seconds = 0.0
        while len(reached) < len(marks):
            began = time.perf_counter()
            searcher.step()
            seconds += time.perf_counter() - began
            if problem.interaction_count < marks[len(reached)]:
                continue
            policy = problem.to_policy(searcher.status["center"]).eval()

            def act(observation: np.ndarray, policy: Any = policy) -> np.ndarray:
                with torch.no_grad():
                    return np.asarray(policy(torch.as_tensor(observation, dtype=torch.float32)))

            reached.append({"env_steps": problem.interaction_count, "seconds": seconds, **mean_return(act)})
    return reached


def compactrl(seed: int, marks: list[int], threads: int) -> list[dict[str, Any]]:
    """Train with compactrl; returns steps, seconds and the centre's return at each mark."""
    reached: list[dict[str, Any]] = []
    paused = 0.0

    def note(record: dict[str, float], search: Search) -> None:
        nonlocal paused
        if len(reached) < len(marks) and record["env_steps"] >= marks[len(reached)]:
            began = time.perf_counter()
            policy = search.policy(np.zeros(0, np.int64))
            steps = int(record["env_steps"])
            reached.append({"env_steps": steps, "seconds": record["seconds"] - paused, **mean_return(policy)})
            paused += time.perf_counter() - began

    options = {
        "method": "unstructured", "env": ENV, "engine": "envpool", "hidden": HIDDEN, "es": "pgpe",
        "population": POPULATION, "seed": seed, "steps": marks[-1], "threads": threads,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        search = start(options, Path(folder) / "run")
        try:
            search.run(note)
        finally:
            search.close()
    return reached


def run(marks: list[int], seeds: list[int], threads: int, num_actors: int, folder: Path | None) -> None:
    """Train what is not in the results yet, one system after the other, and show all of it."""
    path = (folder or RESULTS) / "bench-evotorch.json"
    rows = read_json(path)["rows"] if path.exists() else []
    systems = {
        "EvoTorch": lambda seed: evotorch(seed, marks, num_actors),
        "compactrl": lambda seed: compactrl(seed, marks, threads),
    }
    for seed in seeds:
        for system, train in systems.items():
            key = {"system": system, "seed": seed, "marks_at": marks}
            if any(key.items() <= row.items() for row in rows):
                continue
            rows.append({**key, "threads": threads, "actors": num_actors, "marks": train(seed)})
            write("evotorch", {"env": ENV, "population": POPULATION, "rows": rows}, folder)
    show(
        f"{ENV}: PGPE, population {POPULATION}, mean return of the centre over {EPISODES} episodes",
        ["system", "seed", "million steps", "seconds", "return"],
        [
            [row["system"], row["seed"], mark["env_steps"] / 1e6, mark["seconds"], mark["return_mean"]]
            for row in rows
            for mark in row["marks"]
        ],
    )
