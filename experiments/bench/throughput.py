"""Environment steps a second of one generation, beside the physics alone and beside other ways to step."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import typer

from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.options import DEFAULT_LANES
from compactrl.runs.run import Run
from compactrl.types import Layer, Normalizer, Stacked, Trials
from experiments.bench import actors, mujoco_engine
from experiments.bench.openloop import OpenLoop
from experiments.bench.recording import record, repeat_commands
from experiments.bench.report import ratio, show, timing, write

HIDDEN = 41
CHECKED_STEP = 5
TARGETS = {"HalfCheetah-v5": 0.85, "Walker2d-v5": 0.95, "Hopper-v5": 0.75}
EVOTORCH_TARGET = 4.2


def untrained(spec: EnvironmentSpec, count: int) -> Trials:
    """Return policies with weights of standard deviation 0.1, as a search's first generation has."""
    generator = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return (0.1 * generator.standard_normal((count, *shape))).astype(np.float32)

    layers = (
        Layer(draw(HIDDEN, spec.observation_size), draw(HIDDEN)),
        Layer(draw(spec.action.size, HIDDEN), None),
    )
    normalizer = Normalizer(np.zeros(spec.observation_size), np.ones(spec.observation_size))
    return Trials(Stacked(layers), normalizer, np.zeros((count, 0), np.int64))


def policies(source: str, spec: EnvironmentSpec, count: int) -> Trials:
    """Return the policies to time: `untrained`, or a run's policy, as many times."""
    if source == "untrained":
        return untrained(spec, count)
    policy = Run(source).policy
    if policy.env != spec.id:
        raise typer.BadParameter(f"{source} holds a policy for {policy.env}: give --env {policy.env}")
    return Trials(policy.batched(count), policy.normalizer, np.zeros((count, 0), np.int64))


def evaluator(spec: EnvironmentSpec, lanes: int, threads: int, blocks: int | None = None) -> LocalEvaluator:
    """Return a fresh evaluator whose environments have been reset once; all of them go through the same episodes."""
    made = LocalEvaluator(spec, lanes, np.random.SeedSequence(0), threads, blocks)
    made.load_state_dict({"resets": np.ones(lanes, np.int64)})
    return made


def layouts(blocks: str, threads: int) -> dict[str, tuple[int | None, int]]:
    """Return evaluators to compare by name, as (blocks, threads of each block's pool).

    Example:
        >>> layouts("1,2x1", threads=4)
        {'compactrl': (None, 4), 'compactrl, 1 × 4': (1, 4), 'compactrl, 2 × 1': (2, 1)}
    """
    compared: dict[str, tuple[int | None, int]] = {"compactrl": (None, threads)}
    for layout in filter(None, blocks.split(",")):
        count, _, own = layout.partition("x")
        compared[f"compactrl, {int(count)} × {int(own or threads)}"] = (int(count), int(own or threads))
    return compared


def measure(
    env: str, count: int, threads: int, repeats: int, blocks: str, source: str, num_actors: int
) -> dict[str, Any]:
    """Time every system on one environment, in turn, `repeats` times; num_actors 0 leaves EvoTorch out."""
    spec = describe(env, "envpool")
    lanes = min(count, DEFAULT_LANES)
    trials = policies(source, spec, count)
    recorded = evaluator(spec, lanes, threads)
    outcomes, recorders = record(recorded, trials)
    recorded.close()
    steps = int(outcomes.steps.sum())
    limit = OpenLoop(env, [episode for recorder in recorders for episode in recorder.episodes()], threads)
    if limit.steps != steps:
        raise RuntimeError(f"recorded {limit.steps} environment steps where the evaluator counted {steps}")
    checked = min(CHECKED_STEP, int(outcomes.steps.max()))
    commands = [recorder.commands for recorder in recorders]
    del recorders
    compared = layouts(blocks, threads)
    seconds: dict[str, list[float]] = {
        name: [] for name in ("rollout, pool", "rollout, queue", *compared, "EnvPool, recorded actions")
    }
    other: dict[str, list[Any]] = {"seconds": [], "steps": []}
    with ExitStack() as stack:
        problem = stack.enter_context(actors.gym_problem(env, num_actors)) if num_actors else None
        values = actors.vectors(trials.networks.layers)
        if problem is not None:
            actors.evaluate(problem, values[: 2 * num_actors])
        for repetition in range(-1, repeats):  # the first one only warms up
            times = {"rollout, pool": limit.pool(), "rollout, queue": limit.queue()}
            for name, (number, pool_threads) in compared.items():
                made = evaluator(spec, lanes, pool_threads, number)
                began = time.perf_counter()
                same = made.evaluate(trials)
                times[name] = time.perf_counter() - began
                made.close()
                if not np.array_equal(same.steps, outcomes.steps):
                    raise RuntimeError(f"{name} ran other episodes than those that were recorded")
            made = evaluator(spec, lanes, threads)
            engines = [block.engine for block in made._blocks]
            began = time.perf_counter()
            repeat_commands(engines, commands)
            times["EnvPool, recorded actions"] = time.perf_counter() - began
            made.close()
            if repetition < 0:
                continue
            for name, elapsed in times.items():
                seconds[name].append(elapsed)
            if problem is not None:
                elapsed, stepped = actors.evaluate(problem, values)
                other["seconds"].append(elapsed)
                other["steps"].append(stepped)
    rows = {name: timing(taken, steps) for name, taken in seconds.items()}
    fastest = min(("rollout, pool", "rollout, queue"), key=lambda name: rows[name]["median_seconds"])
    for name, row in rows.items():
        row["rollout_by_system"] = ratio(seconds[fastest], seconds[name])
    if problem is not None:
        # EvoTorch's episodes are its own, so the comparison is of steps a second.
        paces = [taken / stepped for taken, stepped in zip(other["seconds"], other["steps"], strict=True)]
        rows["EvoTorch GymNE"] = {
            **timing(other["seconds"]),
            "steps": other["steps"],
            "median_steps_per_second": ratio([1.0] * len(paces), paces),
            "rollout_by_system": ratio([taken / steps for taken in seconds[fastest]], paces),
            "compactrl_by_system": ratio(paces, [taken / steps for taken in seconds["compactrl"]]),
        }
    return {
        "env": env,
        "mj_steps": steps * limit.frame_skip,
        "step_checked": checked,
        "largest_difference": limit.difference(checked),
        "limit": fastest,
        "systems": rows,
    }


