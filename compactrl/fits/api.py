"""What the command line and Python call: budget in, policy out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactrl.envs.given import take
from compactrl.envs.modules import absolute_module
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, InputError, UnwritableError
from compactrl.fits.budgets import Sizes, budgets_of
from compactrl.fits.candidate import STAGES
from compactrl.fits.crew import Crew
from compactrl.fits.field import Field
from compactrl.fits.figure import save_figure
from compactrl.fits.judging import Judge
from compactrl.fits.ledger import FILE, Ledger, read_record
from compactrl.fits.options import FitOptions, check_possible, return_of, target_of, total_of
from compactrl.fits.progress import FitProgress
from compactrl.fits.race import Race
from compactrl.fits.shipping import BUDGETS, front_of, kind_of, ship
from compactrl.fits.stages import StoppedError, Watch, engine_of
from compactrl.methods.options import SearchOptions
from compactrl.methods.values import validated
from compactrl.policies.policy import Policy
from compactrl.quantities import a_return
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.storage.files import read_json, write_json

if TYPE_CHECKING:
    from compactrl.envs.given import Environment

FRONT, PICTURE = "front.json", "front.svg"


class Fit:
    """What came of a fit.

    Args:
        path: its folder.

    Raises:
        InputError: the folder holds no fit, or one that has no policy yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / FILE).exists():
            raise InputError(f"{self.path} holds no fit: there is no {FILE}")
        if not (self.path / FRONT).exists():
            raise InputError(f"{self.path} has no policy yet: `compactrl resume {self.path}` goes on")
        self.front: dict[str, Any] = read_json(self.path / FRONT)
        """All that was tried (`candidates`), and what ships of each budget (`shipped`)."""

    @property
    def finished(self) -> bool:
        """Whether it has used its budget, or has reached the return that was asked for."""
        return bool(read_record(self.path)["finished"])

    @cached_property
    def runs(self) -> dict[int, Run]:
        """Budget → what ships, which opens as a run."""
        budgets = [row[f"max_{kind_of(self.front)}"] for row in self.front["shipped"]]
        return {most: Run(_place(self.path, most, budgets)) for most in budgets}

    @property
    def policies(self) -> dict[int, Policy]:
        """Budget → policy."""
        return {most: run.policy for most, run in self.runs.items()}

    @property
    def run(self) -> Run:
        """What ships of the largest budget."""
        return self.runs[max(self.runs)]

    @property
    def policy(self) -> Policy:
        """The policy of the largest budget."""
        return self.run.policy

    @property
    def bytes(self) -> int:
        """What that policy's tables take."""
        return int(self.run.summary["bytes"])

    @property
    def return_mean(self) -> float:
        """Its mean return over 100 fresh episodes that no choice was based on."""
        return float(self.run.summary["return_mean"])

    def save(self, path: str | Path) -> Path:
        """Write what was tried, and what became of it, as one HTML file that needs nothing else.

        Raises:
            InputError: it cannot be written there.
        """
        from compactrl.fits.page import save_page

        return save_page(self.path, self.front, path)

    def __repr__(self) -> str:
        """Show where it is, and what it came to."""
        return f"Fit({str(self.path)!r}: {a_return(self.return_mean)} in {self.bytes} bytes)"


def fit(
    env: Environment | None = None,
    *,
    max_bytes: Sizes | None = None,
    max_parameters: Sizes | None = None,
    max_flash: Sizes | None = None,
    max_instructions: Sizes | None = None,
    target: str = "",
    time: int | float | str | None = None,
    steps: int | float | str | None = None,
    out: str | Path | None = None,
    stop_at: float | None = None,
    seed: int = 0,
    threads: int = 0,
    env_module: str = "",
    env_options: dict[str, Any] | None = None,
    engine: str = "auto",
    max_episode_steps: int = 0,
    progress: bool = False,
) -> Fit:
    """Find the best policies that fit budgets, of one kind.

    A folder that holds a fit with the same options is gone on with; one that has ended is opened.

    Args:
        env: the environment, as `compactrl.search` takes one.
        max_bytes: what the tables of the policy may take: a number, a size such as "2kB", or several, which share what
            they can.
        max_parameters: in its place, how many weights and biases may be stored.
        max_flash: in its place, what tables, code and C library may take of a Cortex-M4F, as `compactrl export`
            measures it with the cross-compiler.
        max_instructions: in its place, instructions of a step on a Cortex-M4F, counted in QEMU.
        target: of the export, whose rules the policy must meet, such as "crazyflie"; with max_flash and
            max_instructions.
        time: seconds, or a time such as "15min"; an hour where neither time nor steps are given.
        steps: environment steps in place of a time; one of PPO counts as 3 or 4, one that comes with an update from a
            replay buffer as 200. The same steps give the same policies.
        out: the folder; by default runs/fit-ENV-seedN.
        stop_at: end once every budget's policy has this mean return.
        seed: of all randomness.
        threads: cores that it uses, for searches side by side and for their environments; 0 is every core.
        env_module: as in `compactrl.search`.
        env_options: as in `compactrl.search`.
        engine: as in `compactrl.search`.
        max_episode_steps: as in `compactrl.search`.
        progress: show how it goes.

    Raises:
        InputError: an option or the folder will not do; no policy fits a budget.
        CompactrlError: nothing could be learned; or what measures a budget is not installed.

    Example:
        >>> import tempfile
        >>> found = fit("compactrl/Target-v0", max_bytes=100, steps="20k", out=tempfile.mkdtemp())
        >>> found.bytes <= 100
        True
    """
    limits = {"bytes": max_bytes, "parameters": max_parameters, "flash": max_flash, "instructions": max_instructions}
    options = options_of(
        env, limits=limits, target=target, time=time, steps=steps, stop_at=stop_at, seed=seed, env_module=env_module,
        env_options=env_options, engine=engine, max_episode_steps=max_episode_steps,
    )  # fmt: skip
    return run_fit(options, out, threads=threads, quiet=not progress)


