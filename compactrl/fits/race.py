"""The race of a fit: who is in it, what each gets of the budget, and who goes on.

1. Methods that begin from nothing get their first share, each as much as the others.
2. Teachers, apprentices and students learn by gradients (`school`).
3. Rungs of successive halving (Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter
   optimization", 2016, figure 3): the better half of those that fit each budget goes on, for equal shares, and so on. A
   candidate may be in the race of several budgets; it is run once. One whose learning rate has fallen to nothing stays
   as it is.
4. Of each budget the best policies that fit meet once more, on more episodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from compactrl.errors import CompactrlError
from compactrl.fits.candidate import Candidate
from compactrl.fits.entrants import evolvers
from compactrl.fits.field import Field
from compactrl.fits.portfolio import EVOLVERS
from compactrl.fits.school import School
from compactrl.fits.stages import has_reached

LAST_EPISODES, LAST_MEETING = 32, 3
"""Of the last comparison of a budget, and how many meet there."""


class Race:
    """The race of a fit.

    Args:
        field: of the fit, with no candidates yet.
        stop_at: mean return that is enough for every budget; None to use the whole budget.
    """

    def __init__(self, field: Field, stop_at: float | None) -> None:
        self._field, self._ledger, self._budgets = field, field.ledger, field.budgets
        self._stop_at = stop_at
        self._until = {} if stop_at is None else {"stop_at": stop_at}
        self._school = School(field, self._until, lambda: self.enough)
        self._winners: dict[int, Candidate] = {}
        self._ranking: dict[int, list[str]] = {}

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """All that are in the race, or were."""
        return self._field.candidates

    @property
    def enough(self) -> bool:
        """Whether every budget has a policy with the return that was asked for."""
        if self._stop_at is None:
            return False
        return all((best := self.best(most)) and best.mean >= self._stop_at for most in self._budgets)

    def best(self, most: int) -> Candidate | None:
        """Return the best candidate within a budget, so far; at the end the winner of that budget."""
        if most in self._winners:
            return self._winners[most]
        if self._ranking.get(most):
            return self.candidates.get(self._ranking[most][0])
        return self._field.best(most)

    def run(self) -> None:
        """Run the race to its end.

        Raises:
            StoppedError: asked for.
        """
        self._begin_evolvers()
        self._school.run()
        self._race()
        self._meet()

    def settle_for_now(self) -> None:
        """Take what untried candidates have now into account, where a stop came before any that fits was compared."""
        if not all(self.best(most) for most in self._budgets):
            self._field.settle_for_now()

    def _begin_evolvers(self) -> None:
        """Begin methods that need no teacher, those that fit."""
        found = evolvers(
            EVOLVERS, self._field.spec, self._field.kind, self._budgets, self._field.total, self._school.is_open
        )
        share = found.share * self._field.total.value
        sized = found.sized
        sizes = {one.name: one.size for one in sized}
        self._field.go_on(
            [
                self._field.grant(
                    one.name, {**one.options, **self._until}, share / len(sized), f"{one.name}: rung 0", one.row
                )
                for one in sized
            ],
            enough=lambda grant: sizes[grant.name] <= self._budgets[0] and has_reached(grant.path),
        )
        if sized and not self.candidates:
            raise CompactrlError(f"no method can be searched here: {self._field.refusals[-1]}")
        self._field.compare("evolvers", [one.name for one in sized])

    # Who goes on.

    def _race(self) -> None:
        """Go on with all that may win, half as many each time."""
        racing = {most: _better_half(self._field.fitting(most)) for most in self._budgets}
        most_in_one = max((len(names) for names in racing.values()), default=0)
        rungs = max(1, math.ceil(math.log2(max(1, most_in_one)))) + 1
        for rung in range(1, rungs + 1):
            names = list(dict.fromkeys(name for fitting in racing.values() for name in fitting))
            key = f"rung {rung} of {rungs}"
            if not names or self.enough:
                return
            going_on = [one for name in names if not (one := self.candidates[name]).row.anneals]
            parts = (rungs + 1 - rung) * max(1, len(going_on))
            share = self._ledger.once(f"{key}: share", lambda: self._field.left / parts)  # noqa: B023
            self._field.go_on(
                [self._field.grant(one.name, one.options, share, f"{one.name}: {key}", one.row) for one in going_on]
            )
            self._field.compare(key, names)
            for most in self._budgets:
                ordered = self._field.fitting(most, racing[most])
                out = [name for name in self._ranking.get(most, []) if name not in ordered]
                self._ranking[most] = ordered + out  # means of another rung are of other episodes
                racing[most] = _better_half(ordered)

    def _meet(self) -> None:
        """Let the best of each budget meet once more, on more and fresh episodes; the best of these wins."""
        smaller: str | None = None  # what wins a smaller budget fits a larger one
        for most in self._budgets:
            ranked = [name for name in self._ranking.get(most) or self._field.fitting(most) if name in self.candidates]
            names = [name for name in ranked[:LAST_MEETING] if math.isfinite(self.candidates[name].mean)]
            if smaller is not None and smaller not in names:
                names.append(smaller)
            policies = {name: self.candidates[name].best for name in names}
            means = self._field.met(f"met: {most}", policies, LAST_EPISODES)
            if means:
                winner = max(means, key=lambda name: (means[name], -self.candidates[name].size))
                self._winners[most] = replace(self.candidates[winner], mean=means[winner])
                smaller = winner


def _better_half(ordered: list[str]) -> list[str]:
    return ordered[: math.ceil(len(ordered) / 2)]
