"""What the command line and Python call: begin a search, resume one, and run it to its end."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.methods.settings import Settings
from compactrl.runs.checkpoints import FOLDER, MAY_CHANGE, has_checkpoint
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.searches.prepare import Prepared, prepare
from compactrl.searches.search import OnIteration, Search
from compactrl.searches.workers import begin_workers
from compactrl.storage.files import write_json

FINAL_EPISODES = 100
"""Fresh episodes behind the return in a finished search's summary."""


def start(given: dict[str, Any], out: str | Path | None = None) -> Search:
    """Check the options and begin a run's directory.

    Args:
        given: options by name; those not given, or None, get their defaults.
        out: the run's directory; by default a new one under runs/.

    Raises:
        InputError: an option or the directory will not do.
    """
    prepared = prepare(given)
    settings, spec = prepared.settings, prepared.spec
    if not spec.limited:
        warnings.warn(
            f"{spec.id} sets no limit to its episodes: they are cut after {spec.max_episode_steps} steps where they "
            "have not ended; --max-episode-steps says after how many",
            stacklevel=2,
        )
    path = Path(out) if out else _next_directory(settings)
    return _opened(prepared, lambda: RunWriter.create(path, settings.flat(), prepared.teacher))


def reopen(path: str | Path, steps: int | None = None, **changed: Any) -> Search:
    """Return the search of a run, restored from its last whole checkpoint.

    Args:
        path: the run's directory.
        steps: a larger budget in environment steps.
        changed: options that change no result, such as workers and ray_address; None keeps what the run has.

    Raises:
        InputError: there is no run, its checkpoints are gone, its budget is spent, or an option may not change.
        DamagedFileError: no checkpoint can be read.
    """
    run = Run(path)
    changes = _changes({"steps": steps, **changed})
    _check_not_lost(run)
    prepared = prepare({**run.config, **changes}, run.path)
    _warn_of_new_options(run, prepared.settings)
    search = _opened(prepared, lambda: RunWriter(run.path))
    try:
        _restore(search)
        _check_is_unfinished(search, run)
        if search.options.steps != run.config["steps"]:  # races come at shares of the budget
            search.shipping.races = int(search.progress * search.options.reevaluations)
        search.writer.cut_metrics(search.iteration)
        search.writer.write_options(search.settings.flat())
    except BaseException:
        search.close()
        raise
    return search


def _opened(prepared: Prepared, open_writer: Callable[[], RunWriter]) -> Search:
    """Begin workers, open the run's directory and return their search, which closes both.

    Where one of these steps fails, what is open already is closed here.
    """
    with contextlib.ExitStack() as opened:
        workers = begin_workers(prepared.settings)
        if workers is not None:
            opened.callback(workers.close)
        writer = open_writer()
        opened.callback(writer.close)
        search = Search(prepared, writer, workers)
        opened.pop_all()
    return search


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are not None.

    Raises:
        InputError: one of them may not change in a run.
    """
    changes = {name: value for name, value in options.items() if value is not None}
    for name in changes.keys() - MAY_CHANGE:
        raise InputError(f"{name} cannot change in a run: only {', '.join(sorted(MAY_CHANGE))} can")
    return changes


def _warn_of_new_options(run: Run, settings: Settings) -> None:
    """Warn of options that the run's version did not have."""
    options = settings.flat()
    new = sorted(options.keys() - run.config.keys() - {"max_envs"})  # for which there was no limit
    if new:
        values = ", ".join(f"{name} {options[name]}" for name in new)
        warnings.warn(
            f"{run.path} was begun by an earlier compactrl: options that it did not have take today's defaults, "
            f"{values}",
            stacklevel=3,
        )


