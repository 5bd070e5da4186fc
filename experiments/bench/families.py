"""Environment steps a second in a family of tasks, beside the environment that it is made of, on the same engine.

Both have the same policies, lanes and lengths of episodes, and take turns. A robot's starts and ends are the same in
both, and so are its steps: what differs is what a reward takes, and what an episode's task does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.learners.options import DEFAULT_LANES
from compactrl.types import Trials
from experiments.bench.mujoco_engine import evaluator
from experiments.bench.report import ratio, show, timing, write
from experiments.bench.throughput import untrained

PAIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "compactrl/HalfCheetah-FwdBack-v0": ("HalfCheetah-v5", {}),
    "compactrl/HalfCheetah-Vel-v0": ("HalfCheetah-v5", {}),
    "compactrl/Ant-FwdBack-v0": ("Ant-v5", {"include_cfrc_ext_in_observation": False}),
    "compactrl/Ant-Vel-v0": ("Ant-v5", {"include_cfrc_ext_in_observation": False}),
    "compactrl/Walker2d-Vel-v0": ("Walker2d-v5", {}),
    "compactrl/Quadrotor-Airframe-v0": ("compactrl/Quadrotor-v0", {}),
}
"""Family → the environment that it is made of, and its options."""
TARGET = 0.9
"""Of a family's steps a second over the plain environment's."""


def run(names: list[str], population: int, threads: int, repeats: int, out: Path | None) -> None:
    """Measure, show and write."""
    chosen = {env: pair for env, pair in PAIRS.items() if not names or any(name in env for name in names)}
    results = {env: measure(env, *pair, population, threads, repeats) for env, pair in chosen.items()}
    rows = [
        [
            env,
            result["plain"]["median_steps_per_second"],
            result["family"]["median_steps_per_second"],
            result["family_by_plain"],
            "yes" if result["family_by_plain"] >= TARGET else "no",
        ]
        for env, result in results.items()
    ]
    title = f"Environment steps a second, {population} policies, {threads} threads"
    show(title, ["family", "plain", "family's", "of the plain", f"at least {TARGET}"], rows)
    write("families", {"population": population, "threads": threads, "target": TARGET, "families": results}, out)


def measure(
    env: str, base: str, options: dict[str, Any], population: int, threads: int, repeats: int
) -> dict[str, Any]:
    """Time episodes of a family and of the environment that it is made of, by turns, `repeats` times."""
    family = describe(env)
    plain = describe(base, family.engine, family.max_episode_steps, options)
    trials = untrained(family, population)
    seconds: dict[str, list[float]] = {"plain": [], "family": []}
    steps = {"plain": 0, "family": 0}
    for repetition in range(-1, repeats):  # the first one only warms up
        for name, spec in (("plain", plain), ("family", family)):
            taken, steps[name] = timed(spec, trials, threads)
            if repetition >= 0:
                seconds[name].append(taken)
    rows = {name: timing(taken, steps[name]) for name, taken in seconds.items()}
    each = {name: [second / steps[name] for second in taken] for name, taken in seconds.items()}
    return {**rows, "family_by_plain": ratio(each["plain"], each["family"])}


def timed(spec: EnvironmentSpec, trials: Trials, threads: int) -> tuple[float, int]:
    """Return the seconds of a generation's episodes, and their steps."""
    made = evaluator(spec, min(len(trials.designs), DEFAULT_LANES), threads)
    try:
        began = time.perf_counter()
        outcomes = made.evaluate(trials)
        return time.perf_counter() - began, int(outcomes.steps.sum())
    finally:
        made.close()
