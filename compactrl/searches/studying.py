"""Studies of critics beside a search at intervals, and afterwards on its checkpoints; see `gradients.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compactrl.errors import InputError
from compactrl.learners import LEARNERS
from compactrl.learners.options import OffPolicyOptions
from compactrl.runs.checkpoints import load_checkpoint, saved_iterations
from compactrl.runs.run import Run, load
from compactrl.searches.prepare import prepare
from compactrl.searches.search import OnIteration, Search
from compactrl.searches.studies import FILE, Study, check, seed_of, studies, study_of, summary
from compactrl.storage.files import write_atomically, writing
from compactrl.types import State


class Studying:
    """Studies a search's critics at intervals: a callback of `Search.run`, around another one.

    Args:
        search: as it begins or goes on.
        on_iteration: called as it would be without.
    """

    def __init__(self, search: Search, on_iteration: OnIteration | None = None) -> None:
        self._next = on_iteration
        self.interval = int(getattr(search.settings.learner, "gradient_interval", 0))
        self._path = search.writer.path / FILE
        if not self.interval:
            return
        self._done = search.env_steps // self.interval
        kept = [found for found in studies(search.writer.path) if found["iteration"] <= search.iteration]
        if self._path.exists():
            write_atomically(self._path, "".join(json.dumps(found) + "\n" for found in kept).encode())

    def __call__(self, record: dict[str, float], search: Search) -> object:
        """Study the critics where it is time; return what the other callback does."""
        if self.interval and search.learner.has_learned:
            due = search.env_steps // self.interval
            if due > self._done:
                from compactrl.searches.gradients import of_learner  # torch comes with it

                self._done = due
                seed = seed_of(search.options.seed, search.iteration)
                found = of_learner(search.learner, search.spec, Study(), seed, search.options.threads)
                place = {"iteration": search.iteration, "env_steps": search.env_steps}
                with writing(self._path), open(self._path, "a", encoding="utf-8") as file:
                    file.write(json.dumps({**place, **found}) + "\n")
        return None if self._next is None else self._next(record, search)


def gradients(
    run: Run | str | Path, *, states: int | None = None, trajectories: int | None = None, preset: str = "default"
) -> list[dict[str, Any]]:
    """Hold the action gradients of a run's critics against returns, at each checkpoint, as `compactrl gradients` does.

    Args:
        run: of a method that has critics, or its folder.
        states: of each study, 15 by default.
        trajectories: from each state, 64 by default.
        preset: `default`, or `paper`, with 15 trajectories.

    Returns:
        A row for each study: `env_steps`, means over states of the cosine between the two (`cosine_mean`, with its
        standard error), of R² and of the split-half cosine, and the share of states above cosines.

    Raises:
        InputError: an option will not do, the run has no critics, or they cannot be studied in its environment.
    """
    opened = run if isinstance(run, Run) else load(run)
    return [summary(found) for found in study_run(opened, study_of(preset, states, trajectories))]


def study_run(run: Run, study: Study, watch: Callable[[int], None] = lambda _: None) -> list[dict[str, Any]]:
    """Study what a run has checkpoints of, unless it is done already; return all studies of this kind.

    Args:
        run: of a method that has critics.
        study: how.
        watch: called with the environment steps of each checkpoint, as its study begins.

    Raises:
        InputError: the run has no critics, or they cannot be studied in its environment.
    """
    if not issubclass(LEARNERS[run.config["learner"]].Options, OffPolicyOptions):
        raise InputError(
            f"{run.path} has no critics: --method {run.config['method']} does not learn by them (sac, td3, "
            "ddpg and ghp do)"
        )
    from compactrl.searches.gradients import of_learner

    prepared = prepare(run.config, run.path)
    learner = prepared.learner
    check(study, prepared.spec)
    known = [found for found in studies(run.path) if all(found.get(key) == value for key, value in vars(study).items())]
    for iteration in saved_iterations(run.path):
        if iteration in [found["iteration"] for found in known]:
            continue
        loaded = load_checkpoint(run.path, only=_without_buffer, iteration=iteration)
        if loaded is None or not loaded[1]["learner"]["updates"]:
            continue
        state = loaded[1]
        learner.load_state_dict(state["learner"])
        watch(state["env_steps"])
        found = of_learner(learner, prepared.spec, study, seed_of(run.config["seed"], iteration), run.config["threads"])
        known.append({"iteration": iteration, "env_steps": state["env_steps"], **found})
        if not run.running:
            with writing(run.path / FILE), open(run.path / FILE, "a", encoding="utf-8") as file:
                file.write(json.dumps(known[-1]) + "\n")
    if not known:
        raise InputError(f"{run.path} has nothing to study yet: no checkpoint from after learning began")
    return sorted(known, key=lambda found: found["env_steps"])


def _without_buffer(state: State) -> State:
    """Return the parts of a search's state that a study needs."""
    learner = {name: part for name, part in state["learner"].items() if name != "buffer"}
    return {"env_steps": int(state["env_steps"]), "learner": learner}
