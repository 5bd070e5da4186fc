"""How long updates take, of every critic, on one thread and on several; SAC beside Stable-Baselines3 where it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from compactrl.learners.critics import CRITICS, composed
from compactrl.learners.gradient import Means
from compactrl.learners.off_policy import OffPolicyLearner
from compactrl.networks import perceptrons, threads
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.networks.precision import products_in
from compactrl.networks.threads import on_threads
from compactrl.networks.torch_private import has_bfloat16_products
from compactrl.searches.prepare import prepare
from experiments.bench.ghp import ENV, STORED, peer, transitions
from experiments.bench.report import ratio, show, timing, write

TD3 = {"method": "td3", "batch_size": 100}
REDUCED = {"precision": "bfloat16"}
SYSTEMS: dict[str, dict[str, Any]] = {
    "SAC [256, 256], batches of 256": {"method": "sac"},
    "SAC [256, 256], batches of 256, bfloat16": {"method": "sac", **REDUCED},
    "TD3 [256, 256], batches of 256": {"method": "td3"},
    "ghp, a meta-batch of 8": {"method": "ghp"},
    **{
        f"TD3 {name}, small": {**TD3, "critic": name, "critic_size": "small"}
        for name, kind in CRITICS.items()
        if kind.sized
    },
    "TD3 mlp": TD3,
    **{f"TD3 {name}, paper": {**TD3, "critic": name} for name in ("d2rl", "mlp-large", "sa-hyper")},
    "TD3 sa-hyper, bfloat16, paper": {**TD3, "critic": "sa-hyper", **REDUCED},
}
"""Those in bfloat16 are left out where the processor has no instructions for it."""
HEAVY = ("mlp-large, paper", "sa-hyper, paper", "sa-hyper, bfloat16, paper")
"""An eighth of the updates is enough of these."""
PLAIN = "TD3 mlp"


class System:
    """A learner with a buffer to learn from."""

    def __init__(self, options: dict[str, Any]) -> None:
        prepared = prepare({"env": ENV, **options})
        made = prepared.learner
        if not isinstance(made, OffPolicyLearner):
            raise TypeError(f"expected an off-policy learner, got {type(made).__name__}")
        spec = prepared.spec
        made.buffer.add(transitions(STORED // made.lanes, made.lanes, spec.observation_size, made.actions))
        self._learner = made
        sampled = made.compression.space.sample(made.num_designs, np.random.default_rng(0))
        self._parts = made.parts(sampled)

    def seconds(self, count: int, threads: int) -> float:
        """Return the seconds of `count` updates, about; of fewer, as many more."""
        done, elapsed = 0, 0.0
        while done < count:
            for designs in self._parts:
                began = time.perf_counter()
                with single_threaded_torch(), on_threads(threads), products_in(self._learner.options.precision):
                    self._learner._learn(designs, Means())
                elapsed += time.perf_counter() - began
                done += self._learner.updates_per_part
                if done >= count:
                    break
        return elapsed / done * count

    def gain_of_pieces(self, count: int, threads: int) -> float:
        """Return how many times the CPU time of an update is what the longest of its paths on these threads takes."""
        pieces = Pieces(threads)
        with pieces.noting():
            self.seconds(1, 1)
            pieces.saved, began = 0.0, time.thread_time()
            self.seconds(count, 1)
        whole = time.thread_time() - began
        return whole / (whole - pieces.saved)


class Pieces:
    """Stands in for `together`: runs pieces in turn, and notes what their CPU time comes to on several threads.

    Where others use the machine, seconds on several threads say little; the CPU time of pieces does not depend on that.
    """

    def __init__(self, threads: int) -> None:
        self.saved = 0.0
        """CPU seconds that the calling thread would not have to spend."""
        self._threads, self._inside = threads, False

    def __call__(self, tasks: Sequence[Callable[[], object]], size: float = threads.LEAST) -> None:
        """Run all tasks."""
        if self._inside or len(tasks) < 2 or size < threads.LEAST:  # the caller does these alone
            for task in tasks:
                task()
            return
        self._inside, loads, whole = True, [0.0] * self._threads, 0.0
        for task in tasks:
            began = time.thread_time()
            task()
            taken = time.thread_time() - began
            loads[loads.index(min(loads))] += taken
            whole += taken
        self._inside = False
        self.saved += whole - max(loads)

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Let networks share out their work here."""
        with contextlib.ExitStack() as patched:
            for module in (threads, perceptrons, composed):
                patched.enter_context(mock.patch.object(module, "together", self))
            yield


def run(updates: int, count: int, repeats: int, only: list[str], folder: Path | None) -> None:
    """Measure, show the table, write the figures."""
    able = has_bfloat16_products()
    names = [
        name
        for name, options in SYSTEMS.items()
        if (not only or any(part in name for part in only)) and (able or "precision" not in options)
    ]
    made = {name: System({**SYSTEMS[name], "iteration_steps": max(8, updates // 4)}) for name in names}
    seconds: dict[str, dict[int, list[float]]] = {name: {1: [], count: []} for name in names}
    counts = {name: max(8, updates // 8) if name.endswith(HEAVY) else updates for name in names}
    for repetition in range(-1, repeats):  # the first one only warms up
        for name, system in made.items():
            for used in seconds[name]:
                found = system.seconds(counts[name], used) / counts[name]
                if repetition >= 0:
                    seconds[name][used].append(found)
    rows = {}
    for name, found in seconds.items():
        one, several = found[1], found[count]
        rows[name] = {
            "one_thread": timing(one),
            "threads": timing(several),
            "gain": ratio(one, several),
            "gain_of_pieces": made[name].gain_of_pieces(counts[name], count),
            "over_plain": ratio(one, seconds[PLAIN][1]) if name.startswith("TD3 ") and PLAIN in seconds else None,
        }
    if find_spec("stable_baselines3") and not only:
        seconds_of_peer = [found / updates for found in peer(repeats, updates)]
        rows["Stable-Baselines3, SAC [256, 256], batches of 256"] = {"one_thread": timing(seconds_of_peer)}
    show(
        f"An update, on one thread and on {count}",
        ["system", "ms on one", f"ms on {count}", "gain", "gain by CPU time of pieces", "over TD3 mlp"],
        [
            [
                name,
                1000 * row["one_thread"]["median_seconds"],
                1000 * row["threads"]["median_seconds"] if "threads" in row else None,
                row.get("gain"),
                row.get("gain_of_pieces"),
                row.get("over_plain"),
            ]
            for name, row in rows.items()
        ],
        "targets: a gain of 1.6 of SAC and of ghp; sa-hyper, small over mlp at most 6; sa-hyper, paper at most 130 ms",
    )
    write("critics", {"updates": updates, "repeats": repeats, "threads": count, "systems": rows}, folder)
