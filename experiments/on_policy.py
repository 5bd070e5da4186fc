"""Learning on policy: plain PPO beside published figures, HyperPPO beside PPO, and the paper's tables and ablations.

    python -m experiments.on_policy [ROW …] [--seeds 0,1,2] [--steps 1e6]

Each row has a budget of its own, in environment steps or in seconds of search; `--steps` changes the first. Rows run
one after the other; an interrupted one resumes where it was, a finished one is not repeated. A row's results are in
`experiments/results/on-policy/ROW-BUDGET.json`, rewritten after every seed: the return of what ships over 100 fresh
episodes, and its curve. Where the row has many architectures, also: the best of them and the smallest with 90 % and
80 % of its return, chosen and measured on fresh episodes (`experiments/hypernets.py` says how); the return of every
architecture of a plain row, over 100 fresh episodes; mean, deciles and quartiles over all architectures.

Hegde, Huang & Sukhatme, "HyperPPO" (2023): figure 3 and table I (`table`), figure 4 (`ablations`), figure 5
(`scaling`). A group's name stands for its rows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.catalogs.summary import summarize
from compactrl.methods.rows import METHODS
from compactrl.methods.settings import resolve
from compactrl.quantities import mean_and_spread
from compactrl.storage.files import write_json
from compactrl.versions import versions
from experiments.hypernets import fresh
from experiments.returns import EPISODES, RUNS
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "on-policy"
TABLE_EPISODES = 5
SHARES = (0.9, 0.8)
ROBOTS: dict[str, dict[str, Any]] = {
    "cheetah": {"env": "HalfCheetah-v5", "engine": "mujoco"},
    "walker": {"env": "Walker2d-v5", "engine": "mujoco"},
    "hopper": {"env": "Hopper-v5", "engine": "mujoco"},
    "ant": {"env": "Ant-v5", "engine": "envpool"},
}
"""With the engine that steps each soonest, so that rows are compared on one whatever `auto` will be."""
COMMON = 1e6
LONG = 20e6
ABLATION = 10e6
SCALING_SECONDS, HOUR = 1800.0, 3600.0


@dataclass(frozen=True)
class Row:
    """A search and its budget."""

    options: dict[str, Any]
    steps: float = COMMON
    seconds: float = 0.0
    """Of searching, after which it ends; 0 is no limit."""
    named: tuple[tuple[int, ...], ...] = field(default=())
    """Architectures of many that are measured whatever their return."""


def _hyper(robot: str = "cheetah", steps: float = LONG, **options: Any) -> Row:
    return Row({"method": "hyperppo", **ROBOTS[robot], **options}, steps, named=((64,), (256, 256, 256)))


def _plain(robot: str, hidden: str, steps: float, **options: Any) -> Row:
    return Row({"method": "ppo", **ROBOTS[robot], "hidden": hidden, **options}, steps)


RELU = {"activation": "relu"}
"""As the policies that a hypernetwork writes."""
FOREVER: dict[str, Any] = {"steps": 10**10, "actor_learning_rate_decay": 1.0}
"""Where seconds are the budget: a rate that falls with steps has nothing to go by."""
SCALED = {
    f"hyperppo-{lanes}-lanes": Row(
        {"method": "hyperppo", **ROBOTS["cheetah"], "num_envs": lanes, **FOREVER}, seconds=SCALING_SECONDS
    )
    for lanes in (16, 64, 256)
}
ROWS: dict[str, Row] = {
    **{f"ppo-{robot}": Row({"method": "ppo", **ROBOTS[robot]}) for robot in ("cheetah", "walker", "hopper")},
    "ppo-cheetah-long": Row({"method": "ppo", **ROBOTS["cheetah"]}, 10e6),
    "hyperppo-cheetah": _hyper(),
    "ppo-256-256-256-cheetah": _plain("cheetah", "256,256,256", LONG, **RELU),
    "ppo-64-cheetah": _plain("cheetah", "64", LONG, **RELU),
    "hyperppo-walker": _hyper("walker"),
    "ppo-64-walker": _plain("walker", "64", LONG, **RELU),
    "hyperppo-ant": _hyper("ant"),
    "ppo-64-ant": _plain("ant", "64", LONG, **RELU),
    "hyperppo-common": _hyper(steps=ABLATION, deviation="common"),
    "hyperppo-per-architecture": _hyper(steps=ABLATION, deviation="per-architecture"),
    "hyperppo-state": _hyper(steps=ABLATION, deviation="state"),
    "hyperppo-inverse-depth": _hyper(steps=ABLATION, controller="inverse-depth"),
    "hyperppo-uniform": _hyper(steps=ABLATION, controller="uniform"),
    "hyperppo-not-told": _hyper(steps=ABLATION, conditioned_critics=False),
    **SCALED,
    "hyperppo-hour": Row({"method": "hyperppo", **ROBOTS["cheetah"], **FOREVER}, seconds=HOUR, named=((64,),)),
    "ghp-hour": Row({"method": "ghp", **ROBOTS["cheetah"], **FOREVER}, seconds=HOUR, named=((64,),)),
}
GROUPS: dict[str, list[str]] = {
    "plain": ["ppo-cheetah", "ppo-walker", "ppo-hopper"],
    "table": [
        "hyperppo-cheetah", "ppo-256-256-256-cheetah", "ppo-64-cheetah", "hyperppo-walker", "ppo-64-walker",
        "hyperppo-ant", "ppo-64-ant",
    ],
    "ablations": [
        "hyperppo-common", "hyperppo-per-architecture", "hyperppo-state", "hyperppo-inverse-depth", "hyperppo-uniform",
        "hyperppo-not-told",
    ],
    "scaling": list(SCALED),
    "hour": ["hyperppo-hour", "ghp-hour"],
}  # fmt: skip
"""Name → rows."""


def budget_of(row: Row, steps: float | None = None) -> str:
    """Return a row's budget in a file's name: `1M`, `1800s`."""
    return f"{row.seconds:g}s" if row.seconds else f"{(steps or row.steps) / 1e6:g}M"


def given_to(row: Row, seed: int, steps: float | None = None) -> dict[str, Any]:
    """Return the options of a row's search with this seed."""
    return {"steps": int(steps or row.steps), **row.options, "seed": seed}


