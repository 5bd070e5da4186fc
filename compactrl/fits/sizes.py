"""What a row's policies take of a budget, known before there are any, and which of a row's combinations fits.

What a policy takes follows from its network and from what is shared in it, not from its numbers. So it is that of a
policy with random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.encodings.rounding import rounded_normalizer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.fits.budgets import Kind
from compactrl.fits.portfolio import Row
from compactrl.methods.settings import resolve
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.types import Normalizer

SPREAD = 0.1
"""Of the random numbers, about that of trained ones. How much of a normaliser must be kept beside the weights depends
on it: with larger weights, single precision does not tell apart what is folded into them."""


class Sized(NamedTuple):
    """A combination of a row's options, and what its policies take of the budget."""

    row: Row
    options: dict[str, Any]
    size: int
    policy: Policy
    """With random numbers."""

    @property
    def name(self) -> str:
        """The row's name, and what was chosen from its menus."""
        return self.row.name + "".join(f"-{_short(self.options[option])}" for option in self.row.menus)


class Combination(NamedTuple):
    """A combination of a row's options, and such a policy with random numbers."""

    row: Row
    options: dict[str, Any]
    policy: Policy

    def sized(self, kind: Kind) -> Sized:
        """Return it with what its policies take of a budget."""
        return Sized(self.row, self.options, _taken(kind, self.policy), self.policy)


def combinations(row: Row, spec: EnvironmentSpec, normalized: bool) -> Iterator[Combination]:
    """Yield all of a row's combinations, in the order of its menus; those that the environment is too small for not.

    Args:
        row: of the portfolio.
        spec: the environment.
        normalized: whether policies will have a normaliser of observations.
    """
    for values in product(*row.menus.values()):
        options = {**row.options, **dict(zip(row.menus, values, strict=True))}
        policy = _policy(_frozen(options), spec.observation_size, spec.action, normalized)
        if policy is not None:
            yield Combination(row, options, row.ships(policy))


def fitting(row: Row, spec: EnvironmentSpec, most: int, normalized: bool, kind: Kind) -> Sized | None:
    """Return the first of a row's combinations that takes at most so much; None where none does.

    Args:
        row: of the portfolio.
        spec: the environment.
        most: the budget.
        normalized: whether policies will have a normaliser of observations.
        kind: of budget.
    """
    possible = (one for one in combinations(row, spec, normalized) if kind.at_least(one.policy) <= most)
    return next((sized for one in possible if (sized := one.sized(kind)).size <= most), None)


def smallest(rows: Iterable[Row], spec: EnvironmentSpec, kind: Kind) -> Sized:
    """Return the combination that takes least, of all that any of these rows has for an environment."""
    found: Sized | None = None
    every = [(kind.at_least(one.policy), one) for row in rows for one in combinations(row, spec, normalized=True)]
    for least, one in sorted(every, key=lambda each: each[0]):
        if found is not None and least >= found.size:
            break
        sized = one.sized(kind)
        found = sized if found is None or sized.size < found.size else found
    if found is None:
        raise InputError(f"no method has a policy for {spec.id}")
    return found


def _frozen(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(options.items()))


@cache
def _taken(kind: Kind, policy: Policy) -> int:
    return kind.size(policy)


@cache
def _policy(
    options: tuple[tuple[str, Any], ...], observations: int, action: ActionSpec, normalized: bool
) -> Policy | None:
    """Return a policy with random numbers; None where there is none of this kind."""
    try:
        settings = resolve(dict(options))
        kind = COMPRESSIONS[settings.choice.compression]
        sizes = (observations, *settings.search.hidden, action.size)
        compression = kind(kind.skeleton_of(sizes, settings.compression), settings.compression)
    except (ValueError, InputError):  # more weights than edges
        return None
    generator = np.random.default_rng(np.random.SeedSequence(0))
    theta = compression.initial(generator)
    theta = theta + SPREAD * generator.standard_normal(len(theta))
    design = compression.design_of(theta)
    compact = compression.compact(theta, np.zeros(0, np.int64) if design is None else design)
    normalizer = Normalizer(np.zeros(observations), np.ones(observations))
    if normalized:
        normalizer = Normalizer(SPREAD * generator.standard_normal(observations), generator.uniform(2, 3, observations))
        if getattr(settings.compression, "normalizer", "floats") == "bytes":  # no mean becomes 0, and no deviation 1
            normalizer = rounded_normalizer(Normalizer(normalizer.mean + 1.0, normalizer.std))
    size = compression.shipped_size(compact)
    biases, different = compact.biases, getattr(settings.compression, "bias_partitions", 0)
    if different:  # by chance one may be taken by none, and is not stored
        biases = SPREAD * (1.0 + np.arange(len(biases)) % different)
    shared = (compact.index, compact.mask, biases)
    return Policy(compact.skeleton, compact.weights, *shared, normalizer, action, size=size)


def _short(value: Any) -> str:
    return "x".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
