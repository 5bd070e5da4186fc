"""Standard deviations of actions that depend on no state: a row for all architectures, or one for each.

Hegde, Huang & Sukhatme, "HyperPPO" (2023), section III-C: a common one (CSD), or a vector of one for each architecture
(VSD). A row that no architecture of the meta-batch uses stays as it is, Adam's moments of it included.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compactrl.types import Designs, Floats, Integers, State

BETAS = (0.9, 0.999)
EPSILON = 1e-5


class Deviations:
    """Logarithms of standard deviations, and their Adam.

    Args:
        designs: (K, D) that have a row each; None where all share one.
        size: A.
        initial: every logarithm at first.
        device: of the tensors.
    """

    def __init__(self, designs: Designs | None, size: int, initial: float, device: torch.device) -> None:
        rows = 1 if designs is None else len(designs)
        self._places = None if designs is None else {row.tobytes(): place for place, row in enumerate(designs)}
        self._table = torch.full((rows, size), initial, dtype=torch.float32, device=device)
        self._first, self._second = torch.zeros_like(self._table), torch.zeros_like(self._table)
        self._steps = torch.zeros(rows, 1, device=device)
        self._used = torch.zeros(0, dtype=torch.int64, device=device)
        self.log_std = self._table

    def rows(self, designs: Designs) -> Integers:
        """Return the row of each design (n, D), (n,)."""
        if self._places is None:
            return np.zeros(len(designs), np.int64)
        return np.array([self._places[row.tobytes()] for row in np.ascontiguousarray(designs, np.int64)], np.int64)

    def of(self, designs: Designs) -> Floats:
        """Return the standard deviations of each design (n, D), (n, A)."""
        return np.asarray(np.exp(self._table.cpu().numpy()[self.rows(designs)].astype(float)))

    def learn(self, designs: Designs) -> Tensor:
        """Return which of `log_std` belongs to each of the designs (n, D) that learn from here on, (n,)."""
        used, which = np.unique(self.rows(designs), return_inverse=True)
        device = self._table.device
        self._used = torch.as_tensor(used, device=device)
        self.log_std = self._table[self._used].requires_grad_()
        return torch.as_tensor(which.ravel(), device=device)

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: float) -> None:
        """Take a step of Adam of the rows that learn, against a gradient in the shape of `log_std`."""
        used = self._used
        self._steps[used] += 1
        steps = self._steps[used]
        first = torch.lerp(self._first[used], gradient, 1 - BETAS[0])
        second = torch.lerp(self._second[used], gradient.square(), 1 - BETAS[1])
        self._first[used], self._second[used] = first, second
        deviation = (second / (1 - BETAS[1] ** steps)).sqrt_().add_(EPSILON)
        self.log_std.sub_(rate / (1 - BETAS[0] ** steps) * first / deviation)
        self._table[used] = self.log_std

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        parts = {"log_std": self._table, "first": self._first, "second": self._second, "steps": self._steps}
        return {name: part.cpu().numpy().copy() for name, part in parts.items()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        parts = {"log_std": self._table, "first": self._first, "second": self._second, "steps": self._steps}
        for name, part in parts.items():
            part.copy_(torch.as_tensor(np.asarray(state[name])))
