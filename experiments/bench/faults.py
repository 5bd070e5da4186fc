"""Workers killed at random moments of a search: the policy has to be that of a search nobody disturbed."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from compactrl.searches.api import finish, start
from compactrl.searches.search import Search
from experiments.bench.report import show, write

OPTIONS = {
    "method": "chromatic", "env": "HalfCheetah-v5", "engine": "envpool", "max_episode_steps": 200, "partitions": 17,
    "settle": 0.2, "selections": 3, "seed": 0,
}  # fmt: skip

MEAN_SECONDS = 1.5
"""Between kills: a new worker takes two or three to begin."""


def kill(search: Search, kills: int, seed: int, done: threading.Event) -> int:
    """Kill a worker, picked at random, at random moments until so many were; returns how many were."""
    generator, killed = np.random.default_rng(seed), 0
    while killed < kills and not done.wait(float(generator.exponential(MEAN_SECONDS))):
        reports = search.workers.reports if search.workers else []
        if reports:
            try:
                os.kill(reports[int(generator.integers(len(reports)))]["process"], signal.SIGKILL)
            except ProcessLookupError:  # it was killed before and is not replaced yet
                continue
            killed += 1
    return killed


def run(kills: int, workers: int, steps: int, folder: Path | None) -> None:
    """Search undisturbed in process and disturbed on workers; compare, show, write."""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        calm = finish(start({**OPTIONS, "steps": steps}, Path(place) / "calm"))
        seconds = {"calm": time.perf_counter() - began}
        began = time.perf_counter()
        search = start({**OPTIONS, "steps": steps, "workers": workers}, Path(place) / "disturbed")
        workers_made, done, count = search.workers, threading.Event(), [0]
        killer = threading.Thread(target=lambda: count.append(kill(search, kills, 1, done)))
        killer.start()
        try:
            disturbed = finish(search)
        finally:
            done.set()
            killer.join()
        seconds["disturbed"] = time.perf_counter() - began
        same = {
            name: (calm.path / name).read_bytes() == (disturbed.path / name).read_bytes()
            for name in ("policy.safetensors", "policy.json")
        }
        returns = {"calm": calm.summary["return_mean"], "disturbed": disturbed.summary["return_mean"]}
    lost = workers_made.lost if workers_made else 0
    show(
        f"{count[-1]} workers killed in a search of {steps:,} steps",
        ["kills", "workers replaced", "same policy", "return, calm", "return, disturbed", "s, calm", "s, disturbed"],
        [[count[-1], lost, str(all(same.values())), *returns.values(), *seconds.values()]],
    )
    body = {"kills": count[-1], "lost": lost, "workers": workers, "steps": steps, "same": same, "returns": returns}
    write("faults", {**body, "seconds": seconds}, folder)
