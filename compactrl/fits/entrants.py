"""Who enters the race: teachers and apprentices that there is time for, methods from nothing, students, their starts.

All of it follows from the portfolio, the budgets, and the candidates that there are already.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.fits.budgets import Kind
from compactrl.fits.candidate import Candidate
from compactrl.fits.portfolio import (
    AT_MOST,
    KEEPS_UP,
    LEAST_EPISODES,
    LEAST_IMITATION,
    LEAST_TUNING,
    NETWORKS,
    SHARES,
    STEPS_A_SECOND,
    TUNING,
    Apprentice,
    Row,
    Teacher,
)
from compactrl.fits.sizes import Sized, fitting
from compactrl.fits.stages import Amount
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Normalizer


def by_gradients(spec: EnvironmentSpec, discrete: bool) -> bool:
    """Return whether a gradient method takes an environment's actions, one that does `discrete` ones or not."""
    return discrete if spec.action.kind == "discrete" else spec.action.bounds is not None


def teachers(rows: Iterable[Teacher], spec: EnvironmentSpec, total: Amount) -> list[Teacher]:
    """Return those that can learn in an environment, and have time for it."""
    return [
        row
        for row in rows
        if by_gradients(spec, row.discrete)
        and row.least_episodes <= _episodes(row.share * total.value / row.cost, spec, total) < row.most_episodes
    ]


class Evolvers(NamedTuple):
    """Methods that begin from nothing, and what their first rung gets of the budget."""

    sized: list[Sized]
    share: float


def evolvers(
    rows: Sequence[Row], spec: EnvironmentSpec, kind: Kind, budgets: Sequence[int], total: Amount, taught: bool
) -> Evolvers:
    """Return methods that begin from nothing, for each budget as large as fits, and their share of the total.

    Where that is too little time for each, there is one of each row alone, for the smallest budget that it fits: what
    fits that fits all. Where there are teachers, evolution from nothing is behind their students so early.

    Args:
        rows: of the portfolio.
        spec: the environment.
        kind: of budget.
        budgets: rising.
        total: of the fit.
        taught: whether there are teachers.
    """
    share = SHARES.beside_teachers if taught else SHARES.evolvers
    found = [
        one
        for most, row in product(budgets, rows)
        if (one := fitting(row, spec, most, normalized=True, kind=kind)) is not None
    ]
    every = {one.name: one for one in found}
    if _episodes(share * total.value / max(1, len(every)), spec, total) >= LEAST_EPISODES:
        return Evolvers(list(every.values()), share)
    smallest: dict[str, Sized] = {}
    for one in found:
        smallest.setdefault(one.row.name, one)
    return Evolvers(list(smallest.values()), share)


def _episodes(amount: float, spec: EnvironmentSpec, total: Amount) -> float:
    """Return how many of the longest episodes there is time for, about."""
    return amount * (STEPS_A_SECOND if total.seconds else 1) / spec.max_episode_steps


def keeps_up(evolved: Sequence[float], taught: Sequence[float]) -> bool:
    """Return whether evolution from nothing keeps up with teachers, which had much more time; false without teachers.

    Args:
        evolved: mean returns of methods that begin from nothing.
        taught: of teachers.

    Example:
        >>> keeps_up((-4.5, 3.3, 37.2), (37.7,)), keeps_up((-200.0, 0.0, 900.0), (5930.0,))
        (True, False)
    """
    if not evolved or not taught:
        return False
    usual = statistics.median(evolved)
    return max(evolved) - usual >= KEEPS_UP * (max(taught) - usual)


class Student(NamedTuple):
    """Who imitates whom."""

    name: str
    sized: Sized
    teacher: Candidate
    start: Candidate | None
    """Whose weights it begins from."""


