"""What a row's policies take in memory, known before there are any, and which of a row's combinations fits a budget.

The bytes of a policy follow from its network and from what is shared in it (`encodings`), not from its numbers. So they
are those of a policy with random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from compactrl.compressions import COMPRESSIONS
from compactrl.encodings.storage import stored_bytes
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.fits.portfolio import Row
from compactrl.methods.settings import resolve
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.types import Normalizer

SPREAD = 0.1
"""Of the random numbers, about that of trained ones. How much of a normaliser must be kept beside the weights depends
on it: with larger weights, single precision does not tell apart what is folded into them."""


class Sized(NamedTuple):
    """A combination of a row's options, and what its policies take."""

    row: Row
    options: dict[str, Any]
    bytes: int

    @property
    def name(self) -> str:
        """The row's name, and what was chosen from its menus."""
        return self.row.name + "".join(f"-{_short(self.options[option])}" for option in self.row.menus)


def combinations(row: Row, spec: EnvironmentSpec, normalized: bool) -> Iterator[Sized]:
    """Yield all of a row's combinations, in the order of its menus; those that the environment is too small for not."""
    for values in product(*row.menus.values()):
        options = {**row.options, **dict(zip(row.menus, values, strict=True))}
        taken = _bytes(_frozen(options), spec.observation_size, spec.action, normalized)
        if taken is not None:
            yield Sized(row, options, taken)


def fitting(row: Row, spec: EnvironmentSpec, most: int, normalized: bool) -> Sized | None:
    """Return the first of a row's combinations that takes at most so many bytes; None where none does.

    Args:
        row: of the portfolio.
        spec: the environment.
        most: the budget, in bytes.
        normalized: whether policies will have a normaliser of observations.
    """
    return next((sized for sized in combinations(row, spec, normalized) if sized.bytes <= most), None)


def smallest(rows: tuple[Row, ...], spec: EnvironmentSpec) -> int:
    """Return the bytes of the smallest policy that any of these rows has for an environment."""
    return min(sized.bytes for row in rows for sized in combinations(row, spec, normalized=True))


def _frozen(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(options.items()))


@cache
def _bytes(options: tuple[tuple[str, Any], ...], observations: int, action: ActionSpec, normalized: bool) -> int | None:
    """Return the bytes of a policy with random numbers; None where there is none of this kind."""
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
        normalizer = Normalizer(
            SPREAD * generator.standard_normal(observations), generator.uniform(0.5, 2, observations)
        )
    policy = Policy(compact.skeleton, compact.weights, compact.index, compact.mask, compact.biases, normalizer, action)
    return stored_bytes(policy)


def _short(value: Any) -> str:
    return "x".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
