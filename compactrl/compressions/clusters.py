"""Few values for many numbers: optimal k-means in one dimension, which a palette begins from.

Clusters of sorted numbers are ranges, and the best ones have a recurrence (Wang & Song, "Ckmeans.1d.dp: optimal k-means
clustering in one dimension by dynamic programming", The R Journal 2011, equation 1):

    D[k, i] = min_j D[k - 1, j - 1] + sum of squared deviations of numbers j … i from their mean

The best j does not fall as i grows, so that each row is found by halves, all halves of one size at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compactrl.types import Floats, Integers


def centers(values: Floats, count: int) -> Floats:
    """Return the means of the clusters with the least squared error, (count,), rising.

    Args:
        values: (n,), finite; at least one.
        count: how many. Where there are no more different values than that, each is a centre, and the widest gaps
            between them are halved until there are enough.

    Example:
        >>> centers(np.array([0.0, 1.0, 10.0, 11.0, 12.0]), 2)
        array([ 0.5, 11. ])
        >>> centers(np.array([3.0, 1.0]), 3)
        array([1., 2., 3.])
    """
    different, weights = np.unique(values, return_counts=True)
    if len(different) <= count:
        return _filled(different, count)
    begins = _begins(different, weights.astype(np.float64), count)
    ends = [*begins[1:], len(different)]
    pairs = zip(begins, ends, strict=True)
    return np.array([np.average(different[begin:end], weights=weights[begin:end]) for begin, end in pairs])


def nearest(values: Floats, palette: Floats) -> Integers:
    """Return which entry of a palette (M,), in any order, is nearest to each value (…,); of two the larger one.

    Example:
        >>> nearest(np.array([-5.0, 0.9, 1.1]), np.array([2.0, 0.0]))
        array([1, 1, 0])
    """
    order = np.argsort(palette, kind="stable")
    ordered = palette[order]
    borders = (ordered[1:] + ordered[:-1]) / 2
    return np.asarray(order[np.searchsorted(borders, values, side="right")])


def _begins(values: Floats, weights: Floats, count: int) -> list[int]:
    """Return where each of the best clusters of sorted, different values (n,) begins."""
    size = len(values)
    shifted = values - np.average(values, weights=weights)  # sums of squares lose fewest digits about the mean
    totals = (np.concatenate([[0.0], np.cumsum(part)]) for part in (weights, weights * shifted, weights * shifted**2))
    number, first, second = totals

    def error(begin: Integers, end: Integers) -> Floats:
        """Return the squared error of the values begin … end, both included."""
        total = first[end + 1] - first[begin]
        return np.asarray(second[end + 1] - second[begin] - total * total / (number[end + 1] - number[begin]))

    everything = np.arange(size)
    best = error(np.zeros(size, np.int64), everything)
    choices = []
    for clusters in range(1, count):
        best, chosen = _next_row(best, error, clusters)
        choices.append(chosen)
    begins, end = [], size - 1
    for chosen in reversed(choices):
        begins.append(int(chosen[end]))
        end = begins[-1] - 1
    return [0, *reversed(begins)]


def _next_row(best: Floats, error: Callable[[Integers, Integers], Floats], clusters: int) -> tuple[Floats, Integers]:
    """Return D[k] of D[k - 1], (n,), and where the last cluster begins; the first `clusters` entries are of no use."""
    size = len(best)
    row, chosen = np.full(size, np.inf), np.zeros(size, np.int64)
    lows, highs = np.array([clusters]), np.array([size - 1])  # of i, both included
    least, most = np.array([clusters]), np.array([size - 1])  # of j
    while len(lows):
        middle = (lows + highs) // 2
        lengths = np.minimum(middle, most) - least + 1
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        which = np.repeat(np.arange(len(middle)), lengths)
        begin = np.arange(lengths.sum()) - starts[which] + least[which]
        costs = best[begin - 1] + error(begin, middle[which])
        row[middle] = np.minimum.reduceat(costs, starts)
        hits = np.flatnonzero(costs == row[middle][which])
        first_hit = hits[np.unique(which[hits], return_index=True)[1]]
        chosen[middle] = begin[first_hit]
        left, right = lows < middle, middle < highs
        lows, highs, least, most = (
            np.concatenate([lows[left], middle[right] + 1]),
            np.concatenate([middle[left] - 1, highs[right]]),
            np.concatenate([least[left], chosen[middle][right]]),
            np.concatenate([chosen[middle][left], most[right]]),
        )
    return row, chosen


def _filled(different: Floats, count: int) -> Floats:
    """Return sorted values with more between them, (count,), where the gaps are widest; around a single one."""
    filled = list(different.astype(np.float64))
    if len(filled) == 1:
        step = (abs(filled[0]) or 1.0) / max(1, count // 2)
        return np.asarray(filled[0] + step * (np.arange(count) - count // 2))
    while len(filled) < count:
        gaps = np.diff(filled)
        place = int(np.argmax(gaps))
        filled.insert(place + 1, filled[place] + gaps[place] / 2)
    return np.array(filled)
