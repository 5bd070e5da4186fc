"""What the command line and Python call: begin a search, go on with one, and see it to its end."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.modules import load_module, module_folder
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import DamagedFileError, InputError
from compactrl.learners import LEARNERS
from compactrl.methods.rows import METHODS
from compactrl.methods.settings import Settings, resolve
from compactrl.runs.checkpoints import MAY_CHANGE
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.searches.search import OnIteration, Search, network_sizes
from compactrl.searches.transfer import check_designs, with_colorings
from compactrl.storage.files import write_json

if TYPE_CHECKING:
    from compactrl.evaluation.ray.workers import Workers

FINAL_EPISODES = 100
"""Fresh episodes behind the return in a finished search's summary."""


def start(given: dict[str, Any], out: str | Path | None = None) -> Search:
    """Check the options and begin a run's directory.

    Args:
        given: options by name; those not given get their defaults.
        out: the run's directory; by default a new one under runs/.

    Raises:
        InputError: an option or the directory will not do.
    """
    settings = resolve(_with_learner(given))
    if getattr(settings.compression, "colorings_from", ""):
        settings = resolve(with_colorings(given, settings.compression.colorings_from, settings.compression.top))
    spec = environment_of(settings.flat())
    _try(settings, spec)
    settings = _filled_in(settings, spec)
    with contextlib.ExitStack() as opened:
        workers = _workers(settings)
        if workers is not None:
            opened.callback(workers.close)
        writer = RunWriter.create(Path(out) if out else _next_directory(settings), settings.flat())
        opened.callback(writer.close)
        search = Search(settings, writer, workers)
        opened.pop_all()  # they are the search's from here on
    return search


ENVIRONMENT = ("env", "engine", "max_episode_steps", "env_options", "env_module")
"""Options that say what is controlled."""


def _with_learner(given: dict[str, Any]) -> dict[str, Any]:
    """Return options with the learner that the method has for environments with goals, where this is one.

    It is looked up before the other options are checked: which of them there are is the learner's to say.
    """
    method = METHODS.get(given.get("method", ""))
    if method is None or not method.goal_learner or given.get("learner"):
        return given
    asked = {name: given[name] for name in ("method", *ENVIRONMENT) if name in given}
    return given if environment_of(resolve(asked).flat()).goal is None else {**given, "learner": method.goal_learner}


def _workers(settings: Settings) -> Workers | None:
    """Begin or join a Ray, where the search asks for one."""
    options = settings.search
    if not options.workers and not options.ray_address:
        return None
    from compactrl.evaluation.ray.workers import Workers

    if LEARNERS[options.learner].load().needs_transitions:
        raise InputError(
            f"--workers is for methods that learn from whole episodes: --method {options.method} trains in "
            "environments of this process, where each step follows from the last update (--threads says how many cores)"
        )
    if options.workers > settings.lanes:
        raise InputError(
            f"--workers {options.workers}: a generation has {settings.lanes} lanes, and a worker needs at least one. "
            f"Give --lanes {options.workers} (with --population at least as large; results depend on it), or fewer "
            "workers"
        )
    environment = {name: getattr(options, name) for name in ENVIRONMENT}
    if options.env_module:
        load_module(options.env_module)
        environment["module_folder"] = module_folder(options.env_module)
    return Workers(environment, options.workers, options.ray_address, options.worker_timeout)


def _filled_in(settings: Settings, spec: EnvironmentSpec) -> Settings:
    """Return the settings as a run records them: what the environment and this version decide is written out."""
    options = settings.search
    decided = {
        "engine": spec.engine,
        "max_episode_steps": spec.max_episode_steps,
        "lanes": settings.lanes,
    }
    learner = settings.learner
    if "alive_bonus" in type(learner).model_fields and learner.alive_bonus is None:
        learner = learner.model_copy(update={"alive_bonus": spec.alive_bonus})
    return settings.model_copy(update={"search": options.model_copy(update=decided), "learner": learner})


