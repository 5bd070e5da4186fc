"""The evaluator in this process: a block of lanes for each of this machine's threads.

Each block is driven by a Python thread of its own, which sleeps while its environments step. No block waits for
another, and while one evaluates its policies the others' physics goes on.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from compactrl.envs.engines import ENGINES, make_engine
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block, Results
from compactrl.evaluation.standing import Collected, Standing
from compactrl.networks.forward import single_threaded_blas
from compactrl.types import Integers, Outcomes, State, Trials


class LocalEvaluator:
    """Evaluates plain MLPs, a whole episode each, in lanes of this process.

    Args:
        spec: the environment.
        num_lanes: L; part of what a result depends on, unlike threads.
        seed: every lane's seed is spawned from it.
        threads: defaults to the machine's cores.
        blocks: how many blocks the lanes are split into, one a thread by default; a matter of speed alone.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        num_lanes: int,
        seed: np.random.SeedSequence,
        threads: int | None = None,
        blocks: int | None = None,
    ) -> None:
        self.spec = spec
        self.num_lanes = num_lanes
        threads = threads or len(os.sched_getaffinity(0))
        if not ENGINES[spec.engine].threads_help:
            threads = 1
        blocks = min(num_lanes, blocks or threads)
        seeds = lane_seeds(seed, num_lanes).tolist()
        edges = np.linspace(0, num_lanes, blocks + 1).astype(int)
        each = max(1, threads // blocks)
        self._blocks = [
            Block(make_engine(spec, seeds[low:high], each), int(low), int(high - low), num_lanes, spec.action)
            for low, high in pairwise(edges)
        ]
        self._standing = [Standing(block) for block in self._blocks]
        self._drivers = ThreadPoolExecutor(len(self._blocks))

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode; the outcome does not depend on threads or blocks."""
        goal = self.spec.goal
        results = Results.empty(len(trials.designs), self.spec.observation_size, goal.size if goal else 0)
        with single_threaded_blas():
            if len(self._blocks) == 1:
                self._blocks[0].run(trials, results)
            else:
                # Each writes results of its own trials; numpy and the engines let go of the interpreter's lock.
                list(self._drivers.map(lambda block: block.run(trials, results), self._blocks))
        return results.outcomes(goal)

    def collect(self, trials: Trials) -> Outcomes:
        """Let each of L trials act in its lane for the T steps that their exploration is for.

        Raises:
            ValueError: there are more or fewer trials than lanes, or no steps.
        """
        steps = 0 if trials.exploration is None else len(trials.exploration.noise)
        if len(trials.designs) != self.num_lanes or not steps:
            raise ValueError(
                f"expected a trial for each of the {self.num_lanes} lanes, and steps: got {len(trials.designs)} trials "
                f"and {steps} steps"
            )
        goal, spec = self.spec.goal, self.spec
        collected = Collected(steps, self.num_lanes, spec.observation_size, spec.action.size, goal.size if goal else 0)
        with single_threaded_blas():
            list(self._drivers.map(lambda standing: standing.run(trials, collected), self._standing))
        return collected.outcomes(goal)

    def close(self) -> None:
        """Give the environments back; an evaluation that was interrupted ends first."""
        for block in self._blocks:
            block.stopped = True
        self._drivers.shutdown()
        for block in self._blocks:
            block.engine.close()

    @property
    def resets(self) -> Integers:
        """Resets of every lane so far, shape (L,)."""
        return np.concatenate([block.resets for block in self._blocks])

    def state_dict(self) -> State:
        """A lane's state is its count of resets and, where an episode stands, the actions of it so far."""
        actions = {str(lane): each for one in self._standing for lane, each in one.episodes().items()}
        return {"resets": self.resets, "actions": actions}

    def load_state_dict(self, state: State) -> None:
        """Bring fresh lanes to where those of `state_dict` were."""
        resets = np.asarray(state["resets"], np.int64)
        if resets.shape != (self.num_lanes,):
            raise ValueError(f"expected resets of {self.num_lanes} lanes, got shape {resets.shape}")
        actions = {int(lane): np.asarray(each) for lane, each in state.get("actions", {}).items()}
        stands = np.isin(np.arange(self.num_lanes), list(actions))  # their last reset is part of their episode
        for block, standing in zip(self._blocks, self._standing, strict=True):
            block.fast_forward((resets - stands)[block.offset : block.offset + block.count])
            standing.repeat(actions)


def lane_seeds(seed: np.random.SeedSequence, num_lanes: int) -> Integers:
    """Return a seed for each lane (L,): 31 bits, which EnvPool and Gymnasium take on every platform."""
    return (seed.generate_state(num_lanes, np.uint32) >> 1).astype(np.int64)
