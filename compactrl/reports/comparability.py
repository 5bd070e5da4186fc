"""Why returns that stand beside each other may not be comparable: budgets, versions, tasks and seeds that differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from compactrl.reports.configurations import Configuration
from compactrl.reports.words import plural

SHORT = 48
"""Characters of a list at most; longer ones are only counted: a warning is no longer than a row of the table."""


def warnings_between(environments: Sequence[str]) -> list[str]:
    """Return the warning that a report of several environments needs."""
    if len(environments) < 2:
        return []
    return [f"{len(environments)} environments: returns are not comparable between them; each has its own ranking."]


def warnings_within(configurations: Sequence[Configuration]) -> list[str]:
    """Return the warnings for the ranking of one environment's configurations."""
    return [*_warnings_of_options(configurations), *_warnings_of_seeds(configurations)]


def together(warnings_of: Mapping[str, Sequence[str]]) -> list[str]:
    """Return every environment's warnings with its name; those that several have stand there once.

    Example:
        >>> together({"Ant-v5": ["one seed each."], "Hopper-v5": ["one seed each."]})
        ['Ant-v5, Hopper-v5: one seed each.']
    """
    environments: dict[str, list[str]] = {}
    for env, warnings in warnings_of.items():
        for warning in warnings:
            environments.setdefault(warning, []).append(env)
    return [f"{_listed(envs, 'environment')}: {warning}" for warning, envs in environments.items()]


def _warnings_of_options(configurations: Sequence[Configuration]) -> list[str]:
    differences: tuple[tuple[str, Callable[[Configuration], str]], ...] = (
        ("different step budgets", _step_budget),
        ("different MuJoCo versions", _mujoco),
        ("different tasks", _task),
    )
    grouped = ((difference, _grouped(configurations, describe)) for difference, describe in differences)
    return [f"{difference}: {_told_apart(labels_of)}." for difference, labels_of in grouped if len(labels_of) > 1]


def _warnings_of_seeds(configurations: Sequence[Configuration]) -> list[str]:
    alone = [configuration.label for configuration in configurations if len(configuration.scores) == 1]
    if len(alone) == len(configurations):
        return ["one seed says little, no interval."]
    warnings = []
    if alone:
        warnings.append(f"one seed says little, no interval: {_listed(alone)}.")
    labels_of = _grouped(configurations, lambda one: ", ".join(map(str, one.scores)) or "none")
    if len(labels_of) > 1:
        warnings.append(f"different seeds, compared unpaired: {_told_apart(labels_of)}.")
    return warnings


def _step_budget(configuration: Configuration) -> str:
    if any(record.summary.get("stopped_by") == "fit" for record in configuration.records):
        return "what a fit gave"  # its searches can be gone on with at will: their number of steps says nothing
    return f"{configuration.options.get('steps', 0):,}"


def _mujoco(configuration: Configuration) -> str:
    return "MuJoCo " + (" and ".join(sorted(configuration.versions("mujoco"))) or "of unknown version")


def _task(configuration: Configuration) -> str:
    limit = max(int(record.options.get("max_episode_steps") or 0) for record in configuration.records)
    length = f"episodes of {limit} steps" if limit else "episodes of its usual length"
    others = configuration.options.get("env_options") or {}
    told = (record.summary.get("context") for record in configuration.records)
    contexts = sorted({json.dumps(context) for context in told if context is not None})
    of_family = f", task {' and '.join(contexts)}" if contexts else ""
    return length + (f", {json.dumps(others, sort_keys=True)}" if others else "") + of_family


def _grouped(configurations: Sequence[Configuration], describe: Callable[[Configuration], str]) -> dict[str, list[str]]:
    """Return the labels of the configurations that are described alike, by their description."""
    labels: dict[str, list[str]] = {}
    for configuration in configurations:
        labels.setdefault(describe(configuration), []).append(configuration.label)
    return labels


def _told_apart(labels_of: Mapping[str, Sequence[str]]) -> str:
    """Return the values with what has them; the values alone where that is long, and else how many there are."""
    values = "; ".join(labels_of)
    with_labels = "; ".join(f"{value} ({', '.join(labels)})" for value, labels in labels_of.items())
    fitting = [text for text in (with_labels, values) if len(text) <= SHORT]
    return fitting[0] if fitting else f"{len(labels_of)} different ones"


def _listed(names: Sequence[str], kind: str = "configuration") -> str:
    listed = ", ".join(names)
    return listed if len(listed) <= SHORT else plural(len(names), kind)
