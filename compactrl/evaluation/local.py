"""The evaluator in this process: blocks of lanes taking turns on this machine's threads.

While one block's environments step, the policies of another are evaluated: physics never waits for
policies as long as there are at least two blocks.
"""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np

from compactrl.envs.registry import EnvironmentSpec
from compactrl.evaluation.lanes import Block, Engine, Results
from compactrl.types import Integers, Outcomes, State, Trials

BLOCKS_PER_THREAD = 2


class LocalEvaluator:
    """Evaluates plain MLPs, a whole episode each, in lanes of this process.

    Args:
        spec: the environment.
        num_lanes: L; part of what a result depends on, unlike threads.
        seed: every lane's seed is spawned from it.
        threads: defaults to the machine's cores.
        blocks: how many blocks the lanes are split into; a matter of speed alone.
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
        # EnvPool and Gymnasium take 31 bits on every platform; SeedSequence spreads them well.
        seeds = [int(state) for state in seed.generate_state(num_lanes, np.uint32) >> 1]
        count = min(num_lanes, blocks or (1 if threads == 1 or spec.engine == "gymnasium" else BLOCKS_PER_THREAD))
        edges = np.linspace(0, num_lanes, count + 1).astype(int)
        self._blocks = [
            Block(self._engine(seeds[low:high], threads), int(low), int(high - low), num_lanes, spec.action)
            for low, high in pairwise(edges)
        ]

    def _engine(self, seeds: list[int], threads: int) -> Engine:
        if self.spec.engine == "envpool":
            from compactrl.evaluation.envpool import EnvPoolEngine

            return EnvPoolEngine(self.spec.id, seeds, threads, self.spec.kwargs)
        from compactrl.evaluation.gymnasium import GymnasiumEngine

        return GymnasiumEngine(self.spec.id, seeds, self.spec.kwargs)

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode; the outcome does not depend on threads or blocks."""
        num_trials = trials.layers[0].weight.shape[0]
        results = Results.empty(num_trials, self.spec.observation_size)
        running = [block for block in self._blocks if block.start(trials, results)]
        while running:
            running = [block for block in running if block.advance()]
        return results.outcomes()

    def close(self) -> None:
        """Give the environments back."""
        for block in self._blocks:
            block.engine.close()

    @property
    def resets(self) -> Integers:
        """Resets of every lane so far, shape (L,)."""
        return np.concatenate([block.resets for block in self._blocks])

    def state_dict(self) -> State:
        """A lane's state is its count of resets."""
        return {"resets": self.resets}

    def load_state_dict(self, state: State) -> None:
        """Fast-forward fresh lanes to the counts of resets of `state_dict`."""
        resets = np.asarray(state["resets"], np.int64)
        if resets.shape != (self.num_lanes,):
            raise ValueError(f"expected resets of {self.num_lanes} lanes, got shape {resets.shape}")
        for block in self._blocks:
            block.fast_forward(resets[block.offset : block.offset + block.count])
