"""What Ray workers give, and how many of them one driver feeds.

Real: one generation of HalfCheetah on one worker and on two, beside threads in process, in turns. Simulated: the same
search loop, with workers that sleep as long as a measured evaluation takes; what is left is the driver's own time.
"""

from __future__ import annotations

import asyncio
import pickle
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.registry import describe
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.local import LocalEvaluator
from compactrl.evaluation.ray.cluster import connect
from compactrl.evaluation.ray.evaluator import RayEvaluator
from compactrl.evaluation.ray.work import Work
from compactrl.evaluation.ray.worker import LaneWorker
from compactrl.evaluation.ray.workers import Workers, _Slot
from compactrl.evaluation.results import Results
from compactrl.learners.evolution import EvolutionLearner
from compactrl.networks.forward import some_of
from compactrl.searches.api import start
from compactrl.searches.search import Search
from compactrl.types import Normalizer, Outcomes, Trials
from es import STRATEGIES
from experiments.bench.report import ratio, show, timing, write

ENV = "HalfCheetah-v5"
ENVIRONMENT = {"env": ENV, "engine": "envpool", "max_episode_steps": 1000, "env_options": {}}
LANES, COUNT = 128, 128
SIMULATED = (8, 32, 100, 300, 1000)
SLEEPERS = 4
"""Processes that play all the simulated workers."""
LAPS = ("seconds_controller", "seconds_strategy", "seconds_evaluate")
CONTROLLERS = ("latent", "pointer")


def policies(spec: EnvironmentSpec, count: int) -> Trials:
    """Return a first generation's trials of a chromatic search with 17 weights."""
    kind = COMPRESSIONS["chromatic"]
    compression = kind(kind.skeleton_of((spec.observation_size, 41, spec.action.size)), kind.Options(partitions=17))
    strategy = STRATEGIES["pgpe"]
    learner = EvolutionLearner(
        compression, "pgpe", "pgpe", count, strategy.Options(), 0.0, True, False, np.random.SeedSequence(0)
    )
    return learner.ask(compression.space.sample(learner.num_designs, np.random.default_rng(0)))


