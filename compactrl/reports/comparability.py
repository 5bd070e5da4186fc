"""Why returns that stand beside each other may not be comparable: budgets, versions, tasks and seeds that differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from compactrl.reports.settings import Setting

LISTED = 3
"""Settings that a warning names; more are only counted."""


def warnings_between(environments: Sequence[str]) -> list[str]:
    """Return the warning that a report of several environments needs."""
    if len(environments) < 2:
        return []
    return [
        f"There are {len(environments)} environments ({', '.join(environments)}): their returns are "
        "not comparable, and each has a ranking of its own."
    ]


def warnings_within(env: str, settings: Sequence[Setting]) -> list[str]:
    """Return the warnings for the ranking of one environment's settings."""
    return [*_warnings_of_options(env, settings), *_warnings_of_seeds(env, settings)]


def _warnings_of_options(env: str, settings: Sequence[Setting]) -> list[str]:
    differences: tuple[tuple[str, Callable[[Setting], str]], ...] = (
        ("step budgets, and more steps give more", _step_budget),
        ("MuJoCo versions, between which trajectories differ", _mujoco),
        ("options of the environment, so that tasks differ", _environment_options),
    )
    warnings = []
    for difference, describe in differences:
        labels_of = _grouped(settings, describe)
        if len(labels_of) > 1:
            listed = "; ".join(f"{value} ({_listed(labels)})" for value, labels in labels_of.items())
            warnings.append(f"{env}: one ranking of different {difference}: {listed}.")
    return warnings


def _warnings_of_seeds(env: str, settings: Sequence[Setting]) -> list[str]:
    alone = [setting.label for setting in settings if len(setting.scores) == 1]
    if len(alone) == len(settings):
        return [f"{env}: one seed a setting says little, and there are no intervals."]
    warnings = []
    if alone:
        warnings.append(f"{env}: one seed says little and has no interval: {_listed(alone)}.")
    labels_of = _grouped(settings, lambda setting: ", ".join(map(str, setting.scores)) or "none")
    if len(labels_of) > 1:
        listed = "; ".join(f"seeds {seeds} ({_listed(labels)})" for seeds, labels in labels_of.items())
        warnings.append(f"{env}: settings with different seeds are compared without pairing them: {listed}.")
    return warnings


def _step_budget(setting: Setting) -> str:
    return f"{setting.options.get('steps', 0):,} steps"


def _mujoco(setting: Setting) -> str:
    return "MuJoCo " + (" and ".join(sorted(setting.versions("mujoco"))) or "of unknown version")


def _environment_options(setting: Setting) -> str:
    limit = max(int(record.options.get("max_episode_steps") or 0) for record in setting.records)
    length = f"episodes of {limit} steps" if limit else "episodes of its usual length"
    others = setting.options.get("env_options") or {}
    return length + (f", {json.dumps(others, sort_keys=True)}" if others else "")


def _grouped(settings: Sequence[Setting], describe: Callable[[Setting], str]) -> dict[str, list[str]]:
    """Return the labels of the settings that are described alike, by their description."""
    labels: dict[str, list[str]] = {}
    for setting in settings:
        labels.setdefault(describe(setting), []).append(setting.label)
    return labels


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) if len(labels) <= LISTED else f"{len(labels)} settings"
