"""What a study of critics is, and those that a run's folder has: a line of gradients.jsonl each.

Apart from `gradients.py`, which makes them and imports torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError, did_you_mean, either

FILE = "gradients.jsonl"
STREAM = 0x6AD1
"""Spawn key of the studies' seeds, beside those of evaluations."""
THRESHOLDS = (0.0, 0.25, 0.5, 0.75)
"""Cosines, of which the share of states above them is told (figure 3)."""


@dataclass(frozen=True)
class Study:
    """How critics are studied."""

    states: int = 15
    trajectories: int = 64
    """N, from each state."""
    noise: float = 0.3
    """Standard deviation of the first action, for actions scaled to -1 … 1."""


PRESETS = {"default": Study(), "paper": Study(trajectories=15)}


def study_of(preset: str = "default", states: int | None = None, trajectories: int | None = None) -> Study:
    """Return how critics are studied; None is the preset's.

    Raises:
        InputError: an unknown preset, or a number below 1.
    """
    if preset not in PRESETS:
        raise InputError(f"--preset {preset}: expected {either(PRESETS)}.{did_you_mean(preset, PRESETS)}".rstrip("."))
    for option, value in (("--states", states), ("--trajectories", trajectories)):
        if value is not None and value < 1:
            raise InputError(f"{option} {value}: expected a whole number, at least 1")
    study = PRESETS[preset]
    return replace(study, states=states or study.states, trajectories=trajectories or study.trajectories)


def check(study: Study, spec: EnvironmentSpec) -> None:
    """Check that critics can be studied in an environment.

    Raises:
        InputError: they cannot.
    """
    needed = spec.action.size + 2
    if study.trajectories < needed:
        raise InputError(
            f"--trajectories {study.trajectories}: {spec.action.size} actions need {needed} or more, from each state"
        )
    if not (spec.repeats and spec.resumes_exactly):
        raise InputError(
            f"{spec.id} on {spec.engine} does not do the same for the same seed: its critics cannot be "
            "studied, since trajectories cannot begin in one state"
        )
    if spec.environments:
        raise InputError(
            f"a study of critics has {study.trajectories} environments of its own, and --num-envs {spec.environments} "
            "says how many there may be: leave it out"
        )


def studies(run: Path) -> list[dict[str, Any]]:
    """Return the studies in a run's folder, in the order of the search's steps."""
    path = run / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sorted((json.loads(line) for line in lines), key=lambda found: found["env_steps"])


def seed_of(run_seed: int, iteration: int) -> np.random.SeedSequence:
    """Return what the study after an iteration draws from."""
    return np.random.SeedSequence(run_seed, spawn_key=(STREAM, iteration))


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return means over the states of a study, and shares of states above thresholds."""
    cosines = np.array([value for value in found["cosines"] if value is not None])
    return {
        "env_steps": found["env_steps"],
        "states": len(cosines),
        "cosine_mean": _mean(cosines),
        "cosine_error": float(cosines.std(ddof=1) / len(cosines) ** 0.5) if len(cosines) > 1 else None,
        "r_squared_mean": _mean(found["r_squared"]),
        "split_half_mean": _mean(found["split_half"]),
        "share_above": {str(limit): _mean(cosines > limit) for limit in THRESHOLDS},
    }


def _mean(values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if known else None
