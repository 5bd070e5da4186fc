"""Learning of graph hyper policies and of the plain networks that they are compared with.

    python -m experiments.hypernets [SETTING …] [--seeds 0,1,2] [--steps 3e5]

Settings of one environment are compared at the same steps. They run one after the other. An interrupted one resumes
where it was, a finished one is not repeated. A setting's results are in
`experiments/results/hypernets/SETTING-STEPS.json`, rewritten after every seed: a summary of the returns of all
architectures, or the return of the only one over 100 fresh episodes.

The highest of thousands of returns, each a mean of few episodes, is partly luck, and so is the smallest architecture
that comes near it. Both are therefore chosen on fresh episodes:

1. The `LEADERS` of the table run `REMATCH` episodes each. The best of them runs `EPISODES` more: that is the maximum.
2. Candidates are all architectures whose return in the table is at most `MARGIN` below 90 % of it. From the smallest
   on, each runs `REMATCH` episodes, and if it has 90 % then, `EPISODES` more. The first with 90 % in both is the
   smallest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from compactrl.catalogs.catalog import Catalog, open_catalog
from compactrl.catalogs.evaluation import EPISODES as TABLE_EPISODES
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.catalogs.shares import OF_MAXIMUM, least_value
from compactrl.catalogs.summary import summarize
from compactrl.catalogs.table import Row
from compactrl.evaluation.local import LocalEvaluator
from compactrl.methods.settings import resolve
from compactrl.quantities import mean_and_spread
from compactrl.runs.evaluation import EVALUATION_STREAM
from compactrl.runs.run import Run
from compactrl.searches.shipping import score
from compactrl.storage.files import write_json
from compactrl.types import Floats
from compactrl.versions import versions
from experiments.returns import EPISODES, RUNS
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "hypernets"
SUCCESS = 0.95
Widths = tuple[int, ...]
LEADERS = 32
REMATCH = 30
LANES = 160
NEAR = 0.9
MARGIN = 0.03

CHEETAH = {"env": "HalfCheetah-v5", "engine": "envpool"}  # that of the published rows
REACH = {"env": "FetchReach-v4"}
NARROW = {"widths": "4,8,16,32,64"}
"""780 architectures: an update of the dense decoder takes three times as long as the bilinear one's with these, and a
hundred times with all 4680."""
SETTINGS: dict[str, dict[str, Any]] = {
    "ghp": {**CHEETAH, "method": "ghp"},
    "ghp-not-told": {**CHEETAH, "method": "ghp", "tell_critics": False},
    "ghp-no-anchor": {**CHEETAH, "method": "ghp", "anchor_share": 0.0},
    "ghp-constant-rate": {**CHEETAH, "method": "ghp", "actor_final_rate_share": 1.0},
    "ghp-squared": {**CHEETAH, "method": "ghp", "average_share": 0.0, "critic_clip": 0.0},
    "ghp-uniform": {**CHEETAH, "method": "ghp", "controller": "uniform"},
    "ghp-pointer": {**CHEETAH, "method": "ghp", "controller": "pointer"},
    "ghp-raw": {**CHEETAH, "method": "ghp", "width_features": "raw"},
    "ghp-dense": {**CHEETAH, "method": "ghp", "decoder": "dense", "actor_learning_rate": 1e-3},
    "ghp-paper": {**CHEETAH, "method": "ghp", "preset": "paper"},
    "ghp-64": {**CHEETAH, "method": "ghp", **NARROW},
    "ghp-64-dense": {**CHEETAH, "method": "ghp", **NARROW, "decoder": "dense", "actor_learning_rate": 1e-3},
    "ghp-64-dense-slow": {**CHEETAH, "method": "ghp", **NARROW, "decoder": "dense", "actor_learning_rate": 3e-4},
    "sac": {**CHEETAH, "method": "sac"},
    "sac-64-4-4-32": {**CHEETAH, "method": "sac", "hidden": "64,4,4,32"},
    "sac-16-8-32-8": {**CHEETAH, "method": "sac", "hidden": "16,8,32,8"},
    "distill-64-4-4-32": {**CHEETAH, "method": "distill", "hidden": "64,4,4,32", "teacher": "sac"},
    "reach-ghp": {**REACH, "method": "ghp"},
    "reach-ghp-squared": {**REACH, "method": "ghp", "average_share": 0.0, "critic_clip": 0.0},
    "reach-ddpg": {**REACH, "method": "ddpg"},
}
"""By name; a teacher is the setting whose run of the same seed and steps is imitated."""


def measure(setting: str, seed: int, steps: int, episodes: int) -> dict[str, Any]:
    """Train, or go on training, and evaluate all that came of it."""
    options = dict(SETTINGS[setting])
    if "teacher" in options:
        teacher = str(options["teacher"])
        options["teacher"] = str(_train(teacher, seed, steps).path)
    run = _train(setting, seed, steps, options)
    result = {**run.report(run.evaluate_for_summary(EPISODES)), "seconds": round(run.summary["seconds"])}
    if options["method"] != "ghp":
        return result
    catalog = open_catalog(run)
    rows = evaluate_all(catalog, episodes)
    brief = {"episodes": episodes, **summarize(rows), "fresh": fresh(catalog, rows)}
    shares = [row["success_mean"] for row in rows if row.get("success_mean") is not None]
    if shares:
        brief["success_share"] = sum(share >= SUCCESS for share in shares) / len(rows)
    known = sorted(row["return_mean"] for row in rows if row["return_mean"] is not None)
    brief["return_quartiles"] = [known[len(known) * part // 4] for part in (1, 2, 3)]
    return {**result, "architectures": brief}


def fresh(
    catalog: Catalog,
    rows: list[Row],
    shares: Sequence[float] = (NEAR,),
    named: Sequence[Widths] = (),
) -> dict[str, Any]:
    """Return the best architecture, of positive returns the smallest with shares of its, and those named.

    All are chosen and measured on fresh episodes.
    """
    known = sorted((row for row in rows if row["return_mean"] is not None), key=lambda row: -row["return_mean"])
    first = [tuple(row["widths"]) for row in known[:LEADERS]]
    seed = np.random.SeedSequence(catalog.settings.search.seed, spawn_key=(EVALUATION_STREAM, 2))
    evaluator = LocalEvaluator(catalog.spec, LANES, seed)

    def returns(architectures: list[Widths], episodes: int) -> Floats:
        return score(catalog.policies(architectures), evaluator, episodes)[0]

    try:
        best = first[int(np.nanargmax(returns(first, REMATCH).mean(axis=1)))]
        chosen = {"max": (best, returns([best], EPISODES)[0])}
        for share in shares:
            enough = least_value([chosen["max"][1].mean()], share, OF_MAXIMUM)
            if enough is not None:
                near = {tuple(row["widths"]) for row in known if row["return_mean"] >= (1 - MARGIN) * enough} - {best}
                smaller = sorted(near, key=lambda widths: (catalog.parameters(widths), widths))
                found = first_with(smaller, enough, returns)
                chosen[f"{100 * share:.0f}% {OF_MAXIMUM}"] = found or chosen["max"]
        for widths in named:
            chosen[",".join(map(str, widths))] = (widths, returns([widths], EPISODES)[0])
    finally:
        evaluator.close()
    return {
        name: {
            "widths": list(widths),
            "parameters": catalog.parameters(widths),
            "return_mean": float(values.mean()),
            "return_std": float(values.std(ddof=1)),
            "episodes": EPISODES,
        }
        for name, (widths, values) in chosen.items()
    }


def first_with(
    architectures: list[Widths], enough: float, returns: Callable[[list[Widths], int], Floats]
) -> tuple[Widths, Floats] | None:
    """Return the first with this return, in a rematch and then over `EPISODES` episodes, and the latter's returns."""
    for start in range(0, len(architectures), LEADERS):
        some = architectures[start : start + LEADERS]
        for widths, mean in zip(some, returns(some, REMATCH).mean(axis=1), strict=True):
            if mean >= enough and (values := returns([widths], EPISODES)[0]).mean() >= enough:
                return widths, values
    return None