def _check_not_lost(run: Run) -> None:
    """Raise InputError where a run has come to something, and has no checkpoint of it: it would be trained over.

    One that ended before its first checkpoint has metrics at most, and an empty folder: nothing of it is lost by
    beginning again.
    """
    if has_checkpoint(run.path):
        return
    left = [name for name in ("policy.json", "summary.json") if (run.path / name).exists()]
    if not (run.path / FOLDER).is_dir() and run.metrics:
        left.append("metrics.jsonl")
    if not left:
        return
    can = "`compactrl evaluate` and `compactrl export` still take its policy" if "policy.json" in left else ""
    raise InputError(
        f"{run.path} cannot go on: checkpoints/ has none, though there is {' and '.join(left)}. "
        f"{can + '; to' if can else 'To'} train, put checkpoints/ back, or begin anew with another --out"
    )


def _restore(search: Search) -> None:
    """Bring a fresh search to its last whole checkpoint.

    Raises:
        DamagedFileError: there is one, and it does not fit.
    """
    checkpoint = search.writer.load_checkpoint(search.settings.flat())
    if checkpoint is None:
        return
    iteration, state = checkpoint
    try:
        search.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise DamagedFileError(
            f"checkpoint {iteration} of {search.writer.path} does not fit this search: it is of another one, or of "
            f"another version of compactrl or of a library, see versions.json ({type(error).__name__}: {error})"
        ) from error


def _check_is_unfinished(search: Search, run: Run) -> None:
    """Raise InputError where the budget is spent and the final evaluation is in the summary."""
    try:
        finished = bool(run.summary.get("finished"))
    except DamagedFileError:  # missing, too: the search ended between two files
        finished = False
    if search.progress >= 1 and finished:
        raise InputError(
            f"{run.path} has spent its budget of {search.options.steps} environment steps: give more with --steps"
        )


def search(
    env: str | None = None, *, out: str | Path | None = None, on_iteration: OnIteration | None = None, **options: Any
) -> Run:
    """Search for a compact policy and return its run.

    Args:
        env: the environment's id; all else is given by name.
        out: the run's directory; by default a new one under runs/.
        on_iteration: called after every iteration with its metrics and the search.
        options: as on the command line, with underscores. One that is None is not given, and gets its default:
            `hidden=None` is the default width, and a linear policy is `hidden="none"` or `hidden=()`.

    Raises:
        InputError: an option or the directory will not do.
        CompactrlError: the search cannot go on, or has learned nothing.
    """
    return finish(start({**options, "env": env}, out), on_iteration)


def resume(path: str | Path, steps: int | None = None, on_iteration: OnIteration | None = None, **changed: Any) -> Run:
    """Go on with a run until its budget, or a larger one, is spent; see `reopen`."""
    return finish(reopen(path, steps, **changed), on_iteration)


def finish(
    search: Search, on_iteration: OnIteration | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Run:
    """Run a search to its end, or until `should_stop`; at the end, evaluate what ships on fresh episodes.

    Raises:
        CompactrlError: the search cannot go on, or its budget is spent and nothing was learned.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # reported otherwise: failed evaluations, NaN losses
            search.run(on_iteration, should_stop)
        run = Run(search.writer.path)
        if search.progress >= 1 and not search.learner.has_learned:
            raise CompactrlError(
                f"nothing was learned: in {search.options.steps} environment steps there were too few whole episodes "
                f"in the {search.settings.lanes} environments. Go on with more: compactrl resume {run.path} --steps "
                "COUNT, or begin anew with a smaller --max-episode-steps or fewer --num-envs"
            )
        if search.progress >= 1:
            search.close_environments()
            report = run.report(run.evaluate(FINAL_EPISODES, search.options.threads))
            write_json(run.path / "summary.json", {**search.summary(), **report, "finished": True})
    finally:
        search.close()
    return run


def _next_directory(settings: Settings) -> Path:
    """Return a new directory's name: runs/METHOD-ENV-SEED, numbered where that is taken."""
    options = settings.search
    name = f"{options.method}-{options.env.replace('/', '-')}-seed{options.seed}"
    place, number = Path("runs") / name, 2
    while place.exists():
        place, number = Path("runs") / f"{name}-{number}", number + 1
    return place
