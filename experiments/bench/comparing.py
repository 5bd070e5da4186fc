"""How long `compactrl.compare` takes and how much memory, on made-up runs; each measurement in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.methods.settings import resolve
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.run import DIRECTORY_FORMAT
from compactrl.storage.files import write_json
from compactrl.types import Normalizer, Size
from compactrl.versions import versions
from experiments.bench.report import show, write

SEEDS = 5
MEASURED = """
import json, resource, sys, time
import compactrl
began = time.perf_counter()
report = compactrl.compare(sys.argv[1])
report.table, report.pareto("bits"), report.pareto("parameters")
compared = time.perf_counter() - began
began = time.perf_counter()
size = report.save(sys.argv[2]).stat().st_size if len(sys.argv) > 2 else 0
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"configurations": len(report.configurations), "compare_seconds": compared, "page_seconds":
    time.perf_counter() - began if size else None, "page_bytes": size or None, "peak_bytes": memory}))
"""


def make_run(path: Path, number: int, iterations: int) -> None:
    """Write a finished run with made-up metrics: every fifth is the first seed of another setting."""
    setting, seed = divmod(number, SEEDS)
    generator = np.random.default_rng(number)
    path.mkdir(parents=True)
    options = resolve({"partitions": setting % 100 + 2, "seed": seed, "steps": iterations * 64_000}).flat()
    write_json(path / "config.json", {"format": DIRECTORY_FORMAT, "options": options})
    write_json(path / "versions.json", versions())
    score = 3000 + 10 * (setting % 100) + 300 * generator.standard_normal()
    size = Size(setting % 100 + 2, 41, setting % 100 + 43, 0.94, 32 * (setting % 100 + 43) + 943 * 7)
    summary = {
        "method": "chromatic", "controller": "latent", "env": "HalfCheetah-v5", "seed": seed, "finished": True,
        "env_steps": iterations * 64_000, "seconds": 500.0, "iterations": iterations, **size._asdict(),
        "return_mean": score, "return_std": 100.0, "episodes": 100, "failed": 0,
    }  # fmt: skip
    write_json(path / "summary.json", summary)
    lines = []
    for iteration in range(1, iterations + 1):
        value = score * (1 - 0.99**iteration) + 50 * generator.standard_normal()
        record = {
            "iteration": iteration, "env_steps": iteration * 64_000, "seconds": 1.5 * iteration, "return_mean": value,
            "return_max": value + 200, "return_std": 180.123456789, "episode_steps": 1000.0, "failed": 0,
            "settled": float(iteration > 0.8 * iterations), "seconds_controller": 0.000123456789,
            "seconds_strategy": 0.0123456789, "seconds_evaluate": 1.43456789123, "strategy/step_norm": 0.0712345678,
            "strategy/sigma": 0.0612345678,
        }  # fmt: skip
        if iteration % max(1, iterations // 10) == 0:
            record |= {"policy_return_mean": value, "shipped_return_mean": value, "shipped_design_changed": 1.0}
        lines.append(json.dumps(record))
    (path / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _save_policy(path, setting % 100 + 2, size, generator)


def _save_policy(path: Path, weights: int, size: Size, generator: np.random.Generator) -> None:
    design = generator.integers(weights, size=943)
    action = ActionSpec("box", (-1.0,) * 6, (1.0,) * 6)
    normalizer = Normalizer(np.zeros(17), np.ones(17))
    policy = Policy(
        Skeleton.tanh((17, 41, 6)), generator.standard_normal(weights), design, None, np.zeros(41), normalizer, action,
        "HalfCheetah-v5", "chromatic", size, design,
    )  # fmt: skip
    save_policy(path / "policy", policy)


def run(runs: int, iterations: int, repeats: int, out: Path | None) -> None:
    """Measure comparing so many runs, and the page of 30 of them."""
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder) / "many", Path(folder) / "few"
        for number in range(runs):
            make_run(many / f"run-{number:04d}", number, iterations)
        for number in range(30):
            make_run(few / f"run-{number:04d}", number, iterations)
        rows = [
            {"runs": runs, "iterations": iterations, **_median([_measure(str(many)) for _ in range(repeats)])},
            {
                "runs": 30,
                "iterations": iterations,
                **_median([_measure(str(few), str(few / "page.html")) for _ in range(repeats)]),
            },
        ]
    columns = ["runs", "iterations", "compare_seconds", "page_seconds", "peak_bytes", "page_bytes"]
    show("compactrl.compare on made-up runs", columns, [[row[column] for column in columns] for row in rows])
    write("compare", {"rows": rows}, out)


def _measure(*arguments: str) -> dict[str, Any]:
    answer = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    return dict(json.loads(answer.stdout))


def _median(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the repetition with the median time, and every time beside it."""
    times = [row["compare_seconds"] for row in measured]
    middle = sorted(measured, key=lambda row: row["compare_seconds"])[len(measured) // 2]
    return {**middle, "every_compare_seconds": times}
