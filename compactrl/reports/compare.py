"""Runs beside each other: one row per setting, intervals over seeds, and which settings no other beats.

This is data and statistics only. How a comparison looks is up to `tables`, `figures` and `page`; `report` is both.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.errors import InputError, did_you_mean
from compactrl.reports import comparability
from compactrl.reports.reading import Record
from compactrl.reports.settings import Setting, group
from compactrl.reports.statistics import (
    Improvement,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)

if TYPE_CHECKING:
    import pandas

COSTS = ("bits", "bytes", "parameters", "weights")
"""What a Pareto front may weigh the return against; bits are those of the paper, bytes those of an export's tables."""


class Comparison:
    """Runs, grouped into settings and compared within each environment.

    Args:
        records: the runs.
        notes: what could not be read.
    """

    def __init__(self, records: list[Record], notes: Iterable[str] = ()) -> None:
        self.records = records
        self.settings, repeated = group(records)
        self._notes = [*notes, *repeated]

    @property
    def fingerprint(self) -> tuple[tuple[str, int, str, bool], ...]:
        """Return what differs between two comparisons if any run has gone on: paths, iterations, returns."""
        return tuple(
            (str(record.path), len(record.metrics["env_steps"]), repr(record.score), record.finished)
            for record in self.records
        )

    @property
    def environments(self) -> list[str]:
        """Every environment, in order."""
        return list(dict.fromkeys(setting.env for setting in self.settings))

    def measures(self, env: str) -> list[str]:
        """Return the names of what an environment reports beside the return, such as `success`."""
        return sorted({name for setting in self.of(env) for name in setting.measures})

    def of(self, env: str) -> list[Setting]:
        """Return the settings of one environment."""
        return [setting for setting in self.settings if setting.env == env]

    def ranked(self, env: str) -> list[Setting]:
        """Return the settings of one environment, best first; unfinished ones only if there are no others."""
        scored = [setting for setting in self.of(env) if setting.scores]
        finished = [setting for setting in scored if setting.finished] or scored
        return sorted(finished, key=lambda setting: -float(interquartile_mean(setting.values)))

    @cached_property
    def table(self) -> pandas.DataFrame:
        """One row per setting.

        Columns: setting, env, method, architecture, weights, parameters, compression, bits (by the paper's formula),
        bytes (what the tables of an export take; NaN where nothing has shipped), seeds, episodes, env_steps, seconds
        (medians), return (interquartile mean over the seeds' mean returns), return_low and return_high (95 % interval;
        NaN for one seed), return_max (of the best seed), return_ever (the largest single return of any noisy
        candidate), finished, mujoco. Sizes are the largest of a setting's seeds: masks differ.
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
        unbeaten = {(env, setting.label) for env in self.environments for setting in front(self.ranked(env), cost)}
        rows = zip(self.table["env"], self.table["setting"], strict=True)
        mask = [row in unbeaten for row in rows]
        return self.table[mask].sort_values(["env", cost]).reset_index(drop=True)

    def improvements(self, env: str) -> list[tuple[Setting, Setting, Improvement]]:
        """Return every setting of an environment beside every one that is ranked below it."""
        pairs = combinations(self.ranked(env), 2)
        return [(one, other, probability_of_improvement(one.scores, other.scores)) for one, other in pairs]

    @property
    def notes(self) -> list[str]:
        """What is wrong with single runs; the comparison is made of the rest."""
        return [*self._notes, *(f"{record.path}: {note}" for record in self.records for note in record.notes)]

    @cached_property
    def warnings(self) -> list[str]:
        """Why returns that stand beside each other may not be comparable."""
        between = comparability.warnings_between(self.environments)
        return between + [warning for env in self.environments for warning in self.warnings_of(env)]

    def warnings_of(self, env: str) -> list[str]:
        """Return the warnings for one environment's ranking."""
        return comparability.warnings_within(env, self.of(env))


def front(settings: list[Setting], cost: str) -> list[Setting]:
    """Return the settings that no other beats in return and cost, by cost: none is cheaper and at least as good."""
    points = [(_cost(setting, cost), float(interquartile_mean(setting.values)), setting) for setting in settings]
    points = [point for point in points if np.isfinite(point[0])]
    unbeaten = [
        (price, -score, setting)
        for price, score, setting in points
        if not any(
            other <= price and better >= score and (other < price or better > score) for other, better, _ in points
        )
    ]
    return [setting for _, _, setting in sorted(unbeaten, key=lambda point: point[:2])]


def _cost(setting: Setting, cost: str) -> float:
    return setting.bytes if cost == "bytes" else setting.largest(cost)


def _row(setting: Setting) -> dict[str, Any]:
    values = setting.values
    interval = bootstrap_interval([values]) if len(values) else (np.nan, np.nan)
    highest = [record.metrics["return_max"] for record in setting.records]
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
        "return_ever": max((float(np.nanmax(curve)) for curve in highest if np.isfinite(curve).any()), default=np.nan),
        "finished": setting.finished,
        "mujoco": ", ".join(sorted(setting.versions("mujoco"))),
        **{f"{name}_mean": mean for name, mean in setting.measures.items()},
    }
