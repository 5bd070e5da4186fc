"""What comes of the trials of an evaluation, written by whoever runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from compactrl.types import Floats, Integers, Moments, Outcomes

if TYPE_CHECKING:
    from compactrl.envs.goals import Goal
    from compactrl.envs.spec import EnvironmentSpec


@dataclass
class Results:
    """Where a call's blocks write what came of their trials (arrays over all N trials)."""

    returns: Floats
    steps: Integers
    seen: Moments
    """Of the observations of each trial; of none where it failed."""
    failures: dict[int, str]
    achieved: Floats
    """(N, G) the goal achieved at an episode's end, and in `desired` the goal that was wanted."""
    desired: Floats
    measures: dict[str, Floats] = field(default_factory=dict)
    """Name → (N,)."""

    @classmethod
    def empty(cls, trials: int, observation_size: int, goal_size: int = 0, measures: tuple[str, ...] = ()) -> Results:
        """Return results for this many trials, all still to come."""
        return cls(
            returns=np.zeros(trials),
            steps=np.zeros(trials, np.int64),
            seen=Moments(np.zeros(trials), *np.zeros((2, trials, observation_size))),
            failures={},
            achieved=np.full((trials, goal_size), np.nan),
            desired=np.zeros((trials, goal_size)),
            measures={name: np.full(trials, np.nan) for name in measures},
        )

    @classmethod
    def of(cls, trials: int, spec: EnvironmentSpec) -> Results:
        """Return results for this many trials in an environment."""
        return cls.empty(trials, spec.observation_size, spec.goal.size if spec.goal else 0, spec.measures)

    def take(self, trials: Integers, outcomes: Outcomes) -> None:
        """Take in what came of these trials (n,), evaluated elsewhere."""
        self.returns[trials] = outcomes.returns
        self.steps[trials] = outcomes.steps
        self.observed(trials, outcomes.moments)
        for name, values in outcomes.measures.items():
            self.measures[name][trials] = values
        self.failures.update({int(trials[position]): reason for position, reason in outcomes.failures.items()})

    def observed(self, trials: Integers, moments: Moments) -> None:
        """Take in the moments of what these trials (n,) observed."""
        for every, some in zip(self.seen, moments, strict=True):
            every[trials] = some

    def outcomes(self, goal: Goal | None = None) -> Outcomes:
        """Return the record that evaluators give; a failed trial has NaN and adds nothing to the moments."""
        failed = np.array(sorted(self.failures), np.int64)
        self.returns[failed] = np.nan
        for part in self.seen:
            part[failed] = 0.0
        measures = dict(self.measures)
        if goal is not None and goal.success is not None:
            measures["success"] = goal.success(self.achieved, self.desired)
        known = np.isfinite(self.returns)
        measures = {name: np.where(known, values, np.nan) for name, values in measures.items()}
        return Outcomes(self.returns, self.steps, self.seen, dict(sorted(self.failures.items())), measures=measures)
