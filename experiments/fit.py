"""What `compactrl fit` comes to, beside single methods with the same time, and what imitation loses.

    python -m experiments.fit [SETTING …] [--seeds 0,1,2]

A fit that was interrupted goes on where it was, one that has ended is not repeated. A setting's results are in
`experiments/results/fit/SETTING.json`, rewritten after every seed; they hold what ships of each budget, its return over
100 fresh episodes that no choice was based on, and all that was tried.

Time is wall-clock time: the settings are to be measured one after the other, with nothing else on the machine. Those
of one core are the exception: `taskset -c 0 python -m experiments.fit cheetah-5min`, and another on another core.

`SETTING-single` measures single methods beside that fit: for each of its budgets each method has the network that is as
large as fits, and the whole time of the fit, on as many cores.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from compactrl.encodings.storage import stored_bytes
from compactrl.envs.registry import describe
from compactrl.fits.api import fit
from compactrl.fits.budgets import KINDS
from compactrl.fits.ledger import Ledger
from compactrl.fits.portfolio import FEW, MOST, Row
from compactrl.fits.sizes import Sized, fitting
from compactrl.fits.stages import Amount, Grant, Watch, advance
from compactrl.quantities import a_return, read_time
from compactrl.runs.run import Run
from compactrl.searches.api import finish, start
from compactrl.storage.files import write_json
from compactrl.versions import versions
from experiments.fit_table import budgets_of
from experiments.searching import finished_run

RESULTS = Path(__file__).parent / "results" / "fit"
RUNS = Path("runs/fit")
CHEETAH = "HalfCheetah-v5"
SETTINGS: dict[str, dict[str, Any]] = {
    **{
        f"{name}-5min": {"env": env, "max_bytes": (256, 512, 1024), "time": "5min", "threads": 1}
        for name, env in {"cheetah": CHEETAH, "hopper": "Hopper-v5", "swimmer": "Swimmer-v5"}.items()
    },
    "cheetah-15min": {"env": CHEETAH, "max_bytes": 1024, "time": "15min"},
    "hopper-15min": {"env": "Hopper-v5", "max_bytes": 1024, "time": "15min"},
    "walker2d-15min": {"env": "Walker2d-v5", "max_bytes": 1024, "time": "15min"},
    "swimmer-15min": {"env": "Swimmer-v5", "max_bytes": 1024, "time": "15min"},
    "cheetah-20min": {"env": CHEETAH, "max_bytes": (256, 320, 512, 1024), "time": "20min"},
    "cheetah-30min": {"env": CHEETAH, "max_bytes": (256, 320, 512, 1024), "time": "30min"},
    "cheetah-2h": {"env": CHEETAH, "max_bytes": (256, 320, 512, 1024), "time": "2h"},
    "hopper-2h": {"env": "Hopper-v5", "max_bytes": (256, 1024), "time": "2h"},
    "walker2d-2h": {"env": "Walker2d-v5", "max_bytes": (256, 1024), "time": "2h"},
    "swimmer-2h": {"env": "Swimmer-v5", "max_bytes": (256, 1024), "time": "2h"},
    "reacher-30min": {"env": "Reacher-v5", "max_bytes": (256, 1024), "time": "30min"},
    "pendulum-15min": {"env": "Pendulum-v1", "max_bytes": (64, 256), "time": "15min"},
}
"""Budgets of a fit in bytes and time."""
SINGLE = (
    Row(
        "chromatic",
        {"method": "chromatic"},
        {"hidden": ((41,), (24,), (16,), (8,), (4,), ()), "partitions": FEW},
        anneals=True,
    ),
    Row(
        "ppo",
        {"method": "ppo"},
        {"hidden": ((64, 64), (32, 32), (32, 16), (16, 16), (16, 8), *((each,) for each in (16, 12, 8, 6, 4, 3, 2)))},
        anneals=True,
    ),
    Row("linear", {"method": "linear"}),
)
"""Methods that get the whole time of a setting for themselves: what a user would try without `fit`. What anneals has as
many steps as its pace in the first fifth gives; where that changes, its time is a little more or less."""
TEACHERS: dict[str, dict[str, Any]] = {
    "imitation": {"env": CHEETAH, "method": "sac", "hidden": (32, 16), "steps": 150_000},
    "imitation-ppo": {"env": CHEETAH, "method": "ppo", "hidden": (32, 16), "steps": 3_000_000},
}
"""Settings of imitation: ReLU from SAC, and tanh from PPO as in a fit."""
IMITATION_SECONDS = 120.0
EPISODES = 100


def measure_fit(setting: str, seed: int) -> dict[str, Any]:
    """Run a fit to its end; return what ships and all that was tried."""
    found = fit(**SETTINGS[setting], seed=seed, out=RUNS / f"{setting}-seed{seed}", progress=True)
    return {"seed": seed, **found.front, "seconds": round(found.run.summary["seconds"])}


def measure_single(setting: str, seed: int) -> dict[str, Any]:
    """Give single methods the time of a setting each, for each of its budgets; return what they come to.

    Their learning rate and their fine tuning follow from the steps that there is time for, known after a fifth of it.
    """
    options = SETTINGS[setting]
    spec = describe(options["env"])
    rows = []
    for most in budgets_of(options):
        for row in SINGLE:
            sized = fitting(row, spec, most, normalized=True, kind=KINDS["bytes"])
            if sized is not None:
                rows.append({"max_bytes": most, "method": row.name, "candidate": sized.name})
                rows[-1] |= _shipped(_searched(sized, setting, seed))
    return {"seed": seed, "methods": rows}


def _shipped(run: Run) -> dict[str, Any]:
    """Return what a single method's run came to and took; its bytes may be more than was promised."""
    return {**_row(run), **{key: run.summary[key] for key in ("seconds", "env_steps")}}


