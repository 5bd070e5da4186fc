"""A candidate of a fit: a policy in the race, and where it is from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compactrl.fits.portfolio import EVOLUTION, Row
from compactrl.policies.files import load_policy
from compactrl.policies.policy import Policy
from compactrl.runs.run import Run

STAGES, BEST = "stages", "best"


@dataclass(frozen=True)
class Candidate:
    """A policy in the race, and where it is from."""

    name: str
    run: Path
    """That goes on with it; there may be none yet."""
    options: dict[str, Any]
    """Of that run's search."""
    source: Path
    """The run that its best policy is from."""
    row: Row = EVOLUTION
    """What goes on with it."""
    size: int = 0
    """What its best policy takes of the budget."""
    mean: float = -math.inf
    """Return of its best policy, over the episodes that it was compared on."""

    @property
    def place(self) -> Path:
        """The run that what it has now is from."""
        return self.run if (self.run / "policy.json").exists() else self.source

    @property
    def now(self) -> Policy:
        """What it has now."""
        return self.row.ships(Run(self.place).policy)

    @property
    def kept(self) -> Path:
        """The stem of the files of its best policy."""
        return self.run.parent.parent / BEST / self.name

    @property
    def best(self) -> Policy:
        """Its best policy so far."""
        return load_policy(self.kept)