def _try(settings: Settings, spec: EnvironmentSpec) -> None:
    """Make the compression and the learner once, before anything is written.

    Raises:
        InputError: they cannot be made with these options, or cannot serve this environment.
    """
    try:
        compression = COMPRESSIONS[settings.choice.compression](network_sizes(settings, spec), settings.compression)
        check_designs(settings, compression)
        LEARNERS[settings.search.learner].load().check(settings, compression, spec)
    except ValueError as error:
        raise InputError(str(error)) from error


def reopen(path: str | Path, steps: int | None = None, **changed: Any) -> Search:
    """Go on with a run from its last whole checkpoint.

    Args:
        path: the run's directory.
        steps: a larger budget in environment steps.
        changed: options that change no result, such as workers and ray_address; None keeps what the run has.

    Raises:
        InputError: no run there, the budget is spent already, or an option that may not change.
        DamagedFileError: no checkpoint can be read.
    """
    run = Run(path)
    given = {name: value for name, value in {"steps": steps, **changed}.items() if value is not None}
    for name in given.keys() - MAY_CHANGE:
        raise InputError(f"{name} cannot change in a run: only {', '.join(sorted(MAY_CHANGE))} can")
    settings = resolve({**run.config, **given})
    new = sorted(settings.flat().keys() - run.config.keys())
    if new:
        values = ", ".join(f"{name} {settings.flat()[name]}" for name in new)
        warnings.warn(
            f"{path} was begun by an earlier compactrl: options that it did not have take today's defaults, {values}",
            stacklevel=2,
        )
    workers = _workers(settings)
    writer = search = None
    try:
        writer = RunWriter(run.path)
        search = Search(settings, writer, workers)
        _restore(search)
        if search.progress >= 1 and _is_finished(run):
            raise InputError(
                f"{path} has spent its budget of {settings.search.steps} environment steps: give more with --steps"
            )
        if settings.search.steps != run.config["steps"]:  # re-evaluations come at shares of the budget
            search.selections = int(search.progress * settings.search.selections)
        writer.cut_metrics(search.iteration)
        writer.extend(settings.flat())
    except BaseException:
        for part in [search] if search else [writer, workers]:
            if part is not None:
                part.close()
        raise
    return search


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


def search(out: str | Path | None = None, on_iteration: OnIteration | None = None, **options: Any) -> Run:
    """Search for a compact policy and return its run.

    Args:
        out: the run's directory; by default a new one under runs/.
        on_iteration: called after every iteration with its metrics and the search.
        options: as on the command line, with underscores.

    Raises:
        InputError: an option or the directory will not do.
        CompactrlError: the search cannot go on.
    """
    return finish(start(options, out), on_iteration)


def resume(path: str | Path, steps: int | None = None, on_iteration: OnIteration | None = None, **changed: Any) -> Run:
    """Go on with a run until its budget, or a larger one, is spent; see `reopen`."""
    return finish(reopen(path, steps, **changed), on_iteration)


def finish(
    going: Search, on_iteration: OnIteration | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Run:
    """Run a search to its end, or until `should_stop`; at the end, evaluate what ships on fresh episodes."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # told of where it matters: failed evaluations, NaN losses
            going.run(on_iteration, should_stop)
        run = Run(going.writer.path)
        if going.progress >= 1:
            report = run.report(run.evaluate(FINAL_EPISODES, going.options.threads))
            write_json(run.path / "summary.json", {**going.summary(), **report, "finished": True})
    finally:
        going.close()
    return run


def _next_directory(settings: Settings) -> Path:
    """Return a new directory's name: runs/METHOD-ENV-SEED, numbered where that is taken."""
    options = settings.search
    name = f"{options.method}-{options.env.replace('/', '-')}-seed{options.seed}"
    place, number = Path("runs") / name, 2
    while place.exists():
        place, number = Path("runs") / f"{name}-{number}", number + 1
    return place
