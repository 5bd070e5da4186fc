"""The trace of a search: the leading design of each generation, bounded in size.

Reports show from it when the proposal changed, and how far the designs of a search lie apart. It is part of the
search's state, so that a resumed search has the same trace as an uninterrupted one. Whenever the search is saved, it is
written beside the policy as `designs.safetensors` and `designs.json`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from compactrl.errors import DamagedFileError
from compactrl.storage.files import load_state, save_state
from compactrl.types import Design, Designs, Floats, Integers, State

KEPT = 256
"""Entries at most. With 943 edges they take a quarter of a megabyte."""


class Trace(NamedTuple):
    """Designs that led, in the order of the search."""

    iterations: Integers
    """(K,)"""
    env_steps: Integers
    """(K,) cumulative, at the end of the iteration."""
    returns: Floats
    """(K,) mean return of the design's candidates in that generation; of all candidates where theta decides it."""
    designs: Designs
    """(K, D)"""


class DesignHistory:
    """Notes the leading design of every generation; once full, of every second, fourth, … generation."""

    def __init__(self) -> None:
        self._stride = 1
        self._rows: list[tuple[int, int, float]] = []
        self._designs: list[Design] = []

    def note(
        self, iteration: int, env_steps: int, designs: Designs, returns: Floats, shipped: Callable[[Design], Design]
    ) -> Design:
        """Note what led a generation, and return it; nothing is noted for a method without designs.

        Args:
            iteration: number of the generation.
            env_steps: cumulative, at its end.
            designs: (n, D) that a controller proposed; D is 0 where theta decides the design.
            returns: (n,) mean return of each; NaN where it has none.
            shipped: proposed design (D,) → the design that would ship with it.
        """
        leader = int(np.nanargmax(returns)) if np.isfinite(returns).any() else 0
        design = shipped(designs[leader])
        if len(design) and iteration % self._stride == 0:
            mean = returns[leader] if designs.shape[1] or np.isnan(returns).all() else np.nanmean(returns)
            self._add((iteration, env_steps, float(mean)), design)
        return design

    def _add(self, row: tuple[int, int, float], design: Design) -> None:
        self._rows.append(row)
        self._designs.append(design)
        if len(self._rows) > KEPT:
            self._stride *= 2
            kept = [index for index, (iteration, _, _) in enumerate(self._rows) if iteration % self._stride == 0]
            self._rows = [self._rows[index] for index in kept]
            self._designs = [self._designs[index] for index in kept]

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        iterations, steps, returns = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        designs = np.stack(self._designs) if self._designs else np.zeros((0, 0), np.int64)
        return {
            "stride": self._stride,
            "iterations": np.array(iterations, np.int64),
            "env_steps": np.array(steps, np.int64),
            "returns": np.array(returns, np.float64),
            "designs": designs.astype(np.min_scalar_type(int(designs.max(initial=0)))),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        columns = (state["iterations"].tolist(), state["env_steps"].tolist(), state["returns"].tolist())
        self._stride = int(state["stride"])
        self._rows = list(zip(*columns, strict=True))
        self._designs = list(np.asarray(state["designs"], np.int64))

    def save(self, folder: Path) -> None:
        """Write the trace into a run's folder, if it has entries."""
        if self._rows:
            save_state(folder / "designs", self.state_dict())


def load_trace(folder: Path) -> Trace | None:
    """Return the trace in a run's folder; None for a method without designs, or a run of a version without traces.

    Raises:
        DamagedFileError: the files are damaged.
    """
    if not (folder / "designs.json").exists():
        return None
    try:
        state = load_state(folder / "designs")
        designs = np.asarray(state["designs"], np.int64)
        return Trace(state["iterations"], state["env_steps"], state["returns"], designs)
    except (KeyError, TypeError) as error:
        raise DamagedFileError(f"{folder / 'designs.json'} is no trace of designs: {error}") from error
