"""What a fit has done, from its record: which stage compared whom with what return, who went on, what each got.

It is read from `fit.json`, and so also of a fit that has not ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compactrl.fits.ledger import read_record
from compactrl.fits.options import FitOptions
from compactrl.quantities import a_return

COMPARED, MET, BEFORE = "compared: ", "met: ", ", before"
TITLES = {
    "evolvers": "methods from nothing, their first share",
    "teachers": "teachers, by gradients",
    "imitations": "small networks, by imitation",
    "apprentices": "small networks, by gradients from there",
    "students": "students, by imitation through their rounding",
    "tuned": "students, by gradients through their rounding",
}
KEPT_UP = "evolution keeps up"
"""In a record: whether what was left after the teachers was evolution's."""


@dataclass(frozen=True)
class Stage:
    """A comparison of a fit."""

    name: str
    """Short."""
    title: str
    returns: Mapping[str, float]
    """Candidate → mean return, the best first; minus infinity where every episode failed."""
    left: tuple[str, ...]
    """Who was in no later stage, the last meetings apart."""
    last: bool = False
    """Whether it is the meeting of a budget's best."""


@dataclass(frozen=True)
class Story:
    """All stages of a fit, in order."""

    options: FitOptions
    finished: bool
    stages: tuple[Stage, ...]
    spent: Mapping[str, float]
    """Candidate → seconds or counted steps of its searches, its student's among them."""

    @property
    def total(self) -> float:
        """Of all searches and comparisons so far."""
        return self.spent[""]

    def stages_of(self, name: str) -> list[Stage]:
        """Return the stages that a candidate was in."""
        return [stage for stage in self.stages if name in stage.returns]


def story_of(path: Path) -> Story:
    """Return the story of a fit's folder.

    Raises:
        DamagedFileError: its record is none.
    """
    record = read_record(path)
    compared = [(key, value) for key, value in record["steps"].items() if key.startswith((COMPARED, MET))]
    options = FitOptions.of_record(record["options"])
    rows = [(key, _returns(value), key.startswith(MET)) for key, value in compared]
    stages = []
    for place, (key, returns, last) in enumerate(rows):
        following = [others for _, others, met in rows[place + 1 :] if not met]
        later = {name for others in following for name in others}
        left = [name for name in returns if name not in later] if following and not last else []
        name = "last meeting" if last else key.removeprefix(COMPARED)
        title = _title(key, options)
        if name == "teachers" and record["steps"].get(KEPT_UP):
            title += "; evolution keeps up with them, and what is left is its own"
        stages.append(Stage(name, title, returns, tuple(left), last))
    return Story(options, bool(record["finished"]), tuple(stages), _spent(record["spent"]))


def returned(mean: float) -> str:
    """Write a candidate's mean return; minus infinity is that of one whose every episode failed."""
    return a_return(mean) if math.isfinite(mean) else "failed"


def _title(key: str, options: FitOptions) -> str:
    if key.startswith(MET):
        return f"the last meeting, of at most {options.kind.say(int(key.removeprefix(MET)))}"
    name = key.removeprefix(COMPARED)
    return TITLES.get(name, name)


def _returns(means: Mapping[str, float | None]) -> dict[str, float]:
    """Return candidate → the better one of its means, the best first."""
    best: dict[str, float] = {}
    for name, mean in means.items():
        candidate = name.removesuffix(BEFORE)
        best[candidate] = max(best.get(candidate, -math.inf), -math.inf if mean is None else mean)
    return dict(sorted(best.items(), key=lambda item: -item[1]))


def _spent(spent: Mapping[str, float]) -> dict[str, float]:
    """Return candidate → what its searches took; under the empty name what all took, comparisons too."""
    found: dict[str, float] = {"": sum(spent.values())}
    for key, value in spent.items():
        name, _, _ = key.partition(": ")
        if name not in ("compared", "met", "kept", "waiting"):
            name = name.removesuffix("-student").removesuffix("-tuned")
            found[name] = found.get(name, 0.0) + value
    return found