def resolved(setting: str, steps: int) -> dict[str, Any]:
    """Return all of a setting's options but the seed, as JSON values: those by default may be others one day."""
    flat = resolve({**SETTINGS[setting], "steps": steps}).flat()
    options: dict[str, Any] = json.loads(json.dumps({name: value for name, value in flat.items() if name != "seed"}))
    return options


def _train(setting: str, seed: int, steps: int, options: dict[str, Any] | None = None) -> Run:
    path = RUNS / f"{setting}-seed{seed}-{steps}"
    return finished_run(path, {"seed": seed, "steps": steps, **(options or SETTINGS[setting])})


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="Settings; all by default.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    steps: Annotated[float, typer.Option(help="Environment steps of each training.")] = 3e5,
    episodes: Annotated[int, typer.Option(min=1, help="Of every architecture, for the table.")] = TABLE_EPISODES,
) -> None:
    """Measure settings and write their results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for setting in settings or SETTINGS:
        path = RESULTS / f"{setting}-{steps / 1e6:g}M.json"
        options = resolved(setting, int(steps))
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"options": options, "seeds": []}
        other = sorted(name for name, value in options.items() if known["options"].get(name) != value)
        if other:
            sys.exit(f"{path} is of other options ({', '.join(other)}): delete it to measure {setting} anew")
        done = {row["seed"]: row for row in known["seeds"]}
        for seed in map(int, seeds.split(",")):
            if seed not in done:
                done[seed] = measure(setting, seed, int(steps), episodes)
            command = (
                f"python -m experiments.hypernets {setting} --seeds {seeds} --steps {steps:g} --episodes {episodes}"
            )
            content = {"command": command, "options": options, "versions": versions()}
            write_json(path, {**content, "seeds": [done[key] for key in sorted(done)]})
            row = done[seed]
            print(f"{setting:20} seed {seed}  {mean_and_spread(row)}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
