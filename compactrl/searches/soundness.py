"""What is wrong with an environment as far as a search sees: told once, or, where nothing can be learned, its end."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from compactrl.envs.engines import ENGINES
from compactrl.envs.notices import warn_once
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import CompactrlError
from compactrl.types import Outcomes


def warn_of_chance(spec: EnvironmentSpec) -> None:
    """Warn where chance decides what no seed does: of what an interrupted search comes to, or of any search."""
    if not spec.resumes_exactly:
        warnings.warn(
            f"{spec.id} draws random numbers in its steps on {spec.engine}: an interrupted search goes "
            f"on with other episodes than it would have had (--engine {ENGINES[spec.engine].twin}: with the "
            "same, and slower)",
            stacklevel=3,
        )
    if not spec.repeats:
        warnings.warn(
            f"{spec.id} does not do the same for the same seed and actions: two searches with one --seed will "
            "differ. It draws random numbers that the seed does not decide, such as np.random's or random's own; "
            f"draw from {ENGINES[spec.engine].draws_from} instead",
            stacklevel=3,
        )


class Failures:
    """The failed evaluations of a search.

    Args:
        path: of its run.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._warned = path, False

    def check(self, outcomes: Outcomes) -> None:
        """Warn of the first failed evaluations.

        Raises:
            CompactrlError: all of an iteration failed.
        """
        failures, evaluations, transitions = outcomes.failures, len(outcomes.returns), outcomes.transitions
        if not failures:
            return
        reason = next(iter(failures.values()))
        # A lane that collects transitions goes on after a failure: then it is enough that any of them is valid.
        if len(failures) == evaluations and (transitions is None or not transitions.valid.any()):
            raise CompactrlError(
                f"every evaluation of a generation failed: {reason}. Put the environment right, then go on with: "
                f"compactrl resume {self._path}"
            )
        if not self._warned:
            warnings.warn(
                f"{len(failures)} of {evaluations} evaluations failed and are left out: {reason}. Later ones are "
                "counted in metrics.jsonl (`failed`)",
                stacklevel=4,
            )
        self._warned = True


def warn_of_short_episodes(spec: EnvironmentSpec, outcomes: Outcomes) -> None:
    """Warn where all episodes of an iteration lasted one step, though more are allowed."""
    seen, sound = outcomes.transitions, np.isfinite(outcomes.returns)
    if seen is not None:
        over = (seen.terminated | seen.truncated)[seen.valid]
        short = len(seen.valid) > 1 and bool(over.size) and bool(over.all())
    else:
        short = bool(sound.any()) and bool((outcomes.steps[sound] == 1).all())
    if short and spec.max_episode_steps > 1:
        warn_once(
            f"every episode of {spec.id} ends with its first step: look at what ends episodes, such as "
            "terminated, and at how they start"
        )
