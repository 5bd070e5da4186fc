"""Whether a run can go on, with which changes, and a search brought to where the run was."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import DamagedFileError, InputError, did_you_mean
from compactrl.methods.owners import every_part
from compactrl.methods.settings import Settings, named_values
from compactrl.runs.checkpoints import FOLDER, MAY_CHANGE, has_checkpoint
from compactrl.runs.evaluation import check_fits
from compactrl.runs.run import Run
from compactrl.searches.search import Search
from compactrl.searches.stopping import why


def check_not_running(run: Run) -> None:
    """Raise InputError where a search is writing the run now."""
    if run.running:
        state = "" if has_checkpoint(run.path) else ", and has not saved anything yet"
        raise InputError(
            f"{run.path} is being written by a search that is still running{state}: wait for its end, or stop it "
            "(Ctrl-C there saves it first), then resume"
        )


def check_fits_run(run: Run, spec: EnvironmentSpec) -> None:
    """Raise InputError where the run has a policy, and its environment has other observations or actions by now."""
    if (run.path / "policy.json").exists():
        check_fits(run.policy, spec)


def warn_of_beginning_anew(run: Run) -> None:
    """Warn where a run ended before its first checkpoint: nothing of it can be gone on with, and nothing is lost."""
    if not has_checkpoint(run.path):
        done = run.metrics[-1].get("env_steps", 0) if run.metrics else 0
        warnings.warn(
            f"{run.path} ended before its first checkpoint, after {done:,} environment steps: it begins anew, with the "
            "same options",
            stacklevel=3,
        )


def changes_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are not None.

    Raises:
        InputError: there is no such option, or it may not change in a run.
    """
    changes = named_values(options)
    table = {option for part in every_part() for option in part.model_fields}
    for name in changes.keys() - MAY_CHANGE:
        can = f"only {', '.join(sorted(MAY_CHANGE))} can"
        if name in table:
            raise InputError(f"{name} cannot change in a run: {can}")
        raise InputError(f"unknown option {name}.{did_you_mean(name, table)} Of a run, {can} change")
    return changes


BEFORE: Mapping[str, tuple[str, Any]] = MappingProxyType({"advantage_normalization": ("gae_lambda", "each")})
"""Option → one that is there wherever it is, and what all runs did before there was a choice. Other options that a run
did not have take today's defaults, and that is told."""


def as_before(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's options, with what it did of those that there was no choice of when it was begun."""
    return {**{name: value for name, (beside, value) in BEFORE.items() if beside in config}, **config}


def warn_of_new_options(run: Run, settings: Settings) -> None:
    """Warn of options that the run's version did not have."""
    options = settings.flat()
    new = sorted(
        options.keys() - as_before(run.config).keys() - MAY_CHANGE - {"max_envs"}
    )  # for which there was no limit
    if new:
        values = ", ".join(f"{name} {options[name]}" for name in new)
        warnings.warn(
            f"{run.path} was begun by an earlier compactrl: options that it did not have take today's defaults, "
            f"{values}",
            stacklevel=3,
        )


def check_not_lost(run: Run) -> None:
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


def restore(search: Search) -> None:
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


def check_is_unfinished(search: Search, run: Run) -> None:
    """Raise InputError where the search has ended by itself and the final evaluation is in the summary."""
    try:
        finished = bool(run.summary.get("finished"))
    except DamagedFileError:  # missing, too: the search ended between two files
        finished = False
    if not search.stopped_by or not finished:
        return
    if search.progress >= 1:
        raise InputError(
            f"{run.path} has spent its budget of {search.options.steps} environment steps: give more with --steps than "
            f"the {search.env_steps} that it has taken"
        )
    reason = why(search.stopped_by, search.options.stop_at, search.options.patience)
    raise InputError(f"{run.path} has ended: {reason}")