def _searched(sized: Sized, setting: str, seed: int) -> Run:
    """Return the run of a single method that had the time of a setting."""
    options = SETTINGS[setting]
    path = RUNS / f"{setting}-single-seed{seed}"
    path.mkdir(parents=True, exist_ok=True)
    search = {**sized.options, "env": options["env"], "seed": seed, "steps": MOST, "threads": options.get("threads", 0)}
    amount = Amount(float(read_time(options["time"])), seconds=True)
    grant = Grant(sized.name, path / sized.name, search, amount, sized.name, anneals=sized.row.anneals)
    return advance(grant, Ledger(path, {"setting": setting}, "auto"), Watch())


def measure_imitation(setting: str, seed: int) -> dict[str, Any]:
    """Let 16 shared weights imitate a [32, 16] teacher for two minutes; return both returns."""
    teacher = finished_run(RUNS / f"{setting}-teacher-seed{seed}", {**TEACHERS[setting], "seed": seed})
    path = RUNS / f"{setting}-seed{seed}"
    options = {"method": "shared", "teacher": str(teacher.path), "start_from": str(teacher.path), "partitions": 16}
    if not (path / "summary.json").exists():
        pilot = start({**options, "seed": seed, "steps": 10**9}, path.with_name(f"{path.name}-pace"))
        finish(pilot, should_stop=lambda: pilot.seconds >= 0.2 * IMITATION_SECONDS)
        steps = int(pilot.env_steps / pilot.seconds * 0.8 * IMITATION_SECONDS)
        finished_run(path, {**options, "seed": seed, "steps": steps})
    student = Run(path)
    return {"seed": seed, "teacher": _row(teacher), "student": _row(student), "seconds": student.summary["seconds"]}


def _row(run: Run) -> dict[str, Any]:
    evaluation = run.evaluate_for_summary(EPISODES)
    fields = {"return_mean": evaluation.mean_return, "return_std": evaluation.std_return}
    return {**fields, "return_interval": list(evaluation.interval), "bytes": stored_bytes(run.policy)}


MEASURED: dict[str, Callable[[str, int], dict[str, Any]]] = {
    **dict.fromkeys(SETTINGS, measure_fit),
    **{
        f"{setting}-single": lambda name, seed: measure_single(name.removesuffix("-single"), seed)
        for setting in SETTINGS
    },
    **dict.fromkeys(TEACHERS, measure_imitation),
}
"""Setting → what measures it."""


def main(
    settings: Annotated[list[str] | None, typer.Argument(help="Settings; all fits by default.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "0,1,2",
) -> None:
    """Measure settings and write their results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for setting in settings or SETTINGS:
        if setting not in MEASURED:
            sys.exit(f"unknown setting {setting}: expected {', '.join(MEASURED)}")
        path = RESULTS / f"{setting}.json"
        done = {row["seed"]: row for row in json.loads(path.read_text())["seeds"]} if path.exists() else {}
        for seed in map(int, seeds.split(",")):
            if seed not in done:
                done[seed] = MEASURED[setting](setting, seed)
            content = {
                "command": f"python -m experiments.fit {setting} --seeds {seeds}",
                "options": TEACHERS.get(setting) or SETTINGS[setting.removesuffix("-single")],
                "versions": versions(),
                "seeds": [done[key] for key in sorted(done)],
            }
            write_json(path, content)
            print(f"{setting} seed {seed}: {_said(done[seed])}", file=sys.stderr, flush=True)


def _said(row: dict[str, Any]) -> str:
    rows = row.get("shipped") or row.get("methods") or [row["teacher"], row["student"]]
    return ", ".join(f"{a_return(each['return_mean'])} in {each['bytes']} bytes" for each in rows)


if __name__ == "__main__":
    typer.run(main)
