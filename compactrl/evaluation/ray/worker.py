"""What runs in a worker's process: lanes of its own, one thread, plain arrays in and out. Knows nothing of Ray.

A worker keeps no state that matters. Every piece of work says which lanes it is for (their seeds), how often each was
reset before, and brings the weights of its trials; a worker that has just these lanes at hand goes on with them, any
other builds them and fast-forwards. So any worker may do any piece of work, and the numbers are the same.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import numpy as np

from compactrl.envs.engines import make_engine
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.ray.work import Work
from compactrl.evaluation.results import Results
from compactrl.networks.forward import single_threaded_blas
from compactrl.types import Integers, Normalizer, Outcomes, Trials


class LaneWorker:
    """Evaluates shares of generations, one after the other.

    Args:
        env: the environment's id.
        engine: what steps it, a name in `ENGINES`.
        max_episode_steps: the cut, in environment steps.
        env_options: options of the environment.
        env_module: module that registers the user's own environments, or nothing.
        module_folder: where the driver found it, or the environment's own module; looked at last, and of use where
            workers see the same files.
    """

    def __init__(
        self,
        env: str,
        engine: str,
        max_episode_steps: int,
        env_options: dict[str, Any],
        env_module: str = "",
        module_folder: str = "",
    ) -> None:
        if module_folder:
            sys.path.append(module_folder)
        self.spec: EnvironmentSpec = environment_of(
            {
                "env": env,
                "engine": engine,
                "max_episode_steps": max_episode_steps,
                "env_options": env_options,
                "env_module": env_module,
            }
        )
        self._blocks: dict[str, tuple[Integers, Block]] = {}

    def report(self) -> dict[str, Any]:
        """Return what this worker sees of its machine, as JSON values."""
        from compactrl.versions import versions

        return {
            "machine": platform.node(),
            "process": os.getpid(),
            "cores": len(os.sched_getaffinity(0)),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
            "versions": versions(),
        }

    def run(self, work: Work, normalizer: Normalizer) -> Outcomes:
        """Run each trial for one whole episode; failures are by position in this work."""
        block = self._block(work)
        designs = np.zeros((len(work.trials), 0), np.int64)
        trials = Trials(work.networks, normalizer, designs, tasks=work.tasks, actions=work.actions)
        results = Results.of(len(work.trials), self.spec)
        with single_threaded_blas():
            block.run(trials, results)
        return results.outcomes(self.spec.goal)

    def close(self) -> None:
        """Close the environments."""
        while self._blocks:
            self._blocks.popitem()[1][1].engine.close()

    def _block(self, work: Work) -> Block:
        """Return the work's lanes, at the work's counts of resets."""
        seeds, block = self._blocks.get(work.group, (work.seeds, None))
        if block is None or not np.array_equal(seeds, work.seeds) or (block.resets > work.resets).any():
            if block is not None:
                block.engine.close()
            count = len(work.seeds)
            engine = make_engine(self.spec, work.seeds.tolist(), 1)
            block = Block(engine, 0, count, count, self.spec.action)
            self._blocks[work.group] = work.seeds, block
        block.fast_forward(work.resets)
        return block
