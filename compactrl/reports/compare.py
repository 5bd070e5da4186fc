"""Runs beside each other: a row a setting, honest intervals, warnings, and which settings no other beats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.errors import InputError, did_you_mean
from compactrl.reports.reading import Record, Source, find_runs, read_record
from compactrl.reports.settings import Setting, group
from compactrl.reports.statistics import (
    Improvement,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)
from compactrl.storage.files import write_atomically

if TYPE_CHECKING:
    import pandas

COSTS = ("bits", "bytes", "parameters", "weights")
"""What a Pareto front may weigh the return against."""


def compare(runs: Source | Iterable[Source]) -> Report:
    """Read runs and set them beside each other; the seeds of one setting are grouped by their options.

    Args:
        runs: folders of runs, folders of such folders, patterns such as `runs/chromatic-*`, or runs.

    Raises:
        InputError: there is no run among them.
    """
    paths, notes = find_runs(runs)
    records = []
    for path in paths:
        record = read_record(path)
        if isinstance(record, str):
            notes.append(record)
        else:
            records.append(record)
    if not records:
        raise InputError("no run could be read: " + "; ".join(notes))
    return Report(records, notes)


class Report:
    """A comparison of runs.

    Args:
        records: the runs.
        notes: what could not be read.
    """

    def __init__(self, records: list[Record], notes: Iterable[str] = ()) -> None:
        self.records = records
        self.settings, repeated = group(records)
        self._notes = [*notes, *repeated]

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"Report({len(self.settings)} settings, {len(self.records)} runs)"

    @property
    def fingerprint(self) -> tuple[tuple[str, int, str, bool], ...]:
        """Return what differs between two reports if any run has gone on: paths, iterations, returns."""
        return tuple(
            (str(record.path), len(record.metrics["env_steps"]), repr(record.score), record.finished)
            for record in self.records
        )

    @property
    def environments(self) -> list[str]:
        """Every environment, in order."""
        return list(dict.fromkeys(setting.env for setting in self.settings))

    def of(self, env: str) -> list[Setting]:
        """Return the settings of one environment."""
        return [setting for setting in self.settings if setting.env == env]

    def ranked(self, env: str) -> list[Setting]:
        """Return the settings of one environment, best first; unfinished ones only if there are no others."""
        there = [setting for setting in self.of(env) if setting.scores]
        finished = [setting for setting in there if setting.finished] or there
        return sorted(finished, key=lambda setting: -float(interquartile_mean(setting.values)))

    @cached_property
    def table(self) -> pandas.DataFrame:
        """A row a setting.

        Columns: setting, env, method, architecture, weights, parameters, compression, bits, bytes (the largest of its
        seeds: masks differ), seeds, episodes, env_steps, seconds (medians), return (interquartile mean over the seeds'
        mean returns), return_low and return_high (95 % interval; NaN for one seed), return_max (of the best seed),
        return_ever (the largest single return of any noisy candidate), finished, mujoco.
        """
        import pandas

        return pandas.DataFrame([_row(setting) for setting in self.settings])

    def pareto(self, cost: str = "bits") -> pandas.DataFrame:
        """Return the rows of the settings that no other of their environment beats in both return and cost.

        Args:
            cost: `bits`, `bytes`, `parameters` or `weights`.

        Raises:
            InputError: another cost.
        """
        if cost not in COSTS:
            raise InputError(
                f"unknown cost '{cost}' for a Pareto front.{did_you_mean(cost, COSTS)} There are: {', '.join(COSTS)}"
            )
        kept = [setting.label for env in self.environments for setting in front(self.ranked(env), cost)]
        envs = [env for env in self.environments for _ in front(self.ranked(env), cost)]
        wanted = set(zip(envs, kept, strict=True))
        mask = [(env, label) in wanted for env, label in zip(self.table["env"], self.table["setting"], strict=True)]
        return self.table[mask].sort_values(["env", cost]).reset_index(drop=True)

    def improvements(self, env: str) -> list[tuple[Setting, Setting, Improvement]]:
        """Return every setting of an environment beside every one that is ranked below it."""
        pairs = combinations(self.ranked(env), 2)
        return [(one, other, probability_of_improvement(one.scores, other.scores)) for one, other in pairs]

    @property
    def notes(self) -> list[str]:
        """What is wrong with single runs; the report is made of the rest."""
        return [*self._notes, *(f"{record.path}: {note}" for record in self.records for note in record.notes)]

    @cached_property
    def warnings(self) -> list[str]:
        """Why returns that stand beside each other may not be comparable."""
        found = []
        if len(self.environments) > 1:
            found.append(
                f"There are {len(self.environments)} environments ({', '.join(self.environments)}): their returns are "
                "not comparable, and each has a ranking of its own."
            )
        for env in self.environments:
            found += self.warnings_of(env)
        return found

    def warnings_of(self, env: str) -> list[str]:
        """Return the warnings for one environment's ranking."""
        settings = self.of(env)
        differences = (
            ("step budgets, and more steps give more", lambda each: f"{each.options.get('steps', 0):,} steps"),
            (
                "MuJoCo versions, between which trajectories differ",
                lambda each: "MuJoCo " + (" and ".join(sorted(each.versions("mujoco"))) or "of unknown version"),
            ),
            ("options of the environment, so that tasks differ", _environment_options),
        )
        found = []
        for what, value in differences:
            values = _by(settings, value)
            if len(values) > 1:
                listed = "; ".join(f"{value} ({_listed(labels)})" for value, labels in values.items())
                found.append(f"{env}: one ranking of different {what}: {listed}.")
        found += self._seeds(env, settings)
        return found

    def _seeds(self, env: str, settings: list[Setting]) -> list[str]:
        alone = [setting.label for setting in settings if len(setting.scores) == 1]
        if len(alone) == len(settings):
            return [f"{env}: one seed a setting says little, and there are no intervals."]
        found = []
        if alone:
            found.append(f"{env}: one seed says little and has no interval: {_listed(alone)}.")
        values = _by(settings, lambda each: ", ".join(map(str, each.scores)) or "none")
        if len(values) > 1:
            listed = "; ".join(f"seeds {value} ({_listed(labels)})" for value, labels in values.items())
            found.append(f"{env}: settings with different seeds are compared without pairing them: {listed}.")
        return found

    def save(self, path: str | Path, refresh: int = 0) -> Path:
        """Write the report as one HTML file that needs nothing else.

        Args:
            path: of the file.
            refresh: where given, a browser loads it anew after so many seconds.

        Raises:
            InputError: it cannot be written there.
        """
        from compactrl.reports.page import render

        place = Path(path)
        content = render(self, refresh).encode()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, content)
        except OSError as error:
            raise InputError(f"cannot write to {place}: {error.strerror or error}. Choose another --html") from error
        return place

    def to_markdown(self) -> str:
        """Return the table and its warnings as Markdown."""
        from compactrl.reports.tables import markdown

        return markdown(self)

    def to_latex(self) -> str:
        """Return the table as LaTeX (booktabs); warnings are comments."""
        from compactrl.reports.tables import latex

        return latex(self)

    def to_json(self) -> str:
        """Return table, Pareto fronts, comparisons, warnings and notes as JSON; what is not a number is null."""
        from compactrl.reports.tables import as_json

        return as_json(self)


