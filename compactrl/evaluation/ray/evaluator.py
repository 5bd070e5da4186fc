"""The evaluator on Ray workers: the lanes of one process, dealt to workers on this machine or on many.

The driver alone keeps what a lane is rebuilt from, its count of resets and the actions of the episode that stands, so
that any worker may do any piece of work (`workers`). What workers send back of standing lanes is put together here, and
summed as in one process.
"""

from __future__ import annotations

import secrets

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import check_tasks
from compactrl.evaluation.local import lane_seeds, resets_and_episodes, state_of
from compactrl.evaluation.ray.work import Passed, Steps, Work
from compactrl.evaluation.ray.workers import Workers
from compactrl.evaluation.results import Results
from compactrl.evaluation.standing import Collected, Episode, check_collecting, copied, joined
from compactrl.networks.forward import some_of
from compactrl.types import Exploration, Integers, Outcomes, State, Trials


class RayEvaluator:
    """Runs plain MLPs in lanes of Ray workers, a whole episode each or some steps, with the outcomes of one process.

    Args:
        spec: the environment.
        num_lanes: L; part of what a result depends on, unlike the number of workers.
        seed: every lane's seed is spawned from it.
        workers: who runs the lanes.
        group: a name for these lanes among all that the workers run.
        alike: how many lanes, one beside the other, have the same seed.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        num_lanes: int,
        seed: np.random.SeedSequence,
        workers: Workers,
        group: str,
        alike: int = 1,
    ) -> None:
        self.spec, self.num_lanes, self.group = spec, num_lanes, group
        self.resets: Integers = np.zeros(num_lanes, np.int64)
        self._seeds = lane_seeds(seed, num_lanes, alike)
        self._workers = workers
        self.underway = 0
        self._episodes: dict[int, tuple[Episode, ...]] = {}
        """Lane → the parts of the episode that stands in it."""
        self._token, self._changes = secrets.token_hex(8), 0
        self._stand = self._place()
        """Where lanes stand, in names of workers' lanes."""

    def _place(self) -> str:
        """Return a name that was never given to any place where lanes stand."""
        self._changes += 1
        return f"{self._token} {self._changes}"

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode; the outcome does not depend on the workers."""
        check_tasks(trials)
        self._episodes, self._stand = {}, self._place()
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

    def collect(self, trials: Trials) -> Outcomes:
        """See `Evaluator`; a lane that loses its workers again and again has failed: its next episode follows."""
        collected = Collected(check_collecting(trials, self.num_lanes), self.spec)
        end, resets = self._place(), self.resets.copy()
        episodes: dict[int, Episode] = {}
        for work, passed in self._workers.run(self._stretches(trials, self._workers.renew(), end), trials.normalizer):
            if isinstance(passed, Passed):
                collected.take(work.trials, passed.collected)
                resets[work.trials] = passed.resets
                # Copied: an array of Ray's holds on to the whole of what came with it.
                episodes |= {int(work.trials[lane]): copied(episode) for lane, episode in passed.episodes.items()}
                self.underway += int(passed.collected.transitions.valid.sum())
            else:
                collected.failures.update(dict.fromkeys(work.trials.tolist(), passed))
                resets[work.trials] += 1
        self.underway = 0
        self.resets, self._stand = resets, end
        self._episodes = {
            lane: (*self._episodes[lane], episode) if episode.earlier else (episode,)
            for lane, episode in sorted(episodes.items())
        }
        return collected.outcomes(self.spec.goal)

    def _stretches(self, trials: Trials, workers: int, end: str) -> list[Steps]:
        """Deal standing lanes to workers as `shares` does; afterwards they stand at a place of this name."""
        works, parts = [], min(workers, self.num_lanes)
        noise, actions, distribution = check_collecting(trials, self.num_lanes)
        for first in range(parts):
            lanes = np.arange(first, self.num_lanes, parts)
            share = f"{first} of {parts}"
            works.append(
                Steps(
                    self.group,
                    self._seeds[lanes],
                    self.resets[lanes],
                    lanes,
                    some_of(trials.networks, lanes),
                    Exploration(noise[:, lanes], actions[:, lanes], distribution),
                    None if trials.tasks is None else trials.tasks[lanes],
                    f"{self._stand} {share}",
                    f"{end} {share}",
                    {
                        place: self._episodes[lane]
                        for place, lane in enumerate(lanes.tolist())
                        if lane in self._episodes
                    },
                )
            )
        return works

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
        """A lane's state is its count of resets and, where an episode stands, its actions so far and its task."""
        return state_of(self.resets.copy(), {lane: joined(parts) for lane, parts in self._episodes.items()})

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, of this evaluator or of one in one process."""
        resets, episodes = resets_and_episodes(state, self.num_lanes)
        self.resets, self._stand = resets.copy(), self._place()
        self._episodes = {lane: (episode,) for lane, episode in episodes.items()}