def options_of(
    env: Environment | None,
    *,
    limits: Mapping[str, Sizes | None],
    target: str,
    time: int | float | str | None,
    steps: int | float | str | None,
    stop_at: float | None,
    seed: int,
    env_module: str,
    env_options: dict[str, Any] | None,
    engine: str,
    max_episode_steps: int,
) -> FitOptions:
    """Return the options of a fit as the user gave them; see `fit`. Limits are sizes by kind, one of them given.

    Raises:
        InputError: one will not do.
    """
    if env is None:
        raise InputError("a fit needs an environment, such as HalfCheetah-v5; `compactrl envs` lists them")
    given = take(env)
    validated(SearchOptions, {"seed": seed, "max_episode_steps": max_episode_steps})
    seconds, count = total_of(time, steps)
    kind, budgets = budgets_of(limits)
    return FitOptions(
        env=given.name,
        env_module=absolute_module(env_module),
        env_options=dict(env_options or given.options.get("env_options", {})),
        engine=str(given.options.get("engine", engine)),
        max_episode_steps=max_episode_steps,
        budgets=budgets,
        seconds=seconds,
        steps=count,
        stop_at=return_of(stop_at),
        seed=seed,
        limit=kind.name,
        target=target_of(target, kind),
    )


def options_in(path: Path) -> FitOptions:
    """Return the options of a fit's folder."""
    return FitOptions.of_record(read_record(path)["options"])


def run_fit(
    options: FitOptions,
    out: str | Path | None = None,
    threads: int = 0,
    quiet: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fit:
    """Run a fit to its end, or until `should_stop`; what ships then is the best so far, and the fit can go on.

    Raises:
        InputError: the environment or the folder will not do, or no policy fits a budget.
        CompactrlError: nothing could be learned; or what measures a budget is not installed.
    """
    validated(SearchOptions, {"threads": threads})
    path = Path(out) if out else _default_folder(options)
    spec = environment_of({**options.environment, "engine": engine_of(path, options.record()), "max_envs": 0})
    check_possible(options, spec)
    _check_place(path)
    with contextlib.closing(_locked(path)):
        ledger = Ledger(path, options.record(), spec.engine, threads)
        if ledger.finished:
            return Fit(path)
        ledger.save()
        watch = Watch(should_stop)
        judge = Judge(spec, options.seed, threads, ledger, options.total.seconds)
        search_options = {**options.environment, "engine": spec.engine, "threads": threads}
        crew = Crew({**options.environment, "engine": spec.engine}, threads, ledger, watch)
        field = Field(
            path, search_options, spec, options.kind, sorted(options.budgets), options.total, options.seed,
            ledger, judge, crew, watch,
        )  # fmt: skip
        race = Race(field, options.stop_at)
        finished = True
        with crew, FitProgress(race, watch, options, path, quiet):
            try:
                race.run()
            except StoppedError:
                finished = False
                race.settle_for_now()
            watch.doing = "100 fresh episodes of what ships"
            _ship(path, race, spec, options, ledger, finished, threads)
        return Fit(path)


def _ship(
    path: Path, race: Race, spec: EnvironmentSpec, options: FitOptions, ledger: Ledger, finished: bool, threads: int
) -> None:
    """Write what ships of each budget, and the front.

    Raises:
        CompactrlError: there is nothing.
    """
    totals, kind = _totals(path), options.kind
    shipped = {}
    for most in options.budgets:
        best = race.best(most)
        if best is None:
            raise CompactrlError(
                f"{path} has no policy of at most {kind.say(most)} yet: `compactrl resume {path}` goes on"
                if not finished
                else f"no candidate of at most {kind.say(most)} could learn: give more --time or --steps"
            )
        shipped[most] = ship(_place(path, most, options.budgets), best, spec, kind, *totals, threads)
    front = front_of(race.candidates, shipped, kind)
    save_figure(path / PICTURE, front, options.env)
    write_json(path / FRONT, front)
    ledger.finish(finished)


def _place(path: Path, most: int, budgets: list[int] | tuple[int, ...]) -> Path:
    """Return the folder of what ships of a budget: the fit's own for the largest."""
    return path if most == max(budgets) else path / BUDGETS / str(most)


def _totals(path: Path) -> tuple[int, float]:
    """Return environment steps and seconds of all runs of a fit."""
    folders = [folder for folder in (path / STAGES).iterdir() if (folder / "summary.json").exists()]
    summaries = [Run(folder).summary for folder in folders]
    return sum(int(each["env_steps"]) for each in summaries), sum(float(each["seconds"]) for each in summaries)


def _default_folder(options: FitOptions) -> Path:
    return Path("runs") / f"fit-{re.sub(r'[^A-Za-z0-9._-]+', '-', options.env)}-seed{options.seed}"


def _check_place(path: Path) -> None:
    """Raise InputError where a folder holds something else than a fit."""
    if path.exists() and not path.is_dir():
        raise InputError(f"--out {path} is a file: give a folder")
    if path.exists() and not (path / FILE).exists() and any(each.name != ".lock" for each in path.iterdir()):
        raise InputError(f"{path} is not empty and holds no fit: choose another --out, nothing there was touched")


def _locked(path: Path) -> RunWriter:
    """Return the lock of a folder, so that no two fits write one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out: {UnwritableError(path, error)}") from error
    return RunWriter(path)
