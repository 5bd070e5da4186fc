"""The returns in the README's tables: each setting searched over several seeds, then 100 fresh episodes.

    python -m experiments.returns [SETTING …] [--seeds 0,1,2] [--steps 20e6]

One after the other, so that seconds are comparable. A search that was interrupted goes on where it was, one that is
done is not repeated; a setting's results are in `experiments/results/returns/SETTING-BUDGET.json`, rewritten after
every seed.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from compactrl.quantities import mean_and_spread
from compactrl.storage.files import write_json
from compactrl.versions import versions
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "returns"
RUNS = Path("runs")
EPISODES = 100

ENVPOOL = {"engine": "envpool"}
"""What the published rows were searched on; their robots' starts and seeds are other ones on the engine `mujoco`."""
CHEETAH = {"env": "HalfCheetah-v5", **ENVPOOL}
SETTINGS: dict[str, dict[str, Any]] = {
    # The chromatic policies, by what chooses the colouring.
    "chromatic-17": {**CHEETAH, "method": "chromatic", "partitions": 17},
    "chromatic-3": {**CHEETAH, "method": "chromatic", "partitions": 3},
    "chromatic-17-pointer": {**CHEETAH, "method": "chromatic", "partitions": 17, "controller": "pointer"},
    "chromatic-17-random": {**CHEETAH, "method": "chromatic", "partitions": 17, "controller": "random"},
    "chromatic-17-fixed": {**CHEETAH, "method": "chromatic", "partitions": 17, "controller": "fixed"},
    "chromatic-17-evolution": {**CHEETAH, "method": "chromatic", "partitions": 17, "controller": "evolution"},
    "chromatic-17-paper": {**CHEETAH, "method": "chromatic", "partitions": 17, "preset": "paper"},
    # The comparison.
    "unstructured": {**CHEETAH, "method": "unstructured"},
    "masked": {**CHEETAH, "method": "masked"},
    "toeplitz": {**CHEETAH, "method": "toeplitz"},
    "circulant": {**CHEETAH, "method": "circulant"},
    "linear": {**CHEETAH, "method": "linear"},
    # Other robots, with as many weights as Table 1 of the paper.
    "hopper": {"env": "Hopper-v5", **ENVPOOL, "method": "chromatic", "partitions": 11},
    "walker2d": {"env": "Walker2d-v5", **ENVPOOL, "method": "chromatic", "partitions": 17},
    "swimmer": {"env": "Swimmer-v5", **ENVPOOL, "method": "chromatic", "partitions": 8, "hidden": "none"},
    "ant": {"env": "Ant-v5", **ENVPOOL, "method": "chromatic", "partitions": 50, "hidden": "41,41"},
    # Arms, and our own models of robots that no library has any more, on the engine that is their default.
    **{
        env.removesuffix("-v0").removesuffix("-v5").lower(): {"env": env, "method": "chromatic", "partitions": 17}
        for env in ("Reacher-v5", "Pusher-v5", "Striker-v0", "Thrower-v0", "Minitaur-v0")
    },
}


def results_path(setting: str, steps: int) -> Path:
    """Return where a setting's results with this budget are."""
    return RESULTS / f"{setting}-{steps / 1e6:g}M.json"


def measure(setting: str, seed: int, steps: int) -> dict[str, Any]:
    """Search, or go on searching, and evaluate what ships on fresh episodes."""
    options = {**SETTINGS[setting], "seed": seed, "steps": steps}
    run = finished_run(RUNS / f"{setting}-seed{seed}-{steps}", options)
    curve = [
        [record["env_steps"], round(record["policy_return_mean"], 1)]
        for record in run.metrics
        if "policy_return_mean" in record
    ]
    return {
        **run.report(run.evaluate_for_summary(EPISODES)),
        "seconds": round(run.summary["seconds"]),
        "return_max_ever": max(record["return_max"] for record in run.metrics),
        "curve": curve,
        "baselines": run.summary["baselines"],
    }


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="Settings; all by default.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    steps: Annotated[float, typer.Option(help="Environment steps of each search.")] = 20e6,
) -> None:
    """Measure settings and write their results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for setting in settings or SETTINGS:
        path = results_path(setting, int(steps))
        done = {row["seed"]: row for row in json.loads(path.read_text())["seeds"]} if path.exists() else {}
        for seed in map(int, seeds.split(",")):
            if seed not in done or done[seed]["env_steps"] < steps:
                done[seed] = measure(setting, seed, int(steps))
            write_json(
                path,
                {
                    "command": f"python -m experiments.returns {setting} --seeds {seeds} --steps {steps:g}",
                    "options": SETTINGS[setting],
                    "episodes": EPISODES,
                    "versions": versions(),
                    "seeds": [done[key] for key in sorted(done)],
                },
            )
            row = done[seed]
            print(
                f"{setting:24} seed {seed}  {row['weights']:4} weights {row['bits']:6} bits  "
                f"{mean_and_spread(row):>16}  {row['env_steps']:.3g} steps  "
                f"{row['seconds']} s  "
                f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
