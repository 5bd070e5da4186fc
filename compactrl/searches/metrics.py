"""What a generation leaves in metrics.jsonl, of its outcomes and of the time it took."""

from __future__ import annotations

import time

import numpy as np

from compactrl.types import Floats, Metrics, Outcomes


class Clock:
    """Seconds of an iteration by metric."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last lap to a metric."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now


def metrics_of(outcomes: Outcomes) -> Metrics:
    """Return returns, lengths and measures of an iteration's trials."""
    return {**_returns(outcomes.returns), **_lengths(outcomes), **_measures(outcomes)}


def _lengths(outcomes: Outcomes) -> dict[str, float]:
    """Return the mean length of episodes, where trials are whole episodes."""
    return {"episode_steps": float(outcomes.steps.mean())} if outcomes.transitions is None else {}


def _measures(outcomes: Outcomes) -> Metrics:
    """Return the means of what the environment reports beside the return, over episodes that ended."""
    known = {name: values[np.isfinite(values)] for name, values in outcomes.measures.items()}
    return {f"{name}_mean": float(values.mean()) for name, values in known.items() if len(values)}


def _returns(returns: Floats) -> Metrics:
    """Return mean, largest and deviation of the finite returns of (N,); NaN where there are none."""
    known = returns[np.isfinite(returns)]
    if not len(known):
        return dict.fromkeys(("return_mean", "return_max", "return_std"), float("nan"))
    return {"return_mean": float(known.mean()), "return_max": float(known.max()), "return_std": float(known.std())}
