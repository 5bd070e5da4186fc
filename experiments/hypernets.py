"""Learning of graph hyper policies and of the plain networks that they are compared with.

    python -m experiments.hypernets [SETTING …] [--seeds 0,1,2] [--steps 3e5]

Settings of one environment are compared at the same steps. One after the other; what was interrupted goes on where it
was, what is done is not repeated. A setting's results are in `experiments/results/hypernets/SETTING-STEPS.json`,
rewritten after every seed: the returns of all architectures in brief, or of the one there is over 100 fresh episodes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from compactrl.catalog import evaluate_all, open_catalog, report
from compactrl.runs import Run, versions
from compactrl.storage import write_json
from experiments.returns import EPISODES, RUNS
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "hypernets"
SUCCESS = 0.95

CHEETAH = {"env": "HalfCheetah-v5"}
REACH = {"env": "FetchReach-v4"}
SETTINGS: dict[str, dict[str, Any]] = {
    "ghp": {**CHEETAH, "method": "ghp"},
    "ghp-depth-uniform": {**CHEETAH, "method": "ghp", "controller": "depth-uniform"},
    "ghp-pointer": {**CHEETAH, "method": "ghp", "controller": "pointer"},
    "ghp-raw": {**CHEETAH, "method": "ghp", "width_features": "raw"},
    "ghp-dense": {**CHEETAH, "method": "ghp", "decoder": "dense", "actor_learning_rate": 1e-3},
    "ghp-paper": {**CHEETAH, "method": "ghp", "preset": "paper"},
    "sac": {**CHEETAH, "method": "sac"},
    "sac-64-4-4-32": {**CHEETAH, "method": "sac", "hidden": "64,4,4,32"},
    "sac-16-8-32-8": {**CHEETAH, "method": "sac", "hidden": "16,8,32,8"},
    "distill-64-4-4-32": {**CHEETAH, "method": "distill", "hidden": "64,4,4,32", "teacher": "sac"},
    "reach-ghp": {**REACH, "method": "ghp", "actor_learning_rate": 3e-4},
    "reach-ddpg": {**REACH, "method": "ddpg"},
}
"""By name; a teacher is the setting whose run of the same seed and steps is imitated."""


def measure(setting: str, seed: int, steps: int) -> dict[str, Any]:
    """Train, or go on training, and evaluate all that came of it."""
    options = dict(SETTINGS[setting])
    if "teacher" in options:
        teacher = str(options["teacher"])
        options["teacher"] = str(_train(teacher, seed, steps).path)
    run = _train(setting, seed, steps, options)
    found = {**run.report(run.evaluate(EPISODES)), "seconds": round(run.summary["seconds"])}
    if options["method"] != "ghp":
        return found
    rows = evaluate_all(open_catalog(run))
    brief = report(rows)
    shares = [row["success_mean"] for row in rows if row.get("success_mean") is not None]
    if shares:
        brief["success_share"] = sum(share >= SUCCESS for share in shares) / len(rows)
    known = sorted(row["return_mean"] for row in rows if row["return_mean"] is not None)
    brief["return_quartiles"] = [known[len(known) * part // 4] for part in (1, 2, 3)]
    return {**found, "architectures": brief}


def _train(setting: str, seed: int, steps: int, options: dict[str, Any] | None = None) -> Run:
    path = RUNS / f"{setting}-seed{seed}-{steps}"
    return finished_run(path, {"seed": seed, "steps": steps, **(options or SETTINGS[setting])})


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="Settings; all by default.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    steps: Annotated[float, typer.Option(help="Environment steps of each training.")] = 3e5,
) -> None:
    """Measure settings and write their results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for setting in settings or SETTINGS:
        path = RESULTS / f"{setting}-{steps / 1e6:g}M.json"
        done = {row["seed"]: row for row in json.loads(path.read_text())["seeds"]} if path.exists() else {}
        for seed in map(int, seeds.split(",")):
            if seed not in done:
                done[seed] = measure(setting, seed, int(steps))
            command = f"python -m experiments.hypernets {setting} --seeds {seeds} --steps {steps:g}"
            content = {"command": command, "options": SETTINGS[setting], "versions": versions()}
            write_json(path, {**content, "seeds": [done[key] for key in sorted(done)]})
            row = done[seed]
            print(f"{setting:20} seed {seed}  {row['return_mean']:.1f} ± {row['return_std']:.1f}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