def front(settings: list[Setting], cost: str) -> list[Setting]:
    """Return the settings that no other beats in return and cost, by cost: none is cheaper and at least as good."""
    placed = [(_cost(setting, cost), float(interquartile_mean(setting.values)), setting) for setting in settings]
    placed = [each for each in placed if np.isfinite(each[0])]
    kept = [
        (price, -score, setting)
        for price, score, setting in placed
        if not any(
            other <= price and better >= score and (other < price or better > score) for other, better, _ in placed
        )
    ]
    return [setting for _, _, setting in sorted(kept, key=lambda each: each[:2])]


def _cost(setting: Setting, cost: str) -> float:
    return float(np.ceil(setting.largest("bits") / 8)) if cost == "bytes" else setting.largest(cost)


def _row(setting: Setting) -> dict[str, Any]:
    values = setting.values
    interval = bootstrap_interval([values]) if len(values) else (np.nan, np.nan)
    ever = [record.metrics["return_max"] for record in setting.records]
    return {
        "setting": setting.label,
        "env": setting.env,
        "method": setting.options.get("method", ""),
        "architecture": setting.architecture,
        "weights": setting.largest("weights"),
        "parameters": setting.largest("parameters"),
        "compression": setting.median("compression"),
        "bits": setting.largest("bits"),
        "bytes": _cost(setting, "bytes"),
        "seeds": len(values),
        "episodes": setting.median("episodes"),
        "env_steps": setting.median("env_steps"),
        "seconds": setting.median("seconds"),
        "return": float(interquartile_mean(values)) if len(values) else np.nan,
        "return_low": interval[0],
        "return_high": interval[1],
        "return_max": float(values.max()) if len(values) else np.nan,
        "return_ever": max((float(np.nanmax(each)) for each in ever if np.isfinite(each).any()), default=np.nan),
        "finished": setting.finished,
        "mujoco": ", ".join(sorted(setting.versions("mujoco"))),
    }


def _by(settings: list[Setting], name: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for setting in settings:
        found.setdefault(name(setting), []).append(setting.label)
    return found


def _environment_options(setting: Setting) -> str:
    limit = max(int(record.options.get("max_episode_steps") or 0) for record in setting.records)
    others = setting.options.get("env_options") or {}
    said = f"episodes of {limit} steps" if limit else "episodes of its usual length"
    return said + (f", {json.dumps(others, sort_keys=True)}" if others else "")


def _listed(labels: list[str]) -> str:
    return ", ".join(labels) if len(labels) <= 3 else f"{len(labels)} settings"
