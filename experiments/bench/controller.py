"""What a generation spends outside its evaluations: controllers, compression and strategy."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.registry import describe
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.evolution import EvolutionLearner
from compactrl.learners.options import DEFAULT_LANES
from compactrl.methods.rows import NO_CHOICE
from compactrl.searches.api import start
from compactrl.types import Outcomes
from controllers import CONTROLLERS, Controller
from es import STRATEGIES
from experiments.bench.report import show, timing, write

ENV = "HalfCheetah-v5"
HIDDEN = 41
PARTITIONS = 17
TARGET = 0.15
SEARCHED = ("pgpe", "finite-difference", "cmaes")
LAPS = ("seconds_controller", "seconds_strategy", "seconds_evaluate")


class _Stopwatch:
    """Lists of seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._last = 0.0

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds.setdefault(name, []).append(now - self._last)
        self._last = time.perf_counter()


def choosing() -> dict[str, type[Controller]]:
    """Return the controllers that have something to choose."""
    return {name: kind for name, kind in CONTROLLERS.items() if name != NO_CHOICE}


def parts(count: int, threads: int, repeats: int) -> dict[str, list[float]]:
    """Time, in turn, each controller and strategy on a generation of `count`, and the generation's evaluation."""
    spec = describe(ENV)
    sizes = (spec.observation_size, HIDDEN, spec.action.size)
    kind = COMPRESSIONS["chromatic"]
    compression = kind(kind.skeleton_of(sizes), kind.Options(partitions=PARTITIONS))
    generator = np.random.default_rng(0)
    controllers = {
        name: kind(compression.space, kind.Options(), np.random.SeedSequence(0)) for name, kind in choosing().items()
    }
    learners = {
        name: EvolutionLearner(
            compression,
            name,
            "pgpe",
            count,
            STRATEGIES[name].Options(),
            alive_bonus=spec.alive_bonus,
            normalize_observations=True,
            normalize_rewards=False,
            seed=np.random.SeedSequence(0),
        )
        for name in SEARCHED
    }
    evaluator = LocalEvaluator(spec, min(count, DEFAULT_LANES), np.random.SeedSequence(0), threads)
    watch, outcomes = _Stopwatch(), None
    for repetition in range(-1, repeats):  # the first one only warms up
        if repetition == 0:
            watch.seconds.clear()
        designs = compression.space.sample(count, generator)
        for name, learner in learners.items():
            watch.start()
            trials = learner.ask(designs[: learner.num_designs])
            watch.lap(f"{name} ask, expand")
            if outcomes is None or name == SEARCHED[0]:
                watch.start()
                outcomes = evaluator.evaluate(trials)
                watch.lap("evaluate")
            random_outcomes = Outcomes(generator.standard_normal(count), outcomes.steps, outcomes.moments, {})
            watch.start()
            learner.tell(trials, random_outcomes, 0.1)
            watch.lap(f"{name} tell")
        for name, controller in controllers.items():
            watch.start()
            proposed = controller.propose(count)
            watch.lap(f"{name} propose")
            rewards = generator.standard_normal(count)
            watch.start()
            controller.feedback(proposed, rewards)
            watch.lap(f"{name} feedback")
    evaluator.close()
    return watch.seconds


def search(es: str, population: int, threads: int, generations: int) -> dict[str, Any]:
    """Run generations of a real search and return where the seconds went; the first generation does not count."""
    records: list[dict[str, float]] = []
    options = {
        "method": "chromatic", "controller": "pointer", "partitions": PARTITIONS, "env": ENV, "es": es,
        "population": population, "threads": threads, "steps": 10**9, "settle": 0, "selections": 1,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        running = start(options, Path(folder) / "run")
        try:
            designs = running.learner.num_designs
            running.run(lambda record, _: records.append(record), lambda: len(records) > generations)
        finally:
            running.close()
    # Between two records also lies what belongs to no lap: writing metrics and, now and then, a checkpoint.
    whole = np.diff([record["seconds"] for record in records])
    laps = {name: [record[name] for record in records[1:]] for name in LAPS}
    rest = (whole - np.sum(list(laps.values()), axis=0)).tolist()
    medians = {name: median(values) for name, values in laps.items()}
    inside = medians["seconds_controller"] + medians["seconds_strategy"]
    return {
        "es": es,
        "population": population,
        "designs": designs,
        **laps,
        "seconds_rest": rest,
        "medians": {**medians, "seconds_rest": median(rest)},
        "share_controller": medians["seconds_controller"] / (inside + medians["seconds_evaluate"]),
        "share_outside": inside / (inside + medians["seconds_evaluate"]),
        "share_outside_with_rest": 1 - sum(laps["seconds_evaluate"]) / float(whole.sum()),
    }


def run(count: int, threads: int, repeats: int, generations: int, folder: Path | None) -> None:
    """Measure, show the tables, write the figures."""
    seconds = parts(count, threads, repeats)
    evaluate = median(seconds["evaluate"])
    timings = {name: timing(values) for name, values in seconds.items()}
    for name in choosing():
        both = [one + other for one, other in zip(seconds[f"{name} propose"], seconds[f"{name} feedback"], strict=True)]
        timings[f"{name} propose + feedback"] = {**timing(both), "share": median(both) / (median(both) + evaluate)}
    rows = [[name, row["median_seconds"], row.get("share")] for name, row in timings.items()]
    show(f"{count} designs, {ENV}, {threads} threads", ["part", "seconds", "of a generation"], rows)
    searches = [search(es, count, threads, generations) for es in SEARCHED]
    show(
        f"Searches with --controller pointer --population {count}",
        ["--es", "designs", "controller s", "strategy s", "evaluate s", "controller", "outside", "outside, with rest"],
        [
            [
                row["es"], row["designs"], *(row["medians"][name] for name in LAPS),
                row["share_controller"], row["share_outside"], row["share_outside_with_rest"],
            ]
            for row in searches
        ],
        f"target: the controller takes at most {TARGET} of a generation",
    )  # fmt: skip
    body = {"trials": count, "threads": threads, "repeats": repeats, "generations": generations}
    write("controller", {**body, "parts": timings, "searches": searches}, folder)
