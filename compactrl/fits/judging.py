"""Returns of a fit's policies over fresh episodes, by which they are chosen.

All that are compared at a time run the same episodes. Each comparison has other ones, and the 100 behind the return
that is quoted are none of them (`runs.evaluation.EVALUATION_STREAM`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError, FaultError
from compactrl.fits.ledger import Ledger
from compactrl.policies.policy import Policy
from compactrl.runs.evaluation import run_episodes

STREAM = 0xF17
"""Spawn key of all randomness of a fit that is not a run's."""


def seed_of(seed: int, name: str) -> np.random.SeedSequence:
    """Return the randomness of what has this name in a fit."""
    return np.random.SeedSequence(seed, spawn_key=(STREAM, crc32(name.encode())))


def run_seed(seed: int, name: str) -> int:
    """Return the seed of the run with this name."""
    return int(seed_of(seed, name).generate_state(1)[0] >> 1)


class Judge:
    """Compares policies.

    Args:
        spec: the environment.
        seed: of the fit.
        threads: that step environments; 0 for every core.
        ledger: of the fit; what was compared before is not compared again.
        seconds: whether the budget is in seconds.
    """

    def __init__(self, spec: EnvironmentSpec, seed: int, threads: int, ledger: Ledger, seconds: bool) -> None:
        self._spec, self._seed, self._threads, self._ledger, self._seconds = spec, seed, threads, ledger, seconds

    def __call__(
        self, key: str, policies: Mapping[str, Policy], episodes: int, record: bool = True
    ) -> dict[str, float]:
        """Return name → mean return over so many fresh episodes, the same for all; minus infinity where all failed.

        Args:
            key: of this comparison in the ledger.
            policies: by name.
            episodes: of each.
            record: whether it is a step of the fit, which is written down.
        """
        known = self._ledger.known(key) if record else None
        if known is not None:
            return {name: float(value) if value is not None else -np.inf for name, value in known.items()}
        begun, steps = time.monotonic(), 0
        means: dict[str, Any] = {}
        for name, policy in policies.items():
            try:
                found = run_episodes(policy, self._spec, episodes, seed_of(self._seed, key), self._threads)
            except FaultError:
                raise
            except CompactrlError:  # every episode failed
                means[name] = None
                continue
            means[name], steps = found.mean_return, steps + int(found.steps.sum())
        if record:
            self._ledger.note(key, means, time.monotonic() - begun if self._seconds else float(steps))
        return {name: float(value) if value is not None else -np.inf for name, value in means.items()}
