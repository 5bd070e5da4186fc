"""The evaluator in this process: a block of lanes for each of this machine's threads.

Each block is driven by a Python thread of its own, which sleeps while its environments step. No block waits for
another, and while one evaluates its policies the others' physics goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from compactrl.envs.engines import ENGINES, make_engine
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block, check_tasks
from compactrl.evaluation.results import Results
from compactrl.evaluation.standing import Collected, Episode, Standing, check_collecting
from compactrl.networks.forward import single_threaded_blas
from compactrl.types import Integers, Outcomes, State, Trials

FEWEST = 4
"""A block with fewer lanes than this is left alone: its steps cost little more with all of them."""


class LocalEvaluator:
    """Runs plain MLPs in lanes of this process: a whole episode each, or some steps in environments that stand.

    Args:
        spec: the environment.
        num_lanes: L; part of what a result depends on, unlike threads.
        seed: every lane's seed is spawned from it.
        threads: defaults to the machine's cores.
        blocks: how many blocks the lanes are split into, one a thread by default; a matter of speed alone.
        alike: how many lanes, one beside the other, have the same seed.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        num_lanes: int,
        seed: np.random.SeedSequence,
        threads: int | None = None,
        blocks: int | None = None,
        alike: int = 1,
    ) -> None:
        self.spec = spec
        self.num_lanes = num_lanes
        threads = threads or len(os.sched_getaffinity(0))
        if not ENGINES[spec.engine].threads_help:
            threads = 1
        blocks = min(num_lanes, blocks or threads)
        seeds = lane_seeds(seed, num_lanes, alike).tolist()
        edges = np.linspace(0, num_lanes, blocks + 1).astype(int)
        threads_of_each = max(1, threads // blocks)
        self._blocks = [
            Block(
                make_engine(spec, seeds[low:high], threads_of_each), int(low), int(high - low), num_lanes, spec.action
            )
            for low, high in pairwise(edges)
        ]
        self._standing = [Standing(block) for block in self._blocks]
        self._drivers = ThreadPoolExecutor(len(self._blocks))
        self._results: Results | None = None
        """Of the call that is running."""

    @property
    def underway(self) -> int:
        """Environment steps so far of the evaluation that is running, about; may be asked by another thread."""
        results = self._results
        return 0 if results is None else int(results.steps.sum()) + sum(block.underway for block in self._blocks)

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode; the outcome does not depend on threads or blocks.

        Episodes that stand in the lanes are cut.
        """
        check_tasks(trials)
        for standing in self._standing:
            standing.cut()
        results = self._results = Results.of(len(trials.designs), self.spec)
        try:
            with single_threaded_blas():
                if len(self._blocks) == 1:
                    self._blocks[0].run(trials, results)
                else:
                    # Each writes results of its own trials; numpy and the engines let go of the interpreter's lock.
                    list(self._drivers.map(lambda block: self._drive(block, trials, results), self._blocks))
        finally:
            self._results = None
        return results.outcomes(self.spec.goal)

    def _drive(self, block: Block, trials: Trials, results: Results) -> None:
        """Run a block's trials, and then help whoever has most left to do."""
        block.run(trials, results)
        while not block.stopped:
            busiest = max(self._blocks, key=lambda other: other.busy)
            if busiest.busy < FEWEST or not block.help(busiest):
                return

    def collect(self, trials: Trials) -> Outcomes:
        """See `Evaluator`; an episode goes on when a call ends, and has the task of the trial that began it."""
        collected = Collected(check_collecting(trials, self.num_lanes), self.spec)
        with single_threaded_blas():
            list(self._drivers.map(lambda standing: standing.run(trials, collected), self._standing))
        return collected.outcomes(self.spec.goal)

    def close(self) -> None:
        """Give the environments back; an evaluation that was interrupted ends first."""
        for block in self._blocks:
            block.stopped = True
        self._drivers.shutdown()
        while self._blocks:
            self._blocks.pop(0).engine.close()

    @property
    def resets(self) -> Integers:
        """Resets of every lane so far, shape (L,)."""
        return np.concatenate([block.resets for block in self._blocks])

    def state_dict(self) -> State:
        """A lane's state is its count of resets and, where an episode stands, its actions so far and its task."""
        return state_of(
            self.resets, {lane: episode for block in self._standing for lane, episode in block.episodes().items()}
        )

    def load_state_dict(self, state: State) -> None:
        """Bring fresh lanes to where those of `state_dict` were."""
        resets, episodes = resets_and_episodes(state, self.num_lanes)
        for block, standing in zip(self._blocks, self._standing, strict=True):
            standing.restore(resets[block.offset : block.offset + block.count], episodes)


def lane_seeds(seed: np.random.SeedSequence, num_lanes: int, alike: int = 1) -> Integers:
    """Return a seed for each lane (L,): 31 bits, which EnvPool and Gymnasium take on every platform.

    Args:
        seed: what they follow from.
        num_lanes: L
        alike: how many lanes, one beside the other, have the same.
    """
    seeds = (seed.generate_state(-(-num_lanes // alike), np.uint32) >> 1).astype(np.int64)
    return np.repeat(seeds, alike)[:num_lanes]


def state_of(resets: Integers, episodes: Mapping[int, Episode]) -> State:
    """Return the checkpoint of lanes with these counts of resets (L,) and, by lane, episodes that stand."""
    return {
        "resets": resets,
        "actions": {str(lane): episode.actions for lane, episode in episodes.items()},
        "tasks": {str(lane): episode.task for lane, episode in episodes.items() if episode.task is not None},
    }


def resets_and_episodes(state: State, num_lanes: int) -> tuple[Integers, dict[int, Episode]]:
    """Return what `state_of` made a checkpoint of.

    Raises:
        ValueError: it is of another number of lanes.
    """
    resets = np.asarray(state["resets"], np.int64)
    if resets.shape != (num_lanes,):
        raise ValueError(f"expected resets of {num_lanes} lanes, got shape {resets.shape}")
    tasks = state.get("tasks", {})  # not in checkpoints from before trials had tasks
    return resets, {
        int(lane): Episode(np.asarray(actions), np.asarray(tasks[lane]) if lane in tasks else None)
        for lane, actions in state.get("actions", {}).items()
    }
