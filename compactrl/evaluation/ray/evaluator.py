"""The evaluator on Ray workers: the lanes of one process, dealt to workers on this machine or on many.

The driver alone keeps the counts of resets, so that any worker may do any piece of work (`workers`).
"""

from __future__ import annotations

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.evaluation.lanes import check_tasks
from compactrl.evaluation.local import lane_seeds
from compactrl.evaluation.ray.work import Work
from compactrl.evaluation.ray.workers import Workers
from compactrl.evaluation.results import Results
from compactrl.networks.forward import some_of
from compactrl.types import Integers, Outcomes, State, Trials


class RayEvaluator:
    """Evaluates plain MLPs, a whole episode each, in lanes of Ray workers; the outcomes are those of one process.

    Args:
        spec: the environment.
        num_lanes: L; part of what a result depends on, unlike the number of workers.
        seed: every lane's seed is spawned from it.
        workers: who runs the lanes.
        group: a name for these lanes among all that the workers run.
    """

    def __init__(
        self, spec: EnvironmentSpec, num_lanes: int, seed: np.random.SeedSequence, workers: Workers, group: str
    ) -> None:
        self.spec, self.num_lanes, self.group = spec, num_lanes, group
        self.resets: Integers = np.zeros(num_lanes, np.int64)
        self._seeds = lane_seeds(seed, num_lanes)
        self._workers = workers
        self.underway = 0

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode; the outcome does not depend on the workers."""
        check_tasks(trials)
        num_trials = len(trials.designs)
        results = Results.of(num_trials, self.spec)
        for work, outcome in self._workers.run(self.shares(trials, self._workers.renew()), trials.normalizer):
            if isinstance(outcome, str):
                results.failures.update(dict.fromkeys(work.trials.tolist(), outcome))
            else:
                results.take(work.trials, outcome)
                self.underway += int(outcome.steps.sum())
        self.underway = 0
        self.resets += np.bincount(np.arange(num_trials) % self.num_lanes, minlength=self.num_lanes)
        return results.outcomes()  # with the workers' measures of goals

    def collect(self, trials: Trials) -> Outcomes:  # noqa: ARG002
        """Raise InputError: environments stand in one process only."""
        raise InputError(
            "collecting experience on Ray workers is not there yet: leave --workers and --ray-address out (--threads "
            "says how many cores of this machine are used)"
        )

    def shares(self, trials: Trials, workers: int) -> list[Work]:
        """Deal the lanes to workers, in turn, so that a last round of few trials is shared as well."""
        numbers, parts = np.arange(len(trials.designs)), min(workers, self.num_lanes)
        works = []
        for first in range(parts):
            lanes = np.arange(first, self.num_lanes, parts)
            chosen = numbers[numbers % self.num_lanes % parts == first]
            if len(chosen):
                networks = some_of(trials.networks, chosen)
                tasks = None if trials.tasks is None else trials.tasks[chosen]
                actions = None if trials.actions is None else trials.actions[chosen]
                works.append(Work(self.group, self._seeds[lanes], self.resets[lanes], chosen, networks, tasks, actions))
        return works

    def close(self) -> None:
        """Do nothing: other evaluators use the same workers, which are closed by whoever made them."""

    def state_dict(self) -> State:
        """A lane's state is its count of resets."""
        return {"resets": self.resets.copy()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, of this evaluator or of one in one process."""
        resets = np.asarray(state["resets"], np.int64)
        if resets.shape != (self.num_lanes,):
            raise ValueError(f"expected resets of {self.num_lanes} lanes, got shape {resets.shape}")
        self.resets = resets.copy()
