"""What the command line and Python call: begin a search, go on with one, and see it to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from compactrl.compressions import COMPRESSIONS
from compactrl.envs.registry import EnvironmentSpec, load_module
from compactrl.errors import DamagedFileError, InputError
from compactrl.learners import LEARNERS
from compactrl.loop import OnIteration, Search, environment, network_sizes
from compactrl.options import Settings, resolve
from compactrl.runs import Run
from compactrl.storage import write_json
from compactrl.writer import RunWriter

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
    settings = resolve(given)
    if settings.search.env_module:
        load_module(settings.search.env_module)
    spec = environment(settings)
    method = settings.method
    if spec.goal is not None and method.goal_learner and not given.get("learner"):
        settings = resolve({**given, "learner": method.goal_learner})
    _try(settings, spec)
    settings = _filled_in(settings, spec)
    writer = RunWriter.create(Path(out) if out else _next_directory(settings), settings.flat())
    try:
        return Search(settings, writer)
    except BaseException:
        writer.close()
        raise


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
        LEARNERS[settings.search.learner].load().check(settings, compression, spec)
    except ValueError as error:
        raise InputError(str(error)) from error


def reopen(path: str | Path, steps: int | None = None) -> Search:
    """Go on with a run from its last whole checkpoint.

    Args:
        path: the run's directory.
        steps: a larger budget in environment steps.

    Raises:
        InputError: no run there, or the budget is spent already.
        DamagedFileError: no checkpoint can be read.
    """
    run = Run(path)
    options = {**run.config, **({"steps": steps} if steps else {})}
    settings = resolve(options)
    writer = RunWriter(run.path)
    search = None
    try:
        search = Search(settings, writer)
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
        (search or writer).close()
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


def resume(path: str | Path, steps: int | None = None, on_iteration: OnIteration | None = None) -> Run:
    """Go on with a run until its budget, or a larger one, is spent."""
    return finish(reopen(path, steps), on_iteration)


def finish(
    going: Search, on_iteration: OnIteration | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Run:
    """Run a search to its end, or until `should_stop`; at the end, evaluate what ships on fresh episodes."""
    try:
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