def show_engine(env: str, result: dict[str, Any], source: str) -> None:
    """Show the table of the engine `mujoco`."""
    note = f"limit: {result['limit']}; after {result['step_checked']} steps its states differ by at most "
    note += f"{result['largest_difference']:.1e}"
    if source == "untrained":
        note += f"; target: at least {mujoco_engine.TARGETS[env]} of the limit"
    own = result["systems"].get(mujoco_engine.OWN_ROW)
    if own is not None:
        note += f"; one's own task has {own['built_in_by_system']:.2f} of the built-in one's speed "
        note += f"(target: at least {mujoco_engine.OWN_TARGET})"
    rows = [
        [name, row["median_seconds"], row["median_steps_per_second"], row["rollout_by_system"]]
        for name, row in result["systems"].items()
    ]
    show(f"{env}, engine mujoco, its own episodes", ["system", "seconds", "steps/s", "of the limit"], rows, note)


def run(
    envs: list[str], count: int, threads: int, repeats: int, blocks: str, source: str, evotorch: list[str],
    num_actors: int, folder: Path | None,
) -> None:  # fmt: skip
    """Measure environments, show the tables, write the figures."""
    results = []
    for env in envs:
        result = measure(env, count, threads, repeats, blocks, source, num_actors if env in evotorch else 0)
        if env in mujoco_engine.TARGETS:
            trials = policies(source, describe(env, "mujoco"), count)
            result["mujoco_engine"] = mujoco_engine.measure(env, trials, threads, repeats)
        results.append(result)
        target = TARGETS.get(env)
        note = f"limit: {result['limit']}; after {result['step_checked']} steps its observations differ by at most "
        note += f"{result['largest_difference']:.1e} from EnvPool's"
        if target and source == "untrained":
            note += f"; target for compactrl: at least {target} of the limit"
        rows = [
            [name, row["median_seconds"], row["median_steps_per_second"], row["rollout_by_system"]]
            for name, row in result["systems"].items()
        ]
        show(
            f"{env}: {count} episodes, {threads} threads", ["system", "seconds", "steps/s", "of the limit"], rows, note
        )
        if "mujoco_engine" in result:
            show_engine(env, result["mujoco_engine"], source)
        if "EvoTorch GymNE" in result["systems"]:
            theirs = result["systems"]["EvoTorch GymNE"]
            factors = {"envpool": theirs["compactrl_by_system"]}
            if "mujoco_engine" in result:
                own = result["mujoco_engine"]["systems"][mujoco_engine.ENGINE]
                factors["mujoco"] = own["median_steps_per_second"] / theirs["median_steps_per_second"]
                result["mujoco_engine"]["times_evotorch"] = factors["mujoco"]
            said = " and ".join(f"{factor:.2f} times on {engine}" for engine, factor in factors.items())
            print(
                f"compactrl is as fast as EvoTorch with {num_actors} actors {said} "
                f"(target: at least {EVOTORCH_TARGET} on mujoco)"
            )
        body = {"trials": count, "threads": threads, "repeats": repeats, "policies": source, "actors": num_actors}
        write("throughput", {**body, "results": results}, folder)
