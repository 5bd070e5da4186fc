"""The engine `mujoco` beside the physics alone: its own episodes, since its starts are not EnvPool's.

Beside the built-in task runs one as a user writes it, with the same model: what a robot of one's own costs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

from compactrl.envs import MujocoState, MujocoTask, register
from compactrl.envs.mujoco.task import TASKS
from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.envs.tasks.base import asset
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.options import DEFAULT_LANES
from compactrl.types import Floats, Trials
from experiments.bench.openloop import OpenLoop
from experiments.bench.recording import record
from experiments.bench.report import ratio, timing

CHECKED_STEP = 5
TARGETS = {"HalfCheetah-v5": 0.95, "Walker2d-v5": 0.95, "Hopper-v5": 0.85, "Ant-v5": 0.95}
"""Shares of the open loop with untrained policies; those of Hopper fall within some 20 steps."""
OWN, OWN_TARGET, BUILT_IN = "bench/OwnCheetah-v0", 0.95, "HalfCheetah-v5"
ENGINE, OWN_ROW = "compactrl, engine mujoco", "a task of one's own"


class OwnCheetah(MujocoTask):
    """HalfCheetah as somebody writes it who has only its model."""

    model, frame_skip = asset("half_cheetah.xml"), 5

    def observe(self, state: MujocoState) -> Floats:
        """Return positions without x, and velocities."""
        return np.concatenate([state.qpos[:, 1:], state.qvel], axis=1)

    def reward(self, before: MujocoState, after: MujocoState, action: Floats) -> Floats:
        """Return the way forward less the cost of the actions."""
        forward = (after.qpos[:, 0] - before.qpos[:, 0]) / self.dt
        return np.asarray(forward - 0.1 * np.square(action).sum(axis=1))

    def start(self, generator: np.random.Generator) -> tuple[Floats, ...]:
        """Stand, with noise."""
        return generator.uniform(-0.1, 0.1, 9), 0.1 * generator.standard_normal(9)


@contextlib.contextmanager
def own_task() -> Iterator[EnvironmentSpec]:
    """Register the task, and return it as it is described."""
    register(OWN, OwnCheetah)
    try:
        yield describe(OWN)
    finally:
        del TASKS[OWN], gymnasium.registry[OWN]


def evaluator(spec: EnvironmentSpec, lanes: int, threads: int) -> LocalEvaluator:
    """Return a fresh evaluator whose environments have been reset once."""
    made = LocalEvaluator(spec, lanes, np.random.SeedSequence(0), threads)
    made.load_state_dict({"resets": np.ones(lanes, np.int64)})
    return made


def measure(env: str, trials: Trials, threads: int, repeats: int) -> dict[str, Any]:
    """Time the engine and the open loop on the same episodes, in turn, `repeats` times."""
    spec, lanes = describe(env, "mujoco"), min(len(trials.designs), DEFAULT_LANES)
    recorded = evaluator(spec, lanes, threads)
    outcomes, recorders = record(recorded, trials)
    recorded.close()
    steps = int(outcomes.steps.sum())
    limit = OpenLoop(env, [episode for recorder in recorders for episode in recorder.episodes()], threads)
    del recorders
    with contextlib.ExitStack() as stack:
        systems = {ENGINE: spec}
        if env == BUILT_IN:
            systems[OWN_ROW] = stack.enter_context(own_task())
        seconds: dict[str, list[float]] = {name: [] for name in ("rollout, pool", "rollout, queue", *systems)}
        for repetition in range(-1, repeats):  # the first one only warms up
            times = {"rollout, pool": limit.pool(), "rollout, queue": limit.queue()}
            for name, each in systems.items():
                made = evaluator(each, lanes, threads)
                began = time.perf_counter()
                same = made.evaluate(trials)
                times[name] = time.perf_counter() - began
                made.close()
                if not np.array_equal(same.steps, outcomes.steps):
                    raise RuntimeError(f"{name} ran other episodes than those that were recorded")
            if repetition >= 0:
                for name, elapsed in times.items():
                    seconds[name].append(elapsed)
    rows = {name: timing(taken, steps) for name, taken in seconds.items()}
    fastest = min(("rollout, pool", "rollout, queue"), key=lambda name: rows[name]["median_seconds"])
    for name, row in rows.items():
        row["rollout_by_system"] = ratio(seconds[fastest], seconds[name])
    if OWN_ROW in seconds:
        rows[OWN_ROW]["built_in_by_system"] = ratio(seconds[ENGINE], seconds[OWN_ROW])
    checked = min(CHECKED_STEP, int(outcomes.steps.max()))
    return {"limit": fastest, "step_checked": checked, "largest_difference": limit.difference(checked), "systems": rows}
