"""Those of a fit that learn by gradients, each from those before it.

1. Teachers learn by reinforcement, those that the environment and the time allow.
2. Apprentices have the networks of students, in floats. They imitate the best policy there is, which by itself leaves a
   small network far behind, and go on from there by reinforcement: so they come further than one that begins from
   nothing.
3. Students are rounded as they would ship. Of each budget the best policy that it does not fit has a few, and each
   imitates the policy that has its own network, where there is one.
4. They go on by reinforcement through the rounding, those that there is time for.

After each of these all are compared. What is left for evolution is the race's: after the teachers all of it, where the
policies that it had before them keep up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from compactrl.fits.architectures import lay_out
from compactrl.fits.candidate import STAGES, Candidate
from compactrl.fits.entrants import apprentices, by_gradients, keeps_up, students, teachers, tuned
from compactrl.fits.field import Field
from compactrl.fits.portfolio import (
    APPRENTICES,
    EVOLUTION,
    MOST,
    ROUNDINGS,
    SHARES,
    STUDENTS,
    TEACHERS,
    TUNING,
    Apprentice,
    Row,
    as_it_is,
)
from compactrl.fits.stages import Grant
from compactrl.fits.story import KEPT_UP
from compactrl.policies.policy import Policy

KEPT_BY_STUDENTS = ("partitions", "bias_partitions")
"""Options that who goes on from a student has, too."""


class School:
    """Teachers, apprentices and students.

    Args:
        field: of the fit.
        until: options that end a search which is good enough.
        enough: whether every budget has a policy that is good enough.
    """

    def __init__(self, field: Field, until: dict[str, Any], enough: Callable[[], bool]) -> None:
        self._field, self._ledger, self._until, self._enough = field, field.ledger, until, enough
        self._teachers = teachers(TEACHERS, field.spec, field.total)
        self._students: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether there are teachers."""
        return bool(self._teachers)

    def run(self) -> None:
        """Let all of them learn, those of each step after those of the last, until what they have is good enough.

        Raises:
            StoppedError: asked for.
        """
        if self._enough():
            return
        self._teach()
        for step in (self._train_apprentices, self._imitate, self._tune):
            if self._enough() or self._evolution_goes_on():
                return
            step()

    def _teach(self) -> None:
        """Let teachers learn by gradients, where they can and there is time for it."""
        rows = self._teachers
        longest = sorted(rows, key=lambda row: -row.share)  # so that those that learn side by side have equal shares
        total = self._field.total.value
        self._field.go_on(
            [self._field.grant(row.name, row.options, row.share * total, row.name, row) for row in longest]
        )
        names = self._with_roundings([row.name for row in rows])
        for row in rows:
            if row.catalog and row.name in self._field.candidates:
                names += self._enter_architectures(self._field.candidates[row.name])
        if rows:
            self._field.compare("teachers", names)

    def _evolution_goes_on(self) -> bool:
        """Return whether policies from nothing kept up with the teachers, so that what is left is evolution's."""
        if self._ledger.known(KEPT_UP) is None and self._ledger.once(KEPT_UP, self._evolution_keeps_up):
            self._field.watch.say("evolution from nothing keeps up with the teachers: what is left is its own")
        return bool(self._ledger.known(KEPT_UP))

    def _evolution_keeps_up(self) -> bool:
        """Return whether policies from nothing that fit every budget keep up with the teachers'."""
        known = [one for one in self._field.candidates.values() if math.isfinite(one.mean)]
        smallest = [one.mean for one in known if one.row.cost == 1 and one.size <= self._field.budgets[0]]
        return keeps_up(smallest, [one.mean for one in known if one.row.cost > 1])

    def _with_roundings(self, names: Sequence[str]) -> list[str]:
        """Let candidates enter once more as they are with rounded weights; return the names of all that there are."""
        found = [name for name in names if name in self._field.candidates]
        for name, (rounding, ships) in product(tuple(found), ROUNDINGS.items()):
            found.append(self._enter(f"{name}-{rounding}", self._field.candidates[name], ships))
        return found

    def _enter(self, name: str, origin: Candidate, ships: Callable[[Policy], Policy], run: Path | None = None) -> str:
        """Let what ships of a candidate's policy, or of another run's, be a candidate, too; return its name."""
        place, row = run or origin.place, replace(origin.row, ships=ships)
        self._field.candidates[name] = Candidate(name, place, origin.options, place, row)
        return name

    def _enter_architectures(self, origin: Candidate) -> list[str]:
        """Let architectures of a hypernetwork that are within a budget be candidates; return their names."""
        names, field = [], self._field
        for rounding, ships in {"": as_it_is, **ROUNDINGS}.items():
            key = f"architectures: {origin.name}{rounding and f'-{rounding}'}"
            field.watch.doing = f"architectures of {origin.name}"
            for name in self._ledger.once(key, lambda: lay_out(origin.run, field.kind, field.budgets, ships)):  # noqa: B023
                run = origin.run.parent / name
                names.append(self._enter(f"{name}{rounding and f'-{rounding}'}", origin, ships, run))
        return names

    # Apprentices.

    def _train_apprentices(self) -> None:
        """Let small networks imitate the best policy, and learn by reinforcement from there."""
        field, best = self._field, self._field.best_of_all()
        entering = self._ledger.once("apprentices: who", self._apprentices)
        rows = {row.name: row for row in APPRENTICES if row.name in entering}
        if not rows or best is None:
            return
        begun = self._imitations(list(rows.values()), best)
        learning = []
        for name, row in rows.items():
            start = best.source if name not in begun and self._begins_from(row, best) else begun.get(name)
            if start is not None:
                share = SHARES.apprentices * field.total.value / len(rows)
                learning.append(field.grant(name, {**row.options, "start_from": str(start)}, share, name, row))
        if self._enough():
            return
        imitations = {name: field.candidates[name] for name in begun}
        try:
            field.go_on(learning)
        finally:  # what it has is not lost with a search that fails
            for name, imitation in imitations.items():
                field.candidates.setdefault(name, replace(imitation, run=imitation.source))
        field.compare("apprentices", self._with_roundings(list(rows)))

    def _apprentices(self) -> list[str]:
        """Return the names of those that there is time for."""
        field = self._field
        rows = apprentices(APPRENTICES, STUDENTS, field.spec, field.kind, field.budgets, field.total)
        return [row.name for row in rows]

    @staticmethod
    def _begins_from(row: Apprentice, best: Candidate) -> bool:
        """Return whether the best policy has the apprentice's network already, and has learned by gradients.

        Outputs of one that was evolved have no scale that PPO could go on with.
        """
        return best.row.cost > 1 and best.best.shape[1:-1] == tuple(row.imitates["hidden"])

    def _imitations(self, rows: Sequence[Apprentice], best: Candidate) -> dict[str, Path]:
        """Let those that have another network than the best policy imitate it; return their runs, by apprentice."""
        field = self._field
        imitating = [row for row in rows if not self._begins_from(row, best)]
        given = []
        for row in imitating:
            options = {**row.imitates, "activation": best.best.activation, "teacher": str(best.source)}
            share = SHARES.apprenticeship / len(imitating)
            given.append(self._to_imitate(row.imitation.name, options, share, row.imitation))
        field.go_on(given)
        begun = {}
        for row in imitating:
            known = field.candidates.pop(row.imitation.name, None)
            if known is not None:
                begun[row.name] = known.run
                field.candidates[row.name] = Candidate(row.name, self._path(row.name), {}, known.run, row)
        if begun:
            field.compare("imitations", list(begun))
        return begun

    def _to_imitate(self, name: str, options: dict[str, Any], share: float, row: Row) -> tuple[Grant, Row]:
        """Return what one that imitates is given: a share of the budget, and not more time than helps."""
        total, most = self._field.total, SHARES.most_imitation_seconds
        amount = min(share * total.value, most) if total.seconds else share * total.value
        grant, row = self._field.grant(name, options, amount, name, row)
        return replace(grant, most_seconds=most), row

    def _path(self, name: str) -> Path:
        return self._field.path / STAGES / name

    # Students.

    def _imitate(self) -> None:
        """Begin students of the best policies that are too large for a budget."""
        field = self._field
        if not by_gradients(field.spec, discrete=True):
            return
        entering = students(STUDENTS, field.candidates, field.spec, field.kind, field.budgets)
        given = []
        for one in entering:
            name, teacher = f"{one.name}-student", one.teacher
            activation = teacher.best.activation
            options = {**one.sized.options, "activation": activation, "teacher": str(teacher.source), "steps": MOST}
            if one.start is not None:
                options["start_from"] = str(one.start.source)
            given.append(self._to_imitate(name, options, SHARES.imitation / len(entering), one.sized.row))
        field.go_on(given)
        for one in entering:
            known = field.candidates.pop(f"{one.name}-student", None)
            if known is not None:
                field.candidates[one.name] = self._going_on(one.name, one.sized.options, known.run)
        if entering:
            field.compare("students", [one.name for one in entering])
        self._students = [one.name for one in entering if one.name in field.candidates]

    def _going_on(self, name: str, options: Mapping[str, Any], student: Path) -> Candidate:
        """Return the candidate with which evolution goes on from a student, in a run of its own."""
        going_on = {**EVOLUTION.options, **self._until, **self._kept(options), "start_from": str(student)}
        return Candidate(name, self._path(name), going_on, student)

    @staticmethod
    def _kept(options: Mapping[str, Any]) -> dict[str, Any]:
        return {option: options[option] for option in KEPT_BY_STUDENTS if option in options}

    def _tune(self) -> None:
        """Let students go on by reinforcement, the best of each budget first, those that there is time for."""
        field = self._field
        chosen = self._ledger.once("tuned: who", self._tuned)
        before = {name: field.candidates[name] for name in self._students if name in chosen}
        if not before:
            return
        share = self._ledger.once(
            "tuned: share", lambda: min(self._tuning * field.total.value, field.left) / len(before)
        )
        given = []
        for name, one in before.items():
            search = f"{name}-tuned"
            options = {**TUNING.options, **self._kept(one.options), "start_from": one.options["start_from"]}
            given.append(field.grant(search, options, share, search, TUNING))
        field.go_on(given)
        for name, one in before.items():
            known = field.candidates.pop(f"{name}-tuned", None)
            if known is not None:
                going_on = self._going_on(name, one.options, known.run)
                field.candidates[name] = replace(going_on, size=one.size, mean=one.mean)
        field.compare("tuned", list(before))
        for name, one in before.items():
            if self._ledger.known(f"kept: tuned: {name}") is None:  # evolution goes on from what was better
                field.candidates[name] = replace(one, mean=field.candidates[name].mean)

    def _tuned(self) -> list[str]:
        """Return the names of those that are tuned."""
        field = self._field
        ranked = [field.fitting(most, self._students) for most in field.budgets]
        return sorted(tuned(ranked, field.spec, field.total, self._tuning))

    @property
    def _tuning(self) -> float:
        """Share of the budget for tuning: what apprentices would have, too, where there are none."""
        none = not self._ledger.known("apprentices: who")
        return SHARES.tuning + (SHARES.apprenticeship + SHARES.apprentices if none else 0.0)
