"""What the command line and Python call: begin a search, go on with one, and see it to its end."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.methods.settings import Settings
from compactrl.runs.checkpoints import MAY_CHANGE, _checkpoints
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.searches.prepare import prepare
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
    with contextlib.ExitStack() as opened:
        workers = begin_workers(settings)
        if workers is not None:
            opened.callback(workers.close)
        writer = RunWriter.create(Path(out) if out else _next_directory(settings), settings.flat(), prepared.teacher)
        opened.callback(writer.close)
        search = Search(prepared, writer, workers)
        opened.pop_all()  # they are the search's from here on
    return search


def reopen(path: str | Path, steps: int | None = None, **changed: Any) -> Search:
    """Go on with a run from its last whole checkpoint.

    Args:
        path: the run's directory.
        steps: a larger budget in environment steps.
        changed: options that change no result, such as workers and ray_address; None keeps what the run has.

    Raises:
        InputError: no run there, its checkpoints are gone, the budget is spent already, or an option that may not
            change.
        DamagedFileError: no checkpoint can be read.
    """
    run = Run(path)
    given = {name: value for name, value in {"steps": steps, **changed}.items() if value is not None}
    for name in given.keys() - MAY_CHANGE:
        raise InputError(f"{name} cannot change in a run: only {', '.join(sorted(MAY_CHANGE))} can")
    _check_not_lost(run)
    prepared = prepare({**run.config, **given}, run.path)
    settings = prepared.settings
    new = sorted(settings.flat().keys() - run.config.keys())
    if new:
        values = ", ".join(f"{name} {settings.flat()[name]}" for name in new)
        warnings.warn(
            f"{path} was begun by an earlier compactrl: options that it did not have take today's defaults, {values}",
            stacklevel=2,
        )
    workers = begin_workers(settings)
    writer = search = None
    try:
        writer = RunWriter(run.path)
        search = Search(prepared, writer, workers)
        _restore(search)
        if search.progress >= 1 and _is_finished(run):
            raise InputError(
                f"{path} has spent its budget of {settings.search.steps} environment steps: give more with --steps"
            )
        if settings.search.steps != run.config["steps"]:  # re-evaluations come at shares of the budget
            search.shipping.races = int(search.progress * settings.search.selections)
        writer.cut_metrics(search.iteration)
        writer.extend(settings.flat())
    except BaseException:
        for part in [search] if search else [writer, workers]:
            if part is not None:
                part.close()
        raise
    return search


def _check_not_lost(run: Run) -> None:
    """Raise InputError where a run has come to something, and has no checkpoint of it: it would be trained over.

    One that ended before its first checkpoint has metrics at most, and an empty folder: nothing of it is lost by
    beginning again.
    """
    folder = run.path / "checkpoints"
    if any(_checkpoints(folder)):
        return
    left = [name for name in ("policy.json", "summary.json") if (run.path / name).exists()]
    if not folder.is_dir() and run.metrics:
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


def _is_finished(run: Run) -> bool:
    """Return whether the final evaluation is in the summary."""
    try:
        return bool(run.summary.get("finished"))
    except DamagedFileError:  # missing, too: the search ended between two files
        return False


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
        with np.errstate(over="ignore", invalid="ignore"):  # told of where it matters: failed evaluations, NaN losses
            search.run(on_iteration, should_stop)
        run = Run(search.writer.path)
        if search.progress >= 1 and not search.learner.has_learned:
            raise CompactrlError(
                f"nothing was learned: in {search.options.steps} environment steps there were too few whole episodes "
                f"in the {search.settings.lanes} environments. Go on with more: compactrl resume {run.path} --steps "
                "COUNT, or begin anew with a smaller --max-episode-steps or fewer --lanes"
            )
        if search.progress >= 1:
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
