"""The policies that ship in the package (`compactrl zoo`), rebuilt.

    python -m experiments.zoo [ENV …] [--time 2h] [--runs runs/zoo]
    python -m experiments.zoo --run RUN --size 512B

A fit for each environment finds the policies of all its sizes, in `runs/zoo/ENV`; one that was interrupted goes on, one
that has ended is not repeated. What ships of it is copied to `compactrl/zoo/ENV/SIZE`: policy, options, versions, and
the return over 100 fresh episodes that no choice was based on. A policy that is there already stays where the new one
has a lower return. The second way installs what an experiment has found: HalfCheetah's of
`python -m experiments.fit cheetah-20min --seeds 0,1`, Hopper's and Walker2d's of `hopper-15min` and `walker2d-15min`,
Swimmer's of `swimmer-5min`, seed 0 each, the quadrotor's of
`python -m experiments.flight ppo-four-static-evolved --seeds 2`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from compactrl.fits.api import Fit, fit
from compactrl.policies.zoo import FOLDER, bytes_of
from compactrl.quantities import a_return
from compactrl.runs.run import Run
from compactrl.storage.files import read_json, write_json

ROBOTS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {"sizes": ("64B",), "time": "3min", "stop_at": 495},
    "Pendulum-v1": {"sizes": ("64B", "256B"), "time": "15min", "stop_at": -160},
    "HalfCheetah-v5": {"sizes": ("256B", "512B", "1kB"), "time": "2h"},
    "Hopper-v5": {"sizes": ("256B", "1kB"), "time": "2h"},
    "Walker2d-v5": {"sizes": ("256B", "1kB"), "time": "2h"},
    "Swimmer-v5": {"sizes": ("128B",), "time": "1h"},
    "Reacher-v5": {"sizes": ("128B", "512B"), "time": "1h"},
}
"""Environment → sizes, and the time of a fit for all of them on two cores."""
FILES = ("policy.json", "policy.safetensors", "versions.json", "summary.json")
OF_THIS_MACHINE = ("teacher", "start_from", "colorings_from", "env_module")
"""Options that name places on the machine of the search."""


def fits_of(robot: str, time: str | None, runs: Path) -> Fit:
    """Return the fit of a robot, after running what is left of it."""
    row = ROBOTS[robot]
    budgets = [bytes_of(size) for size in row["sizes"]]
    out = runs / robot
    return fit(robot, max_bytes=budgets, time=time or row["time"], stop_at=row.get("stop_at"), out=out, progress=True)


def install(run: Run, folder: Path) -> bool:
    """Copy what ships of a run to the package; return whether it is better than what was there."""
    before = read_json(folder / "summary.json")["return_mean"] if (folder / "summary.json").exists() else None
    if before is not None and before >= run.summary["return_mean"]:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run.path / name, folder / name)
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    config["options"] = {name: "" if name in OF_THIS_MACHINE else value for name, value in config["options"].items()}
    write_json(folder / "config.json", config)
    return True


def report(run: Run, env: str, size: str) -> None:
    """Install a run's policy under this size's name, and say what came of it."""
    better, summary = install(run, FOLDER / env / size), run.summary
    said = "installed" if better else "no better than what ships"
    print(f"{env}/{size}: {a_return(summary['return_mean'])} in {summary['bytes']} bytes, {said}", flush=True)


def main(
    robots: Annotated[list[str] | None, typer.Argument(help="Environments; all by default.")] = None,
    time: Annotated[str | None, typer.Option(help="Of each fit, in place of its own.")] = None,
    runs: Annotated[Path, typer.Option(help="Where fits lie.")] = Path("runs/zoo"),
    run: Annotated[Path | None, typer.Option(help="A finished run to install, in place of fits.")] = None,
    size: Annotated[str, typer.Option(help="What it is to be called, such as 512B; it takes no more.")] = "",
) -> None:
    """Rebuild the zoo."""
    if run is not None:
        found = Run(run)
        if not size or found.summary["bytes"] > bytes_of(size):
            sys.exit(f"--size {size}: {run} takes {found.summary['bytes']} bytes")
        report(found, found.config["env"], size)
        return
    for robot in robots or ROBOTS:
        if robot not in ROBOTS:
            sys.exit(f"unknown environment {robot}: expected {', '.join(ROBOTS)}")
        fitted = fits_of(robot, time, runs)
        for size in ROBOTS[robot]["sizes"]:
            report(fitted.runs[bytes_of(size)], robot, size)


if __name__ == "__main__":
    typer.run(main)
