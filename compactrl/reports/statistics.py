"""Statistics over few seeds: interquartile mean, bootstrap interval, performance profile, probability of improvement.

As recommended by Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (NeurIPS 2021).
Scores are the mean returns of seeds; higher is better. A stratum is a task (an environment): resampling never mixes
them. Everything is seeded, so that the same scores give the same numbers.

Deviation: where two configurations were run with the same seeds, they are compared seed by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from compactrl.types import Floats

RESAMPLES = 2000
LEVEL = 0.95
TRIMMED = 0.25


class Interval(NamedTuple):
    """A bootstrap interval; NaN where there is one seed only, and so none."""

    low: float
    high: float


NO_INTERVAL = Interval(float("nan"), float("nan"))


def interquartile_mean(scores: Floats) -> Floats:
    """Return the mean of the middle half of the last axis: floor(n / 4) are left out at either end.

    Args:
        scores: (…, n), n at least 1.

    Returns:
        (…,)

    Example:
        >>> float(interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0])))
        2.5
    """
    count = scores.shape[-1]
    cut = int(TRIMMED * count)
    middle = np.sort(scores, axis=-1)[..., cut : count - cut]
    return np.asarray(middle.mean(axis=-1))


def bootstrap_interval(
    strata: Sequence[Floats],
    statistic: Callable[[Floats], Floats] = interquartile_mean,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a statistic under resampling with replacement within each stratum.

    Args:
        strata: (n_k,) each; drawn from separately, then put side by side.
        statistic: (resamples, n) → (resamples,).
        resamples: how many.
        level: of the interval.
        seed: of the resampling.

    Raises:
        ValueError: no scores.
    """
    if not strata or not all(len(stratum) for stratum in strata):
        raise ValueError("expected at least one score in every stratum")
    if all(len(stratum) == 1 for stratum in strata):
        return NO_INTERVAL
    generator = np.random.default_rng(seed)
    drawn = [
        stratum[generator.integers(0, len(stratum), size=(resamples, len(stratum)), dtype=np.int64)]
        for stratum in strata
    ]
    return _percentiles(statistic(np.concatenate(drawn, axis=1)), level)


def profile(scores: Floats, thresholds: Floats) -> Floats:
    """Return the share of scores (…, n) above each threshold (T,): the performance profile, (…, T).

    Example:
        >>> profile(np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.0, 2.0, 9.0]))
        array([1. , 0.5, 0. ])
    """
    return np.asarray((scores[..., None, :] > thresholds[:, None]).mean(axis=-1))


def profile_band(
    scores: Floats, thresholds: Floats, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return pointwise bootstrap bounds of a profile, (T,) each; NaN for one score (n,) only."""
    if len(scores) == 1:
        return np.full(len(thresholds), np.nan), np.full(len(thresholds), np.nan)
    generator = np.random.default_rng(seed)
    drawn = scores[generator.integers(0, len(scores), size=(resamples, len(scores)), dtype=np.int64)]
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(profile(drawn, thresholds), [tail, 100 - tail], axis=0)
    return low, high


class Improvement(NamedTuple):
    """How one configuration compares with another."""

    probability: float
    """That it is the better one; a tie counts half."""
    interval: Interval
    difference: float
    """Mean of the one less mean of the other."""
    difference_interval: Interval
    seeds: int
    """Pairs where paired, else the smaller number of seeds."""
    paired: bool
    """Whether seed is compared with seed, since both have the same seeds; else every seed with every other."""


def probability_of_improvement(
    one: Mapping[int, float],
    other: Mapping[int, float],
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Improvement:
    """Compare the scores of two configurations by seed.

    Where the seeds are the same, this is the share of seeds on which `one` is ahead, and pairs are resampled; else it
    is Mann and Whitney's U over the number of pairs, and each side is resampled by itself.

    Args:
        one: seed → score.
        other: seed → score.
        resamples: how many.
        level: of the intervals.
        seed: of the resampling.

    Raises:
        ValueError: no scores.
    """
    if not one or not other:
        raise ValueError("expected at least one seed of both configurations")
    generator = np.random.default_rng(seed)
    mine, theirs = (np.array([scores[key] for key in sorted(scores)]) for scores in (one, other))
    paired = one.keys() == other.keys()
    first = generator.integers(0, len(mine), size=(resamples, len(mine)), dtype=np.int64)
    second = first if paired else generator.integers(0, len(theirs), size=(resamples, len(theirs)), dtype=np.int64)
    ahead = _ahead_in_pairs if paired else _ahead_of_all
    alone = len(mine) == 1 or len(theirs) == 1
    drawn = (mine[first], theirs[second])
    return Improvement(
        probability=float(ahead(mine, theirs)),
        interval=NO_INTERVAL if alone else _percentiles(ahead(*drawn), level),
        difference=float(mine.mean() - theirs.mean()),
        difference_interval=NO_INTERVAL if alone else _percentiles(drawn[0].mean(-1) - drawn[1].mean(-1), level),
        seeds=min(len(mine), len(theirs)),
        paired=paired,
    )


def _ahead_in_pairs(mine: Floats, theirs: Floats) -> Floats:
    """Return the share of places at which (…, n) is above (…, n), ties half: (…,)."""
    return np.asarray(((mine > theirs) + 0.5 * (mine == theirs)).mean(axis=-1))


def _ahead_of_all(mine: Floats, theirs: Floats) -> Floats:
    """Return the share of pairs in which (…, n) is above (…, m), ties half: (…,)."""
    left, right = mine[..., :, None], theirs[..., None, :]
    return np.asarray(((left > right) + 0.5 * (left == right)).mean(axis=(-2, -1)))


def _percentiles(values: Floats, level: float) -> Interval:
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return Interval(float(low), float(high))
