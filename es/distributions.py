"""The common part of `pgpe` and `cem`: EvoTorch's Gaussian with one standard deviation per parameter.

Both wrap `evotorch.algorithms.functional` (EvoTorch: Toklu et al. 2023, "EvoTorch: Scalable
Evolutionary Computation in Python"), where a strategy is a named tuple of tensors.

Deviations from EvoTorch:
    1. It draws from torch's global random state. Here every ask is seeded by the strategy's own
       generator, and the global state is restored afterwards.
    2. It ranks NaN as the best fitness. Here it is told the surviving candidates only.
    3. Returns that give no direction (all equal, or a gradient of exactly zero) leave the distribution
       as it is. EvoTorch's ranking would pick a direction by the order of a sort, and ClipUp would divide
       by zero.
    4. Numbers are float64, which is as fast at these sizes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from es.strategy import EvolutionStrategy, Floats, Metrics, State, StrategyOptions


def pack(state: Any) -> State:
    """Copy an EvoTorch state (a nested named tuple) into dicts and arrays."""
    packed: State = {}
    for key, value in state._asdict().items():
        if hasattr(value, "_asdict"):
            packed[key] = pack(value)
        else:
            packed[key] = value.numpy().copy() if hasattr(value, "numpy") else value
    return packed


def unpack(template: Any, packed: State) -> Any:
    """Undo `pack`; the template is any EvoTorch state of the same type."""
    import torch

    values: dict[str, Any] = {}
    for key, value in packed.items():
        if isinstance(value, dict):
            values[key] = unpack(getattr(template, key), value)
        else:
            values[key] = torch.tensor(value) if isinstance(value, np.ndarray) else value
    return template._replace(**values)


class EvoTorchStrategy(EvolutionStrategy):
    """Base of PGPE and CEM; subclasses start, sample and update a state, and select the candidates to follow."""

    def __init__(
        self, initial: Floats, population: int, options: StrategyOptions, seed: np.random.SeedSequence
    ) -> None:
        super().__init__(initial, population, options, seed)
        self._state = self._start(initial.astype(np.float64))

    @property
    def center(self) -> Floats:
        """The present best guess, without noise, shape (P,)."""
        return np.array(self._center_of(self._state).numpy(), dtype=np.float64)

    def _ask(self) -> Floats:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(self.generator.integers(2**63)))
            candidates: Floats = self._sample().numpy()
        return candidates

    def _follow(self, candidates: Floats, returns: Floats) -> Metrics:
        """Tell EvoTorch candidates (k, P) and returns (k,), none of them NaN."""
        import torch

        if returns.max() == returns.min():
            return {}
        state = self._update(torch.tensor(candidates), torch.tensor(returns))
        if not (torch.isfinite(self._center_of(state)).all() and torch.isfinite(state.stdev).all()):
            return {}  # the returns differ, but the gradient is zero
        step = (self._center_of(state) - self._center_of(self._state)).numpy()
        self._state = state
        return {"strategy/step_norm": float(np.linalg.norm(step)), "strategy/sigma": float(state.stdev.mean())}

    def state_dict(self) -> State:
        """Return every tensor of the EvoTorch state as an array, and the generator's state."""
        return {"distribution": pack(self._state), "generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._state = unpack(self._state, state["distribution"])
        self.generator.bit_generator.state = state["generator"]
        self._candidates = None

    @abstractmethod
    def _start(self, initial: Floats) -> Any: ...

    @abstractmethod
    def _center_of(self, state: Any) -> Any: ...

    @abstractmethod
    def _sample(self) -> Any: ...

    @abstractmethod
    def _update(self, values: Any, fitnesses: Any) -> Any: ...
