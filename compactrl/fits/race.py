"""The race of a fit: which candidates there are, what each gets of the budget, and which go on.

1. Methods that begin from nothing get their first share, each as much as the others.
2. Teachers learn by gradients, those that the environment and the time allow.
3. Of each budget, the best policy that it does not fit is the teacher of a few students that fit it.
4. Rungs of successive halving (Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter
   optimization", 2016, figure 3): the better half of those that fit each budget goes on, for equal shares, and so on. A
   candidate may be in the race of several budgets; it is run once. One whose learning rate has fallen to nothing stays
   as it is.
5. Of each budget the best policies that fit meet once more, on more episodes.

A candidate is remembered with the best policy that it had at the end of any rung: evolution also goes downhill.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError
from compactrl.fits.architectures import lay_out
from compactrl.fits.budgets import Kind
from compactrl.fits.candidate import STAGES, Candidate
from compactrl.fits.crew import Crew
from compactrl.fits.entrants import Student, by_gradients, evolvers, students, teachers
from compactrl.fits.judging import Judge, run_seed
from compactrl.fits.ledger import Ledger
from compactrl.fits.portfolio import (
    EVOLUTION,
    EVOLVERS,
    MOST,
    ROUNDINGS,
    SHARES,
    STUDENTS,
    TEACHERS,
    Row,
    as_it_is,
)
from compactrl.fits.stages import Amount, Grant, StoppedError, Watch, has_reached
from compactrl.fits.story import returned
from compactrl.policies.files import save_policy
from compactrl.policies.policy import Policy
from compactrl.reports.words import plural

EPISODES, LAST_EPISODES, LAST_MEETING = 8, 32, 3
"""Of a comparison, of the last one, and how many meet there."""


class Race:
    """The race of a fit.

    Args:
        path: of the fit.
        options: of every search: the environment, threads.
        spec: the environment.
        kind: of the budgets, which says what a policy takes of them.
        budgets: of this kind.
        total: in seconds or steps.
        seed: of the fit.
        stop_at: mean return that is enough for every budget; None to use the whole budget.
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
        stop_at: float | None,
        ledger: Ledger,
        judge: Judge,
        crew: Crew,
        watch: Watch,
    ) -> None:
        self._path, self._options, self._spec = path, options, spec
        self._kind, self._budgets = kind, sorted(budgets)
        self._total, self._seed, self._stop_at = total, seed, stop_at
        self._until = {} if stop_at is None else {"stop_at": stop_at}
        self._refusals: list[str] = []
        self._ledger, self._judge, self._crew, self._watch = ledger, judge, crew, watch
        self.candidates: dict[str, Candidate] = {}
        self._teachers = teachers(TEACHERS, spec, total)
        self._winners: dict[int, Candidate] = {}
        self._ranking: dict[int, list[str]] = {}

    @property
    def left(self) -> float:
        """What is left of the budget."""
        return max(0.0, self._total.value - self._ledger.spent)

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
        fitting = [one for one in self.candidates.values() if one.size <= most and math.isfinite(one.mean)]
        return max(fitting, key=lambda one: (one.mean, -one.size), default=None)

    def run(self) -> None:
        """Run the race to its end.

        Raises:
            StoppedError: asked for.
        """
        self._begin_evolvers()
        if not self.enough:
            self._teach()
            self._imitate()
        self._race()
        self._meet()

    # What is in the race.

    def _teach(self) -> None:
        """Let teachers learn by gradients, where they can and there is time for it."""
        compared = self._ledger.known("compared: teachers")
        rows = [row for row in self._teachers if compared is None or row.name in compared]
        longest = sorted(rows, key=lambda row: -row.share)  # so that those that learn side by side have equal shares
        self._go_on(
            [self._grant(row.name, row.options, row.share * self._total.value, row.name, row) for row in longest]
        )
        names = [row.name for row in rows if row.name in self.candidates]
        for name, (rounding, ships) in product(tuple(names), ROUNDINGS.items()):
            names.append(self._enter(f"{name}-{rounding}", self.candidates[name], ships))
        for row in rows:
            if row.catalog and row.name in self.candidates:
                names += self._enter_architectures(self.candidates[row.name])
        if rows:
            self._compare("teachers", names)

    def _enter(self, name: str, origin: Candidate, ships: Callable[[Policy], Policy], run: Path | None = None) -> str:
        """Let what ships of a candidate's policy, or of another run's, be a candidate, too; return its name."""
        place, row = run or origin.run, replace(origin.row, ships=ships)
        self.candidates[name] = replace(origin, name=name, run=place, source=place, row=row)
        return name

    def _enter_architectures(self, origin: Candidate) -> list[str]:
        """Let architectures of a hypernetwork that are within a budget be candidates; return their names."""
        names = []
        for rounding, ships in {"": as_it_is, **ROUNDINGS}.items():
            key = f"architectures: {origin.name}{rounding and f'-{rounding}'}"
            self._watch.doing = f"architectures of {origin.name}"
            for name in self._ledger.once(key, lambda: lay_out(origin.run, self._kind, self._budgets, ships)):  # noqa: B023
                run = origin.run.parent / name
                names.append(self._enter(f"{name}{rounding and f'-{rounding}'}", origin, ships, run))
        return names

    def _begin_evolvers(self) -> None:
        """Begin methods that need no teacher, those that fit."""
        found = evolvers(EVOLVERS, self._spec, self._kind, self._budgets, self._total, bool(self._teachers))
        share = found.share * self._total.value
        compared = self._ledger.known("compared: evolvers")
        sized = found.sized if compared is None else [one for one in found.every if one.name in compared]
        sizes = {one.name: one.size for one in sized}
        self._go_on(
            [
                self._grant(
                    one.name, {**one.options, **self._until}, share / len(sized), f"{one.name}: rung 0", one.row
                )
                for one in sized
            ],
            enough=lambda grant: sizes[grant.name] <= self._budgets[0] and has_reached(grant.path),
        )
        if sized and not self.candidates:
            raise CompactrlError(f"no method can be searched here: {self._refusals[-1]}")
        self._compare("evolvers", [one.name for one in sized])

    def _imitate(self) -> None:
        """Begin students of the best policies that are too large for a budget."""
        if not by_gradients(self._spec, discrete=True):
            return
        compared = self._ledger.known("compared: students")
        entering = [
            one
            for one in students(STUDENTS, self.candidates, self._spec, self._kind, self._budgets)
            if compared is None or one.name in compared
        ]
        most = SHARES.most_imitation_seconds
        amount = SHARES.imitation * self._total.value / max(1, len(entering))
        amount = min(amount, most) if self._total.seconds else amount
        given = []
        for one in entering:
            student, teacher = f"{one.name}-student", one.teacher
            activation = teacher.best.activation
            options = {**one.sized.options, "activation": activation, "teacher": str(teacher.run), "steps": MOST}
            if one.start is not None:
                options["start_from"] = str(one.start.run)
            grant, row = self._grant(student, options, amount, student, one.sized.row)
            given.append((replace(grant, most_seconds=most), row))
        self._go_on(given)
        for one in entering:
            known = self.candidates.pop(f"{one.name}-student", None)
            if known is not None:
                self.candidates[one.name] = self._going_on(one, known.run)
        if entering:
            self._compare("students", [one.name for one in entering])

    def _going_on(self, one: Student, student: Path) -> Candidate:
        """Return the candidate with which evolution goes on from a student, in a run of its own."""
        names, options = ("partitions", "bias_partitions"), one.sized.options
        kept: dict[str, Any] = {name: options[name] for name in names if name in options}
        return Candidate(
            one.name,
            self._path / STAGES / one.name,
            {**EVOLUTION.options, **self._until, **kept, "start_from": str(student)},
            student,
        )

    # What each gets.

    def _grant(self, name: str, options: Mapping[str, Any], value: float, key: str, row: Row) -> tuple[Grant, Row]:
        """Return what a candidate of this name and row is given, and its row."""
        search = {**self._options, "seed": run_seed(self._seed, name), **options}
        amount = Amount(value, self._total.seconds)
        return Grant(name, self._path / STAGES / name, search, amount, key, row.cost, row.anneals), row

    def _go_on(self, gone_on: Sequence[tuple[Grant, Row]], enough: Callable[[Grant], bool] = lambda _: False) -> None:
        """Go on with candidates, of these rows; one that cannot go on is out of the race, with a warning.

        Args:
            gone_on: none of which waits for another.
            enough: whether one that has ended makes those after it needless.
        """
        self._watch.base, self._watch.begun = self._ledger.spent, time.monotonic()
        given, rows = [], {grant.name: row for grant, row in gone_on}
        for grant, _ in gone_on:
            if failed := (self._ledger.known(grant.key) or {}).get("failed"):
                self._refusals.append(failed)
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
            self._watch.base, self._watch.begun = self._ledger.spent, time.monotonic()
        if stopped:
            raise stopped

    def _take_out(self, grant: Grant, error: CompactrlError) -> None:
        """Take out of the race what cannot go on."""
        warnings.warn(f"{grant.name} is out of the race: {error}", stacklevel=2)
        self._refusals.append(str(error))
        self._ledger.note(grant.key, {"failed": str(error)})
        self.candidates.pop(grant.name, None)

    def _compare(self, key: str, names: Sequence[str]) -> None:
        """Compare what these candidates have now with the best that they had, and keep of each the better one.

        Both run the same fresh episodes: a policy that was kept for its mean was lucky with it.
        """
        entered = [name for name in names if name in self.candidates]
        now = {name: self.candidates[name].now for name in entered}
        before = {f"{name}, before": one.best for name in entered if math.isfinite((one := self.candidates[name]).mean)}
        self._watch.doing = f"comparing {plural(len(entered), 'candidate')}"
        means = self._judge(f"compared: {key}", {**now, **before}, EPISODES)
        for name in entered:
            if name not in means:  # a fit of an earlier version had no such candidate
                del self.candidates[name]
                continue
            candidate, kept = self.candidates[name], f"kept: {key}: {name}"
            mean, mean_before = means[name], means.get(f"{name}, before", -math.inf)
            if mean <= mean_before:
                self.candidates[name] = replace(candidate, mean=mean_before)
                continue
            if self._ledger.known(kept) is None:
                begun = time.monotonic()
                size = self._keep(candidate, now[name])
                self._ledger.note(kept, size, time.monotonic() - begun if self._total.seconds else 0.0)
            source = candidate.run if (candidate.run / "policy.json").exists() else candidate.source
            self.candidates[name] = replace(candidate, mean=mean, size=int(self._ledger.known(kept)), source=source)
        ordered = sorted(
            (name for name in entered if name in self.candidates), key=lambda name: -self.candidates[name].mean
        )
        self._watch.say(f"{key}: " + ", ".join(map(self._told, ordered)))

    def _keep(self, candidate: Candidate, policy: Policy) -> int:
        """Write a candidate's best policy down; return what it takes of the budget."""
        candidate.kept.parent.mkdir(exist_ok=True)
        save_policy(candidate.kept, policy)
        return self._kind.size(policy)

    def _told(self, name: str) -> str:
        candidate = self.candidates[name]
        return f"{name} {returned(candidate.mean)} in {self._kind.say(candidate.size)}"

    def settle_for_now(self) -> None:
        """Take what untried candidates have now into account, where a stop came before any that fits was compared."""
        if all(self.best(most) for most in self._budgets):
            return
        untried = {name: one.now for name, one in self.candidates.items() if not math.isfinite(one.mean)}
        for name, mean in self._judge("stopped", untried, EPISODES, record=False).items():
            one = self.candidates[name]
            self.candidates[name] = replace(one, mean=mean, size=self._keep(one, untried[name]))

    # Who goes on.

    def _race(self) -> None:
        """Go on with all that may win, half as many each time."""
        field = {most: _better_half(self._fitting(most)) for most in self._budgets}
        most_in_one = max((len(names) for names in field.values()), default=0)
        rungs = max(1, math.ceil(math.log2(max(1, most_in_one)))) + 1
        for rung in range(1, rungs + 1):
            names = list(dict.fromkeys(name for fitting in field.values() for name in fitting))
            key = f"rung {rung} of {rungs}"
            if not names or self.enough:
                return
            going_on = [one for name in names if not (one := self.candidates[name]).row.anneals]
            parts = (rungs + 1 - rung) * max(1, len(going_on))
            share = self._ledger.once(f"{key}: share", lambda: self.left / parts)  # noqa: B023
            self._go_on([self._grant(one.name, one.options, share, f"{one.name}: {key}", one.row) for one in going_on])
            self._compare(key, names)
            for most in self._budgets:
                ordered = self._fitting(most, field[most])
                out = [name for name in self._ranking.get(most, []) if name not in ordered]
                self._ranking[most] = ordered + out  # means of another rung are of other episodes
                field[most] = _better_half(ordered)

    def _fitting(self, most: int, among: Sequence[str] | None = None) -> list[str]:
        """Return the candidates within a budget, the best first, of equal ones the smallest."""
        names = [one.name for one in self.candidates.values() if one.size <= most]
        kept = [name for name in names if among is None or name in among]
        return sorted(kept, key=lambda name: (-self.candidates[name].mean, self.candidates[name].size))

    def _meet(self) -> None:
        """Let the best of each budget meet once more, on more and fresh episodes; the best of these wins."""
        smaller: str | None = None  # what wins a smaller budget fits a larger one
        for most in self._budgets:
            ranked = [name for name in self._ranking.get(most) or self._fitting(most) if name in self.candidates]
            names = [name for name in ranked[:LAST_MEETING] if math.isfinite(self.candidates[name].mean)]
            if smaller is not None and smaller not in names:
                names.append(smaller)
            policies = {name: self.candidates[name].best for name in names}
            means = self._judge(f"met: {most}", policies, LAST_EPISODES)
            if means:
                winner = max(means, key=lambda name: (means[name], -self.candidates[name].size))
                self._winners[most] = replace(self.candidates[winner], mean=means[winner])
                smaller = winner


def _better_half(ordered: list[str]) -> list[str]:
    return ordered[: math.ceil(len(ordered) / 2)]
