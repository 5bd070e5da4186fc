"""What the command line and Python call: begin a search, resume one, and run it to its end."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.evaluation import Evaluator
from compactrl.methods.settings import Settings
from compactrl.runs.checkpoints import FOLDER, MAY_CHANGE, has_checkpoint
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.searches.baselines import comparisons
from compactrl.searches.prepare import Prepared, prepare
from compactrl.searches.progress import SearchProgress
from compactrl.searches.search import Callback, OnIteration, Search
from compactrl.searches.stopping import RULES, why
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
        changed: options that may change in a run, such as workers, ray_address and stop_at; None keeps what it has.

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
        if changes.keys() & RULES:  # what was met before need not be enough now
            search.stopping.begin_again(search.env_steps)
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
    new = sorted(options.keys() - run.config.keys() - MAY_CHANGE - {"max_envs"})  # for which there was no limit
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
    """Raise InputError where the search has ended by itself and the final evaluation is in the summary."""
    try:
        finished = bool(run.summary.get("finished"))
    except DamagedFileError:  # missing, too: the search ended between two files
        finished = False
    if not search.stopped_by or not finished:
        return
    if search.progress >= 1:
        raise InputError(
            f"{run.path} has spent its budget of {search.options.steps} environment steps: give more with --steps"
        )
    reason = why(search.stopped_by, search.options.stop_at, search.options.patience)
    raise InputError(f"{run.path} has ended: {reason}")


def search(
    env: str | None = None,
    *,
    out: str | Path | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    **options: Any,
) -> Run:
    """Search for a compact policy and return its run.

    Args:
        env: the environment's id; all else is given by name.
        out: the run's directory; by default a new one under runs/.
        callback: called after every generation with its metrics (those of metrics.jsonl, and what would ship so far as
            `shipped_return_mean`, NaN before the first re-evaluation). Where it returns False the search ends: the
            final policy is chosen and evaluated as at the end of the budget, and `resume` goes on as if it had not
            ended.
        progress: show how it goes: a bar in a terminal or a notebook, elsewhere a line now and then on standard error.
        options: as on the command line, with underscores. One that is None is not given, and gets its default:
            `hidden=None` is the default width, and a linear policy is `hidden="none"` or `hidden=()`.

    Raises:
        InputError: an option or the directory will not do.
        CompactrlError: the search cannot go on, or has learned nothing.
    """
    return _shown(start({**options, "env": env}, out), callback, progress)


def resume(
    path: str | Path,
    steps: int | None = None,
    *,
    callback: Callback | None = None,
    progress: bool = False,
    **changed: Any,
) -> Run:
    """Go on with a run until its budget, or a larger one, is spent; see `reopen` and `search`."""
    return _shown(reopen(path, steps, **changed), callback, progress)


def _shown(search: Search, callback: Callback | None, progress: bool) -> Run:
    """Run a search to its end, with a callback and with progress shown where these are wanted."""
    how_to_go_on = f"compactrl.resume({str(search.writer.path)!r}) goes on from what was saved last"
    with SearchProgress(search, how_to_go_on, quiet=not progress) as shown:

        def note(record: dict[str, float], search: Search) -> object:
            shown.note(record, search)
            return callback is None or callback(search.known_so_far(record))

        return finish(search, note, watch=shown.watch)


def finish(
    search: Search,
    on_iteration: OnIteration | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Evaluator, int], None] | None = None,
) -> Run:
    """Run a search to its end, or until `should_stop`; at the end, evaluate what ships on fresh episodes.

    Args:
        search: closed at the end.
        on_iteration: called after every iteration with its metrics and the search; False ends it.
        should_stop: asked before every iteration; where it is true, the search is interrupted: saved, and no more.
        watch: called as the final evaluation begins, see `Run.evaluate`.

    Raises:
        CompactrlError: the search cannot go on, or its budget is spent and nothing was learned.
    """
    try:
        # What overflows is reported otherwise: failed evaluations, NaN losses.
        with search.writer.resumable(), np.errstate(over="ignore", invalid="ignore"):
            search.run(on_iteration, should_stop)
        run = Run(search.writer.path)
        if search.progress >= 1 and not search.learner.has_learned:
            raise CompactrlError(
                f"nothing was learned: in {search.options.steps} environment steps there were too few whole episodes "
                f"in the {search.settings.lanes} parallel environments. Go on with more: compactrl resume {run.path} "
                "--steps COUNT, or begin anew with a smaller --max-episode-steps or fewer --num-envs"
            )
        if search.stopped_by:
            search.close_environments()
            threads = search.options.threads
            report = run.report(run.evaluate(FINAL_EPISODES, threads, watch))
            summary = {
                **search.summary(),
                **report,
                **comparisons(search.spec, search.settings.lanes == 1, search.options.seed, threads),
                "finished": True,
            }
            write_json(run.path / "summary.json", summary)
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
