"""What the command line and Python call: begin a search, resume one, and run it to its end."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from compactrl.envs.given import exists_once, stand_in, take
from compactrl.errors import CompactrlError, InputError
from compactrl.evaluation import Evaluator
from compactrl.methods.settings import Settings, named_values
from compactrl.policies.zoo import ships
from compactrl.runs.evaluation import SUMMARY_EPISODES
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.searches.baselines import comparisons
from compactrl.searches.prepare import Prepared, prepare
from compactrl.searches.progress import SearchProgress
from compactrl.searches.resuming import (
    as_before,
    changes_of,
    check_fits_run,
    check_is_unfinished,
    check_not_lost,
    check_not_running,
    restore,
    warn_of_beginning_anew,
    warn_of_new_options,
)
from compactrl.searches.search import Callback, OnIteration, Search
from compactrl.searches.signatures import resume_keywords, search_keywords, with_keywords
from compactrl.searches.stopping import RULES
from compactrl.searches.studying import Studying
from compactrl.searches.workers import begin_workers
from compactrl.storage.files import write_json

if TYPE_CHECKING:
    from compactrl.envs.given import Environment
    from compactrl.searches.keywords import ResumeKeywords, SearchKeywords

FINAL_EPISODES = SUMMARY_EPISODES
"""Fresh episodes behind the return in a finished search's summary."""


def start(given: Mapping[str, Any], out: str | Path | None = None) -> Search:
    """Check the options and begin a run's directory.

    Args:
        given: options by name; those not given, or None, get their defaults. The environment may be any that `search`
            takes.
        out: the run's directory; by default a new one under runs/.

    Raises:
        InputError: an option or the directory will not do.
    """
    prepared = prepare(_with_environment(given))
    settings, spec = prepared.settings, prepared.spec
    if not spec.limited:
        warnings.warn(
            f"{spec.id} sets no limit to its episodes: they are cut after {spec.max_episode_steps} steps where they "
            "have not ended; --max-episode-steps says after how many",
            stacklevel=3,
        )
    path = Path(out) if out else _next_directory(settings)
    return _opened(prepared, lambda: RunWriter.create(path, settings.flat(), prepared.policies))


def reopen(
    path: str | Path, steps: int | float | str | None = None, env: Environment | None = None, **changed: Any
) -> Search:
    """Return the search of a run, restored from its last whole checkpoint.

    Args:
        path: the run's directory.
        steps: a larger budget in environment steps.
        env: the environment, where it was given in Python and no other process finds it.
        changed: options that may change in a run, such as workers, ray_address and stop_at; None keeps what it has.

    Raises:
        InputError: there is no run, it is running, its checkpoints are gone, its budget is spent, or an option may not
            change.
        DamagedFileError: no checkpoint can be read.
    """
    run = Run(path)
    if ships(run.path):
        raise InputError(f"{path} ships in the package, where no search goes on: begin one from it with --start-from")
    changes = changes_of({"steps": steps, **changed})
    check_not_running(run)
    check_not_lost(run)
    if env is not None:
        stand_in(run.config["env"], env, run.config["env_options"])
    prepared = prepare({**as_before(run.config), **changes}, run.path)
    if env is not None:
        check_fits_run(run, prepared.spec)
    warn_of_new_options(run, prepared.settings)
    warn_of_beginning_anew(run)
    search = _opened(prepared, lambda: RunWriter(run.path))
    try:
        restore(search)
        options = search.settings.flat()
        if any(options[name] != run.config.get(name) for name in RULES):  # what was met before need not be enough now
            search.stopping.begin_again(search.env_steps)
        check_is_unfinished(search, run)
        if search.options.steps != run.config["steps"]:  # races come at shares of the budget
            search.shipping.races = int(search.progress * search.options.reevaluations)
        search.writer.cut_metrics(search.iteration)
        search.writer.write_options(search.settings.flat())
    except BaseException:
        search.close()
        raise
    return search


def _with_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the environment by its name, and with what it brings along where nothing else is given.

    Raises:
        InputError: it is no environment, or exists once and more are asked for.
    """
    options = named_values(given)
    if "env" not in options:
        return options
    taken = take(options["env"])
    if exists_once(taken.name) and str(options.get("num_envs", 0)) not in ("0", "1"):
        raise InputError(f"--num-envs {options['num_envs']}: {taken.name} exists once; leave --num-envs out")
    if taken.note:
        warnings.warn(taken.note, stacklevel=4)
    alone = {"num_envs": 1} if exists_once(taken.name) else {}
    return {**taken.options, **options, **alone, "env": taken.name}


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


def search(
    env: Environment | None = None,
    *,
    out: str | Path | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    **options: Unpack[SearchKeywords],
) -> Run:
    """Search for a compact policy and return its run.

    Args:
        env: the environment: an id; a class of Gymnasium's or of `MujocoTask`'s, or a function that makes one of
            Gymnasium's, called with `env_options` as keyword arguments; or a made one. All else is given by name.
        out: the run's directory; by default a new one under runs/.
        callback: called after every generation with its metrics (those of metrics.jsonl, and what would ship so far as
            `shipped_return_mean`, NaN before the first re-evaluation). Where it returns False the search ends: the
            final policy is chosen and evaluated as at the end of the budget, and `resume` goes on as if it had not
            ended.
        progress: show how it goes: a bar in a terminal or a notebook, elsewhere a line now and then on standard error.
        options: as on the command line, with underscores. One that is None is not given, and gets its default:
            `hidden=None` is the default width, and a linear policy is `hidden="none"` or `hidden=()`.

    Raises:
        InputError: an option, the environment or the directory will not do.
        CompactrlError: the search cannot go on, or has learned nothing.
    """
    return _shown(start({**options, "env": env}, out), callback, progress)


with_keywords(search, search_keywords())


def resume(
    path: str | Path,
    steps: int | float | str | None = None,
    *,
    env: Environment | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    **changed: Unpack[ResumeKeywords],
) -> Run:
    """Go on with a run until its budget, or a larger one, is spent; see `reopen` and `search`."""
    return _shown(reopen(path, steps, env, **changed), callback, progress)


with_keywords(resume, resume_keywords())


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
            search.run(Studying(search, on_iteration), should_stop)
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
            report = run.report(run.evaluate_for_summary(FINAL_EPISODES, threads, watch))
            summary = {
                **search.summary(),
                **report,
                **comparisons(
                    search.spec, search.settings.lanes == 1, search.options.seed, threads, run.policy.context
                ),
                "finished": True,
            }
            write_json(run.path / "summary.json", summary)
    finally:
        search.close()
    return run


def _next_directory(settings: Settings) -> Path:
    """Return a new directory's name: runs/METHOD-ENV-SEED, numbered where that is taken."""
    options = settings.search
    name = f"{options.method}-{re.sub(r'[^A-Za-z0-9._-]+', '-', options.env)}-seed{options.seed}"
    place, number = Path("runs") / name, 2
    while place.exists():
        place, number = Path("runs") / f"{name}-{number}", number + 1
    return place
