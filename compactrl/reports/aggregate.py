"""Configurations over several environments at once: normalised returns, and a bootstrap stratified by environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from compactrl.reports.statistics import Interval, bootstrap_interval, interquartile_mean

if TYPE_CHECKING:
    from compactrl.reports.compare import Comparison


class Aggregate(NamedTuple):
    """A configuration over all environments."""

    label: str
    score: float
    """Interquartile mean of normalised returns, over all seeds of all environments."""
    interval: Interval
    environments: int
    seeds: int
    """Over all environments."""


MEANING = (
    "Returns are normalised within each environment: 0 is the lowest and 1 the highest return of any seed of these "
    "configurations there. Seeds are resampled within environments."
)


def aggregate(comparison: Comparison) -> list[Aggregate]:
    """Return the configurations that were run in every environment, best first; none where nothing compares."""
    ranked = {
        env: {configuration.label: configuration for configuration in comparison.ranked(env)}
        for env in comparison.environments
    }
    labels = set.intersection(*(set(configurations) for configurations in ranked.values())) if ranked else set()
    if len(ranked) < 2 or len(labels) < 2:
        return []
    limits = {
        env: np.concatenate([configurations[label].values for label in sorted(labels)])
        for env, configurations in ranked.items()
    }
    aggregates = []
    for label in sorted(labels):
        strata = [
            (configurations[label].values - limits[env].min()) / (np.ptp(limits[env]) or 1.0)
            for env, configurations in ranked.items()
        ]
        scores = np.concatenate(strata)
        score = float(interquartile_mean(scores))
        aggregates.append(Aggregate(label, score, bootstrap_interval(strata), len(strata), len(scores)))
    return sorted(aggregates, key=lambda row: -row.score)
