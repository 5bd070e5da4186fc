"""Those of a fit that learn by gradients, each from those before it.

1. Teachers learn by reinforcement, those that the environment and the time allow.
2. Apprentices have the networks of students, in floats. They imitate the best policy there is, which by itself leaves a
   small network far behind, and go on from there by reinforcement: so they come further than one that begins from
   nothing.
3. Students are rounded as they would ship. Of each budget the best policy that it does not fit has a few, and each
   imitates the policy that has its own network, where there is one.
4. They go on by reinforcement through the rounding, those that there is time for.

After each of these all are compared. What is left for evolution is the race's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from compactrl.fits.architectures import lay_out
from compactrl.fits.candidate import STAGES, Candidate
from compactrl.fits.entrants import Student, apprentices, by_gradients, students, teachers, tuned
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
    as_it_is,
)
from compactrl.policies.policy import Policy

KEPT_BY_STUDENTS = ("partitions", "bias_partitions")
"""Options that who goes on from a student has, too."""


class School:
    """Teachers, apprentices and students.

    Args:
        field: of the fit.
        until: options that end a search which is good enough.
    """

    def __init__(self, field: Field, until: dict[str, Any]) -> None:
        self._field, self._ledger, self._until = field, field.ledger, until
        self._teachers = teachers(TEACHERS, field.spec, field.total)

    @property
    def is_open(self) -> bool:
        """Whether there are teachers."""
        return bool(self._teachers)

    def run(self) -> None:
        """Let all of them learn.

        Raises:
            StoppedError: asked for.
        """
        self._teach()
        self._train_apprentices()
        self._tune(self._imitate())

    def _teach(self) -> None:
        """Let teachers learn by gradients, where they can and there is time for it."""
        rows = self._of_this_fit(self._teachers, "teachers")
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

    def _of_this_fit(self, rows: Sequence[Any], key: str) -> list[Any]:
        """Return the rows that a fit has: of one whose comparison is over those that were in it."""
        compared = self._ledger.known(f"compared: {key}")
        return [row for row in rows if compared is None or row.name in compared]

    def _with_roundings(self, names: Sequence[str]) -> list[str]:
        """Let candidates enter once more as they are with rounded weights; return the names of all that there are."""
        found = [name for name in names if name in self._field.candidates]
        for name, (rounding, ships) in product(tuple(found), ROUNDINGS.items()):
            found.append(self._enter(f"{name}-{rounding}", self._field.candidates[name], ships))
        return found

    def _enter(self, name: str, origin: Candidate, ships: Callable[[Policy], Policy], run: Path | None = None) -> str:
        """Let what ships of a candidate's policy, or of another run's, be a candidate, too; return its name."""
        place, row = run or origin.run, replace(origin.row, ships=ships)
        self._field.candidates[name] = replace(origin, name=name, run=place, source=place, row=row)
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
        field, total = self._field, self._field.total.value
        if self._ledger.known("compared: students") and self._ledger.known("compared: apprentices") is None:
            return  # a fit of an earlier version
        rows = self._of_this_fit(
            apprentices(APPRENTICES, STUDENTS, field.spec, field.kind, field.budgets, field.total), "apprentices"
        )
        best = field.best_of_all()
        if not rows or best is None:
            return
        begins = {row.name: self._start_of(row, best) for row in rows}
        imitating = [row for row in rows if begins[row.name] is None]
        share = SHARES.apprenticeship * total / max(1, len(imitating))
        given = []
        for row in imitating:
            name = row.imitation.name
            options = {**row.imitates, "activation": best.best.activation, "teacher": str(best.run)}
            grant, of = field.grant(name, options, share, name, row.imitation)
            given.append((replace(grant, most_seconds=SHARES.most_imitation_seconds), of))
        field.go_on(given)
        learning = []
        for row in rows:
            student = field.candidates.pop(row.imitation.name, None)
            begun = begins[row.name] or (None if student is None else student.run)
            if begun is not None:
                options = {**row.options, "start_from": str(begun)}
                learning.append(field.grant(row.name, options, row.share * total, row.name, row))
        field.go_on(learning)
        field.compare("apprentices", self._with_roundings([row.name for row in rows]))

    @staticmethod
    def _start_of(row: Apprentice, best: Candidate) -> Path | None:
        """Return the run of the best policy where that has the apprentice's network already."""
        return best.run if best.best.shape[1:-1] == tuple(row.imitates["hidden"]) else None

    # Students.

    def _imitate(self) -> list[Student]:
        """Begin students of the best policies that are too large for a budget; return those that have learned."""
        field = self._field
        if not by_gradients(field.spec, discrete=True):
            return []
        every = students(STUDENTS, field.candidates, field.spec, field.kind, field.budgets)
        entering: list[Student] = self._of_this_fit(every, "students")
        most = SHARES.most_imitation_seconds
        amount = SHARES.imitation * field.total.value / max(1, len(entering))
        given = []
        for one in entering:
            student, teacher = f"{one.name}-student", one.teacher
            activation = teacher.best.activation
            options = {**one.sized.options, "activation": activation, "teacher": str(teacher.run), "steps": MOST}
            if one.start is not None:
                options["start_from"] = str(one.start.run)
            grant, row = field.grant(student, options, amount, student, one.sized.row)
            given.append((replace(grant, most_seconds=most), row))
        field.go_on(given)
        for one in entering:
            known = field.candidates.pop(f"{one.name}-student", None)
            if known is not None:
                field.candidates[one.name] = self._going_on(one, known.run)
        if entering:
            field.compare("students", [one.name for one in entering])
        return [one for one in entering if one.name in field.candidates]

    def _going_on(self, one: Student, student: Path) -> Candidate:
        """Return the candidate with which evolution goes on from a student, in a run of its own."""
        options = {**EVOLUTION.options, **self._until, **self._kept(one), "start_from": str(student)}
        return Candidate(one.name, self._field.path / STAGES / one.name, options, student)

    @staticmethod
    def _kept(one: Student) -> dict[str, Any]:
        return {name: one.sized.options[name] for name in KEPT_BY_STUDENTS if name in one.sized.options}

    def _tune(self, learned: Sequence[Student]) -> None:
        """Let students go on by reinforcement, the best of each budget first, those that there is time for."""
        field, total = self._field, self._field.total
        ranked = [field.fitting(most, [one.name for one in learned]) for most in field.budgets]
        chosen = tuned(ranked, field.spec, total)
        gone_on = self._of_this_fit([one for one in learned if one.name in chosen], "tuned")
        if not gone_on or (self._ledger.known("tuned: share") is None and self._ledger.any_known("rung 1 of ")):
            return  # no time, or a fit of an earlier version
        share = self._ledger.once("tuned: share", lambda: min(SHARES.tuning * total.value, field.left) / len(gone_on))
        given, before = [], {one.name: field.candidates[one.name] for one in gone_on}
        for one in gone_on:
            options = {**TUNING.options, **self._kept(one), "start_from": before[one.name].options["start_from"]}
            given.append(field.grant(f"{one.name}-tuned", options, share, f"{one.name}-tuned", TUNING))
        field.go_on(given)
        for one in gone_on:
            known = field.candidates.pop(f"{one.name}-tuned", None)
            if known is not None:
                size, mean = before[one.name].size, before[one.name].mean
                field.candidates[one.name] = replace(self._going_on(one, known.run), size=size, mean=mean)
        field.compare("tuned", [one.name for one in gone_on])
        for one in gone_on:
            if self._ledger.known(f"kept: tuned: {one.name}") is None:  # evolution goes on from what was better
                field.candidates[one.name] = replace(before[one.name], mean=field.candidates[one.name].mean)