def apprentices(
    rows: Iterable[Apprentice],
    taught: Sequence[Row],
    spec: EnvironmentSpec,
    kind: Kind,
    budgets: Sequence[int],
    total: Amount,
) -> list[Apprentice]:
    """Return those whose networks students will have, of each budget the largest two, and of these as many as there is
    time for, the largest first.

    Args:
        rows: of apprentices.
        taught: rows of students, those with the largest networks first.
        spec: the environment.
        kind: of budget.
        budgets: of this kind.
        total: of the fit.
    """
    able = [row for row in rows if by_gradients(spec, row.discrete) and _has_time(row, 1, spec, total)]
    if not able:
        return []  # to say what students take may need a compiler
    sized = [_sized(taught, spec, most, True, kind) for most in budgets]
    fit = [list(dict.fromkeys(one.options["hidden"] for one in each)) for each in sized]
    wanted = {hidden for networks in fit for hidden in networks[:NETWORKS]}
    found = [row for row in able if row.imitates["hidden"] in wanted]
    for count in range(len(found), min(NETWORKS, len(found)) - 1, -1):
        if all(_has_time(row, count, spec, total) for row in found[:count]):
            return found[:count]
    return []


def _has_time(row: Apprentice, count: int, spec: EnvironmentSpec, total: Amount) -> bool:
    """Return whether each of so many apprentices has the time to imitate, and to go on from there."""
    imitation, learning = (share * total.value / count for share in (SHARES.apprenticeship, SHARES.apprentices))
    steps = imitation * (STEPS_A_SECOND if total.seconds else 1) / row.imitation.cost
    return steps >= LEAST_IMITATION and _episodes(learning / row.cost, spec, total) >= row.least_episodes


def students(
    rows: Iterable[Row], candidates: Mapping[str, Candidate], spec: EnvironmentSpec, kind: Kind, budgets: Sequence[int]
) -> list[Student]:
    """Return students and their teachers, once each.

    Of a budget the best policy that it does not fit is a teacher. A network that a candidate has already imitates that
    one in its place, and begins from it: rounding a policy's own weights costs it little, where another network's
    policy takes long to learn.
    """
    rows = tuple(rows)
    found: dict[str, Student] = {}
    for most in budgets:
        larger = [one for one in candidates.values() if one.size > most and math.isfinite(one.mean)]
        teacher = max(larger, key=lambda one: one.mean, default=None)
        if teacher is None:
            continue
        sized = _sized(rows, spec, most, not _is_identity(teacher.best.normalizer), kind)
        starts = {one.name: start_of(one, teacher, candidates) for one in sized}
        for one in sorted(sized, key=lambda one: (starts[one.name] is None, -one.size))[:AT_MOST]:
            start = starts[one.name]
            found.setdefault(one.name, Student(one.name, one, start or teacher, start))
    return list(found.values())


def _sized(rows: Iterable[Row], spec: EnvironmentSpec, most: int, normalized: bool, kind: Kind) -> list[Sized]:
    """Return of each row the first combination that a budget has room for, if there is one."""
    return [one for row in rows if (one := fitting(row, spec, most, normalized, kind))]


def tuned(
    ranked: Sequence[Sequence[str]], spec: EnvironmentSpec, total: Amount, share: float = SHARES.tuning
) -> set[str]:
    """Return which students there is time to tune: as many of each budget, the best first.

    Args:
        ranked: of each budget, the names of its students, the best first.
        spec: the environment.
        total: of the fit.
        share: of it, for all of them.
    """
    for count in range(AT_MOST, 0, -1):
        names = {name for students in ranked for name in students[:count]}
        each = share * total.value / max(1, len(names))
        if _episodes(each / TUNING.cost, spec, total) >= LEAST_TUNING:
            return names
    return set()


def start_of(one: Sized, teacher: Candidate, candidates: Mapping[str, Candidate]) -> Candidate | None:
    """Return the best candidate whose weights a teacher's student can begin from, since it has the same network."""
    skeleton = teacher.best.skeleton
    sizes = (skeleton.sizes[0], *one.options["hidden"], skeleton.sizes[-1])
    biased = (*(True for _ in one.options["hidden"]), one.options["output_bias"])
    network = Skeleton(sizes, skeleton.activation, biased)
    known = [each for each in candidates.values() if math.isfinite(each.mean)]
    same = [each for each in known if each.best.skeleton == network]
    return max(same, key=lambda each: each.mean, default=None)


def _is_identity(normalizer: Normalizer) -> bool:
    return not normalizer.mean.any() and bool(np.all(normalizer.std == 1))
