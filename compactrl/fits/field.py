"""The field of a fit's race: its candidates, how they go on, and how they are compared.

A candidate is remembered with the best policy that it had at any comparison: evolution also goes downhill.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError
from compactrl.fits.budgets import Kind
from compactrl.fits.candidate import STAGES, Candidate
from compactrl.fits.crew import Crew
from compactrl.fits.judging import Judge, run_seed
from compactrl.fits.ledger import Ledger
from compactrl.fits.portfolio import Row
from compactrl.fits.stages import Amount, Grant, StoppedError, Watch
from compactrl.fits.story import returned
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.reports.words import plural

EPISODES = 8
"""Of a comparison."""


class Field:
    """The candidates of a fit.

    Args:
        path: of the fit.
        options: of every search: the environment, threads.
        spec: the environment.
        kind: of the budgets, which says what a policy takes of them.
        budgets: of this kind, rising.
        total: in seconds or steps.
        seed: of the fit.
        ledger: of the fit.
        judge: of its policies.
        crew: that runs its searches.
        watch: told what is done.
    """

    def __init__(
        self,
        path: Path,
        options: dict[str, Any],
        spec: EnvironmentSpec,
        kind: Kind,
        budgets: Sequence[int],
        total: Amount,
        seed: int,
        ledger: Ledger,
        judge: Judge,
        crew: Crew,
        watch: Watch,
    ) -> None:
        self.path, self.spec, self.kind, self.budgets, self.total = path, spec, kind, budgets, total
        self.ledger, self.watch = ledger, watch
        self._options, self._seed, self._judge, self._crew = options, seed, judge, crew
        self.candidates: dict[str, Candidate] = {}
        self.refusals: list[str] = []
        """Why candidates could not go on."""

    @property
    def left(self) -> float:
        """What is left of the budget."""
        return max(0.0, self.total.value - self.ledger.spent)

    def grant(self, name: str, options: Mapping[str, Any], value: float, key: str, row: Row) -> tuple[Grant, Row]:
        """Return what a candidate of this name and row is given, and its row."""
        search = {**self._options, "seed": run_seed(self._seed, name), **options}
        amount = Amount(value, self.total.seconds)
        return Grant(name, self.path / STAGES / name, search, amount, key, row.cost, row.anneals), row

    def go_on(self, gone_on: Sequence[tuple[Grant, Row]], enough: Callable[[Grant], bool] = lambda _: False) -> None:
        """Go on with candidates, of these rows; one that cannot go on is out of the race, with a warning.

        Args:
            gone_on: none of which waits for another.
            enough: whether one that has ended makes those after it needless.
        """
        self.watch.base, self.watch.begun = self.ledger.spent, time.monotonic()
        given, rows = [], {grant.name: row for grant, row in gone_on}
        for grant, _ in gone_on:
            if failed := (self.ledger.known(grant.key) or {}).get("failed"):
                self.refusals.append(failed)
                self.candidates.pop(grant.name, None)
            else:
                given.append(grant)
        stopped: Exception | None = None
        for grant, raised in self._crew.run(given, enough):
            if isinstance(raised, CompactrlError):
                self._take_out(grant, raised)
            elif raised is None or (grant.path / "policy.json").exists():
                one = Candidate(grant.name, grant.path, dict(grant.options), grant.path, rows[grant.name])
                self.candidates.setdefault(grant.name, one)
            stopped = stopped or (raised if isinstance(raised, StoppedError) else None)
            self.watch.base, self.watch.begun = self.ledger.spent, time.monotonic()
        if stopped:
            raise stopped

    def _take_out(self, grant: Grant, error: CompactrlError) -> None:
        """Take out of the race what cannot go on."""
        warnings.warn(f"{grant.name} is out of the race: {error}", stacklevel=2)
        self.refusals.append(str(error))
        self.ledger.note(grant.key, {"failed": str(error)})
        self.candidates.pop(grant.name, None)

    def compare(self, key: str, names: Sequence[str]) -> None:
        """Compare what these candidates have now with the best that they had, and keep of each the better one.

        Both run the same fresh episodes: a policy that was kept for its mean was lucky with it.
        """
        entered = [name for name in names if name in self.candidates]
        now = {name: self.candidates[name].now for name in entered}
        before = {f"{name}, before": one.best for name in entered if math.isfinite((one := self.candidates[name]).mean)}
        self.watch.doing = f"comparing {plural(len(entered), 'candidate')}"
        means = self._judge(f"compared: {key}", {**now, **before}, EPISODES)
        for name in entered:
            candidate, kept = self.candidates[name], f"kept: {key}: {name}"
            mean, mean_before = means[name], means.get(f"{name}, before", -math.inf)
            if mean <= mean_before or self._outgrows(candidate, now[name], kept):
                self.candidates[name] = replace(candidate, mean=mean_before)
                continue
            if self.ledger.known(kept) is None:
                begun = time.monotonic()
                size = self._keep(candidate, now[name])
                self.ledger.note(kept, size, time.monotonic() - begun if self.total.seconds else 0.0)
            source = self.ledger.once(f"{kept}: from", lambda: str(candidate.place.relative_to(self.path)))  # noqa: B023
            self.candidates[name] = replace(
                candidate, mean=mean, size=int(self.ledger.known(kept)), source=self.path / source
            )
        ordered = sorted(
            (name for name in entered if name in self.candidates), key=lambda name: -self.candidates[name].mean
        )
        self.watch.say(f"{key}: " + ", ".join(map(self._told, ordered)))

    def _outgrows(self, candidate: Candidate, policy: Policy, kept: str) -> bool:
        """Return whether a policy is too large for a budget that the candidate's best one is within.

        What is kept of a normaliser depends on how large weights are, and these grow as they learn.
        """
        if not math.isfinite(candidate.mean):
            return False
        size = int(self.ledger.once(f"{kept}: size", lambda: self.kind.size(policy)))
        return any(candidate.size <= most < size for most in self.budgets)

    def met(self, key: str, policies: Mapping[str, Policy], episodes: int) -> dict[str, float]:
        """Return the mean returns of policies over the same fresh episodes, by their names."""
        return {name: mean for name, mean in self._judge(key, policies, episodes).items() if name in policies}

    def _keep(self, candidate: Candidate, policy: Policy) -> int:
        """Write a candidate's best policy down; return what it takes of the budget."""
        candidate.kept.parent.mkdir(exist_ok=True)
        save_policy(candidate.kept, policy)
        return self.kind.size(policy)

    def _told(self, name: str) -> str:
        candidate = self.candidates[name]
        return f"{name} {returned(candidate.mean)} in {self.kind.say(candidate.size)}"

    def settle_for_now(self) -> None:
        """Take what untried candidates have now into account, where a stop came before they were compared."""
        untried = {name: one.now for name, one in self.candidates.items() if not math.isfinite(one.mean)}
        for name, mean in self._judge("stopped", untried, EPISODES, record=False).items():
            one = self.candidates[name]
            self.candidates[name] = replace(one, mean=mean, size=self._keep(one, untried[name]))

    def best_of_all(self) -> Candidate | None:
        """Return the best candidate of any size that was compared; None where there is none."""
        known = [one for one in self.candidates.values() if math.isfinite(one.mean)]
        return max(known, key=lambda one: one.mean, default=None)

    def fitting(self, most: int, among: Sequence[str] | None = None) -> list[str]:
        """Return the candidates within a budget, the best first, of equal ones the smallest."""
        return [one.name for one in self._fitting(most) if among is None or one.name in among]

    def best(self, most: int) -> Candidate | None:
        """Return the best candidate within a budget that was compared; None where there is none."""
        return next((one for one in self._fitting(most) if math.isfinite(one.mean)), None)

    def _fitting(self, most: int) -> list[Candidate]:
        every = tuple(self.candidates.values())  # progress is told by a thread of its own
        return sorted((one for one in every if one.size <= most), key=lambda one: (-one.mean, one.size))