def resident(process: int) -> float:
    """Return a process's resident memory, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def real(workers: int, repeats: int) -> dict[str, Any]:
    """Time generations on workers and, in turn, in process with as many threads."""
    spec = describe(ENV)
    trials = policies(spec, COUNT)
    began = time.perf_counter()
    made = Workers(ENVIRONMENT, workers)
    remote = RayEvaluator(spec, LANES, np.random.SeedSequence(0), made, "training")
    local = LocalEvaluator(spec, LANES, np.random.SeedSequence(0), workers)
    try:
        begun = time.perf_counter() - began
        seconds: dict[str, list[float]] = {"workers": [], "process": []}
        for repetition in range(-1, repeats):  # the first one only warms up
            for name, evaluator in (("workers", remote), ("process", local)):
                began = time.perf_counter()
                outcomes = evaluator.evaluate(trials)
                if repetition >= 0:
                    seconds[name].append(time.perf_counter() - began)
        memory = [resident(report["process"]) for report in made.reports]
    finally:
        made.close()
        local.close()
    steps = int(outcomes.steps.sum())
    return {
        "workers": workers,
        "seconds_to_begin": begun,
        "on_workers": timing(seconds["workers"], steps),
        "in_process": timing(seconds["process"], steps),
        "workers_by_process": ratio(seconds["process"], seconds["workers"]),
        "lanes_of_a_worker": LANES // workers,
        "resident_megabytes": memory,
    }


def on_the_wire() -> dict[str, float]:
    """Return what travels for a candidate of 943 edges, both ways, in bytes."""
    spec = describe(ENV)
    evaluator = RayEvaluator(spec, 64, np.random.SeedSequence(0), None, "training")  # type: ignore[arg-type]
    works = evaluator.shares(policies(spec, 64), 2)
    answers = [Results.empty(len(work.trials), spec.observation_size).outcomes() for work in works]
    sent = sum(len(pickle.dumps(work, protocol=5)) for work in works) / 64
    received = sum(len(pickle.dumps(answer, protocol=5)) for answer in answers) / 64
    return {"bytes_sent": sent, "bytes_received": received, "bytes": sent + received}


def episode_seconds(lanes: int) -> float:
    """Return how long one worker takes for an episode each of these lanes."""
    spec = describe(ENV)
    worker = LaneWorker(**ENVIRONMENT)
    trials = policies(spec, lanes + lanes % 2)
    work = Work(
        "training",
        np.arange(lanes),
        np.zeros(lanes, np.int64),
        np.arange(lanes),
        some_of(trials.networks, np.arange(lanes)),
    )
    seconds = []
    for repetition in range(3):
        began = time.perf_counter()
        worker.run(work._replace(resets=np.full(lanes, repetition)), trials.normalizer)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


class Sleeper:
    """Plays many workers: each piece of work takes as long as was measured, and returns numbers of the right shape."""

    def __init__(self, seconds: float, observation_size: int) -> None:
        self.seconds, self.observation_size = seconds, observation_size

    async def run(self, work: Work, normalizer: Normalizer) -> Outcomes:  # noqa: ARG002
        """Sleep, once for each round of the lanes."""
        await asyncio.sleep(self.seconds * -(-len(work.trials) // len(work.seeds)))
        results = Results.empty(len(work.trials), self.observation_size)
        results.steps[:] = 1000
        results.returns[:] = np.random.default_rng(int(work.trials[0])).standard_normal(len(work.trials))
        return results.outcomes()


class SleepingWorkers(Workers):
    """Simulated workers, played by a few processes."""

    def __init__(self, count: int, seconds: float, spec: EnvironmentSpec) -> None:
        self._environment, self._count, self._timeout, self._closed, self.lost = ENVIRONMENT, count, 600.0, False, 0
        self._ray, self._own = connect(1, "")
        kind = self._ray.remote(num_cpus=0, max_concurrency=count)(Sleeper)
        actors = [kind.remote(seconds, spec.observation_size) for _ in range(SLEEPERS)]
        self._slots = [_Slot(actors[number % SLEEPERS], None, 0.0) for number in range(count)]


def simulated(workers: int, controller: str, generations: int) -> dict[str, Any]:
    """Run a search's loop on simulated workers; return where a generation's seconds go."""
    population = max(320, workers)
    lanes = max(160, workers)
    seconds = episode_seconds(-(-lanes // workers))
    spec = describe(ENV)
    records: list[dict[str, float]] = []
    options = {
        "method": "chromatic", "env": ENV, "controller": controller, "population": population, "lanes": lanes,
        "steps": 10**9, "settle": 0, "selections": 1,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        plain = start(options, Path(folder) / "run")
        plain.close()
        running = Search(plain.settings, plain.writer, SleepingWorkers(workers, seconds, spec))
        try:
            running.run(lambda record, _: records.append(record), lambda: len(records) > generations)
        finally:
            running.close()
    whole = np.diff([record["seconds"] for record in records])
    rounds = -(-population // lanes)
    generation = float(np.median(whole))
    laps = {name: median(record[name] for record in records[1:]) for name in LAPS}
    return {
        "workers": workers,
        "controller": controller,
        "population": population,
        "lanes": lanes,
        "seconds_of_an_episode": seconds,
        "seconds_asleep": seconds * rounds,
        "seconds_generation": generation,
        "driver_share": 1 - seconds * rounds / generation,
        "seconds_carrying": laps["seconds_evaluate"] - seconds * rounds,
        "driver_milliseconds_a_candidate": 1000 * (generation - seconds * rounds) / population,
        **laps,
    }


def run(repeats: int, generations: int, folder: Path | None) -> None:
    """Measure, show the tables, write the figures."""
    measured = [real(count, repeats) for count in (1, 2)]
    show(
        f"{COUNT} policies, {ENV}",
        ["workers", "begin s", "steps/s", "steps/s in process", "ratio", "lanes a worker", "MB a worker"],
        [
            [
                row["workers"], row["seconds_to_begin"], row["on_workers"]["median_steps_per_second"],
                row["in_process"]["median_steps_per_second"], row["workers_by_process"], row["lanes_of_a_worker"],
                max(row["resident_megabytes"]),
            ]
            for row in measured
        ],
    )  # fmt: skip
    wire = on_the_wire()
    rows = [simulated(count, controller, generations) for controller in CONTROLLERS for count in SIMULATED]
    show(
        f"Simulated workers, episodes of 1000 steps; {wire['bytes']:,.0f} bytes a candidate on the wire",
        ["--controller", "workers", "population", "asleep s", "generation s", "driver", "ms a candidate"],
        [
            [
                row["controller"], row["workers"], row["population"], row["seconds_asleep"],
                row["seconds_generation"], f"{100 * row['driver_share']:.0f} %", row["driver_milliseconds_a_candidate"],
            ]
            for row in rows
        ],
    )  # fmt: skip
    write("scaling", {"env": ENV, "real": measured, "wire": wire, "simulated": rows}, folder)
