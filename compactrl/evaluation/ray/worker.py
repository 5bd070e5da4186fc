"""What runs in a worker's process: lanes of its own, one thread, plain arrays in and out. Knows nothing of Ray.

A worker keeps no state that matters. Every piece of work says which lanes it is for (their seeds), how often each was
reset before, and brings the weights of its trials; a worker that has just these lanes at hand goes on with them, any
other builds them and fast-forwards. There is a name for where lanes stand; who has them elsewhere, or not at all, is
given the actions of their episodes and repeats them. So any worker may do any piece of work, and the numbers are the
same.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from compactrl.envs.engines import make_engine
from compactrl.envs.registry import environment_of
from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.ray.work import Passed, Steps, Work
from compactrl.evaluation.results import Results
from compactrl.evaluation.standing import Collected, Standing, joined
from compactrl.networks.forward import single_threaded_blas
from compactrl.types import Integers, Normalizer, Outcomes, Trials


@dataclass
class _Lanes:
    """The lanes of a group that a worker has at hand."""

    seeds: Integers
    block: Block
    standing: Standing
    stand: str = ""
    """The name for where they stand; empty where nothing stands."""


class LaneWorker:
    """Does shares of generations and of what is collected, one after the other.

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
        self._lanes: dict[str, _Lanes] = {}

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

    def run(self, work: Work | Steps, normalizer: Normalizer) -> Outcomes | Passed:
        """Do a piece of work; failures are by position in it."""
        with single_threaded_blas():
            return self._collect(work, normalizer) if isinstance(work, Steps) else self._evaluate(work, normalizer)

    def _evaluate(self, work: Work, normalizer: Normalizer) -> Outcomes:
        """Run each trial for one whole episode; what stands in the lanes is cut."""
        lanes = self._at_hand(work, work.resets)
        lanes.stand = ""
        lanes.block.fast_forward(work.resets)
        designs = np.zeros((len(work.trials), 0), np.int64)
        trials = Trials(work.networks, normalizer, designs, tasks=work.tasks, actions=work.actions)
        results = Results.of(len(work.trials), self.spec)
        lanes.block.run(trials, results)
        return results.outcomes(self.spec.goal)

    def _collect(self, work: Steps, normalizer: Normalizer) -> Passed:
        """Take T steps in every lane, from where the work says that they stand."""
        lanes = self._lanes.get(work.group)
        if lanes is None or lanes.stand != work.begins:
            lanes = self._rebuilt(work)
        lanes.stand = ""  # until it is done
        trials = Trials(
            work.networks, normalizer, np.zeros((len(work.trials), 0), np.int64), work.exploration, work.tasks
        )
        collected = Collected(work.exploration, self.spec)
        lanes.standing.run(trials, collected)
        lanes.stand = work.ends
        return Passed(collected, lanes.block.resets.copy(), lanes.standing.episodes(len(work.exploration.noise)))

    def close(self) -> None:
        """Close the environments."""
        while self._lanes:
            self._lanes.popitem()[1].block.engine.close()

    def _rebuilt(self, work: Steps) -> _Lanes:
        """Return the work's lanes, where it says that they stand."""
        if work.episodes is None:
            raise RuntimeError(
                f"the lanes of {work.group} do not stand at {work.begins}, and nothing says how to get there"
            )
        episodes = {lane: joined(parts) for lane, parts in work.episodes.items()}
        stands = np.isin(np.arange(len(work.seeds)), list(episodes))
        lanes = self._at_hand(work, work.resets - stands)
        lanes.standing = Standing(lanes.block)
        lanes.standing.restore(work.resets, episodes)
        return lanes

    def _at_hand(self, work: Work | Steps, resets: Integers) -> _Lanes:
        """Return the work's lanes with no more resets (L,) than these: those at hand, or others."""
        lanes = self._lanes.get(work.group)
        if lanes is None or not np.array_equal(lanes.seeds, work.seeds) or (lanes.block.resets > resets).any():
            if lanes is not None:
                lanes.block.engine.close()
            count = len(work.seeds)
            block = Block(make_engine(self.spec, work.seeds.tolist(), 1), 0, count, count, self.spec.action)
            lanes = self._lanes[work.group] = _Lanes(work.seeds.copy(), block, Standing(block))
        return lanes
