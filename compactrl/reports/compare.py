"""Runs beside each other: one row per configuration, intervals over seeds, and which configurations no other beats.

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
from compactrl.reports.configurations import Configuration, group
from compactrl.reports.reading import Record
from compactrl.reports.smallest import SHARE, Smallest, smallest_configuration
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
    """Runs, grouped into configurations and compared within each environment.

    Args:
        records: the runs.
        notes: what could not be read.
    """

    def __init__(self, records: list[Record], notes: Iterable[str] = ()) -> None:
        self.records = records
        self.configurations, repeated = group(records)
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
        return list(dict.fromkeys(configuration.env for configuration in self.configurations))

    def measures(self, env: str) -> list[str]:
        """Return the names of what an environment reports beside the return, such as `success`."""
        return sorted({name for configuration in self.of(env) for name in configuration.measures})

    def of(self, env: str) -> list[Configuration]:
        """Return the configurations of one environment."""
        return [configuration for configuration in self.configurations if configuration.env == env]

    def ranked(self, env: str) -> list[Configuration]:
        """Return the configurations of one environment, best first; unfinished ones only if there are no others.

        Of equal returns the smaller policy comes first.
        """
        scored = [configuration for configuration in self.of(env) if configuration.scores]
        finished = [configuration for configuration in scored if configuration.finished] or scored
        return sorted(finished, key=_by_return)

    def ordered(self, env: str) -> list[Configuration]:
        """Return every configuration of one environment: the ranked ones, and after them what is not finished."""
        ranked = self.ranked(env)
        others = [one for one in self.of(env) if one not in ranked]
        return [*ranked, *sorted(others, key=_by_return)]

    def smallest(self, env: str, share: float = SHARE) -> Smallest | None:
        """Return the smallest configuration of one environment with this share of the best return."""
        return smallest_configuration(self.ranked(env), share)

    @cached_property
    def table(self) -> pandas.DataFrame:
        """One row per configuration.

        Columns: configuration, env, method, architecture, weights, parameters, compression, bits (by the paper's
        formula), bytes (what the tables of an export take; NaN where there is no policy yet), seeds, episodes,
        env_steps, seconds (medians), return (interquartile mean over the seeds' mean returns), return_low and
        return_high (95 % interval; NaN for one seed), return_max (of the best seed), return_ever (the largest single
        return of any noisy candidate), finished, mujoco. Sizes are the largest of a configuration's seeds: masks
        differ.
        """
        import pandas

        return pandas.DataFrame([_row(configuration) for configuration in self.configurations])

    def pareto(self, cost: str = "bits", env: str = "") -> pandas.DataFrame:
        """Return the configurations that no other of their environment beats in both return and cost.

        Each environment has a front of its own, since returns of different ones are not comparable; the first column,
        `env`, says of which a row is.

        Args:
            cost: `bits`, `bytes`, `parameters` or `weights`.
            env: only this environment; all where it is empty.

        Raises:
            InputError: another cost, or no run is of that environment.
        """
        if cost not in COSTS:
            raise InputError(
                f"unknown cost '{cost}' for a Pareto front.{did_you_mean(cost, COSTS)} There are: {', '.join(COSTS)}"
            )
        if env and env not in self.environments:
            raise InputError(
                f"no run is of '{env}'.{did_you_mean(env, self.environments)} There are: {', '.join(self.environments)}"
            )
        wanted = [env] if env else self.environments
        unbeaten = {(name, one.label) for name in wanted for one in front(self.ranked(name), cost)}
        rows = zip(self.table["env"], self.table["configuration"], strict=True)
        found = self.table[[row in unbeaten for row in rows]].sort_values(["env", cost]).reset_index(drop=True)
        return found[["env", *(column for column in found.columns if column != "env")]]

    def improvements(self, env: str) -> list[tuple[Configuration, Configuration, Improvement]]:
        """Return every configuration of an environment beside every one that is ranked below it."""
        pairs = combinations(self.ranked(env), 2)
        return [(one, other, probability_of_improvement(one.scores, other.scores)) for one, other in pairs]

    @property
    def notes(self) -> list[str]:
        """What is wrong with single runs; the comparison is made of the rest. Runs with the same note share a line."""
        paths_of: dict[str, list[str]] = {}
        for record in self.records:
            for note in record.notes:
                paths_of.setdefault(note, []).append(str(record.path))
        return [*self._notes, *(_note(note, paths) for note, paths in paths_of.items())]

    @cached_property
    def warnings(self) -> list[str]:
        """Why returns that stand beside each other may not be comparable; what holds of several environments once."""
        between = comparability.warnings_between(self.environments)
        return between + comparability.together({env: self.warnings_of(env) for env in self.environments})

    def warnings_of(self, env: str) -> list[str]:
        """Return the warnings for one environment's ranking."""
        return comparability.warnings_within(self.of(env))


def _note(note: str, paths: list[str]) -> str:
    return f"{paths[0]}: {note}" if len(paths) == 1 else f"{len(paths)} runs: {note}"


def _by_return(configuration: Configuration) -> tuple[float, tuple[float, float], str]:
    """Return what sorts configurations: the return, the higher first; then size, the smaller first; then the name."""
    values = configuration.values
    score = float(interquartile_mean(values)) if len(values) else -np.inf
    return -score, configuration.size, configuration.label


def front(configurations: list[Configuration], cost: str) -> list[Configuration]:
    """Return the configurations, by cost, to which no other is at least equal in return and cost and better in one."""
    points = [
        (_cost(configuration, cost), float(interquartile_mean(configuration.values)), configuration)
        for configuration in configurations
    ]
    points = [point for point in points if np.isfinite(point[0])]
    unbeaten = [
        (price, -score, configuration)
        for price, score, configuration in points
        if not any(
            other <= price and better >= score and (other < price or better > score) for other, better, _ in points
        )
    ]
    return [configuration for _, _, configuration in sorted(unbeaten, key=lambda point: point[:2])]


def _cost(configuration: Configuration, cost: str) -> float:
    return configuration.bytes if cost == "bytes" else configuration.largest(cost)


def _row(configuration: Configuration) -> dict[str, Any]:
    values = configuration.values
    interval = bootstrap_interval([values]) if len(values) else (np.nan, np.nan)
    highest = [record.metrics["return_max"] for record in configuration.records]
    return {
        "configuration": configuration.label,
        "env": configuration.env,
        "method": configuration.options.get("method", ""),
        "architecture": configuration.architecture,
        "weights": configuration.largest("weights"),
        "parameters": configuration.largest("parameters"),
        "compression": configuration.median("compression"),
        "bits": configuration.largest("bits"),
        "bytes": _cost(configuration, "bytes"),
        "seeds": len(values),
        "episodes": configuration.median("episodes"),
        "env_steps": configuration.median("env_steps"),
        "seconds": configuration.median("seconds"),
        "return": float(interquartile_mean(values)) if len(values) else np.nan,
        "return_low": interval[0],
        "return_high": interval[1],
        "return_max": float(values.max()) if len(values) else np.nan,
        "return_ever": max((float(np.nanmax(curve)) for curve in highest if np.isfinite(curve).any()), default=np.nan),
        "finished": configuration.finished,
        "mujoco": ", ".join(sorted(configuration.versions("mujoco"))),
        **{f"{name}_mean": mean for name, mean in configuration.measures.items()},
    }