def measure(name: str, row: Row, seed: int, steps: float | None, episodes: int) -> dict[str, Any]:
    """Train, or go on training, and evaluate all that came of it."""
    path = RUNS / f"on-policy-{name}-seed{seed}-{budget_of(row, steps)}"
    within: Callable[[dict[str, float]], object] | None = None
    if row.seconds:

        def within(record: dict[str, float]) -> bool:
            return record["seconds"] < row.seconds

    run = finished_run(path, given_to(row, seed, steps), within)
    curve = [
        [record["env_steps"], round(record["seconds"]), round(record["return_mean"], 1)]
        for record in run.metrics
        if record.get("return_mean") is not None and np.isfinite(record["return_mean"])
    ]
    every = max(1, len(curve) // 100)
    result = {
        **run.report(run.evaluate_for_summary(EPISODES)),
        "env_steps": run.summary["env_steps"],
        "seconds": round(run.summary["seconds"]),
        "curve": curve[::every],
    }
    if not METHODS[row.options["method"]].meta_batch:
        return result
    catalog = open_catalog(run)
    rows = evaluate_all(catalog, episodes)
    known = np.sort([each["return_mean"] for each in rows if each["return_mean"] is not None])
    return {
        **result,
        "architectures": {
            "episodes": episodes,
            **summarize(rows),
            "fresh": fresh(catalog, rows, SHARES, row.named),
            "return_mean_of_all": float(known.mean()),
            "return_quantiles": [float(value) for value in np.quantile(known, np.arange(21) / 20)],
        },
    }


def resolved(row: Row, steps: float | None) -> dict[str, Any]:
    """Return all of a row's options but the seed, as JSON values: those by default may be others one day."""
    flat = resolve(given_to(row, 0, steps)).flat()
    options: dict[str, Any] = json.loads(json.dumps({name: value for name, value in flat.items() if name != "seed"}))
    return options


def main(
    rows: Annotated[
        list[str] | None, typer.Argument(help=f"Rows or groups ({', '.join(GROUPS)}); all by default.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
    steps: Annotated[float | None, typer.Option(help="Environment steps of each training; else the row's own.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Of every architecture, for the table.")] = TABLE_EPISODES,
) -> None:
    """Measure rows and write their results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    names = [name for given in rows or ROWS for name in GROUPS.get(given, [given])]
    for unknown in set(names) - ROWS.keys():
        sys.exit(f"no row {unknown}: there are {', '.join([*GROUPS, *ROWS])}")
    for name in names:
        row = ROWS[name]
        path, options = RESULTS / f"{name}-{budget_of(row, steps)}.json", resolved(row, steps)
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"options": options, "seeds": []}
        other = sorted(option for option, value in options.items() if known["options"].get(option) != value)
        if other:
            sys.exit(f"{path} is of other options ({', '.join(other)}): delete it to measure {name} anew")
        done = {each["seed"]: each for each in known["seeds"]}
        for seed in map(int, seeds.split(",")):
            if seed not in done:
                done[seed] = measure(name, row, seed, steps, episodes)
            budget = f" --steps {steps:g}" if steps else ""
            command = f"python -m experiments.on_policy {name} --seeds {seeds}{budget} --episodes {episodes}"
            content = {"command": command, "options": options, "versions": versions()}
            write_json(path, {**content, "seeds": [done[key] for key in sorted(done)]})
            each = done[seed]
            print(f"{name:28} seed {seed}  {mean_and_spread(each)}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
