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
        table = torch.full((rows, size), initial, dtype=torch.float32, device=device)
        self._tables = {
            "log_std": table,
            "first": torch.zeros_like(table),
            "second": torch.zeros_like(table),
            "steps": torch.zeros(rows, 1, device=device),
        }
        self.learn(np.zeros((0, 0), np.int64))

    def rows(self, designs: Designs) -> Integers:
        """Return the row of each design (n, D), (n,)."""
        if self._places is None:
            return np.zeros(len(designs), np.int64)
        return np.array([self._places[row.tobytes()] for row in np.ascontiguousarray(designs, np.int64)], np.int64)

    def of(self, designs: Designs) -> Floats:
        """Return the standard deviations of each design (n, D), (n, A)."""
        return np.asarray(np.exp(self._tables["log_std"].cpu().numpy()[self.rows(designs)].astype(float)))

    def learn(self, designs: Designs) -> None:
        """Let the rows of these designs (n, D) learn from here on, until `keep`."""
        used, which = np.unique(self.rows(designs), return_inverse=True)
        device = self._tables["steps"].device
        self._used, self._which = (torch.as_tensor(part.ravel(), device=device) for part in (used, which))
        self._learning = {name: table[self._used] for name, table in self._tables.items()}

    @property
    def log_std(self) -> Tensor:
        """(n, 1, A) of the designs that learn."""
        return self._learning["log_std"].index_select(0, self._which)[:, None]

    @property
    def learning(self) -> tuple[Tensor, Tensor]:
        """The rows that learn (U, A), and which of them each design has, (n,)."""
        return self._learning["log_std"], self._which

    def replace(self, rows: Tensor) -> None:
        """Put others (U, A) in the place of the rows that learn, and keep them."""
        self._learning["log_std"] = rows
        self.keep()

    def step(self, slopes: Tensor, rate: float) -> None:
        """Take a step of Adam against slopes (n, A) of a loss with respect to each design's logarithms."""
        log_std, first, second, steps = self._learning.values()
        gradient = torch.zeros_like(log_std).index_add_(0, self._which, slopes)
        steps += 1
        first.lerp_(gradient, 1 - BETAS[0])
        second.lerp_(gradient.square_(), 1 - BETAS[1])
        deviation = (second / (1 - BETAS[1] ** steps)).sqrt_().add_(EPSILON)
        log_std.sub_((first / (1 - BETAS[0] ** steps)).div_(deviation).mul_(rate))

    def keep(self) -> None:
        """Keep what the rows that learn have become."""
        for name, table in self._tables.items():
            table[self._used] = self._learning[name]

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {name: table.cpu().numpy().copy() for name, table in self._tables.items()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        for name, table in self._tables.items():
            table.copy_(torch.as_tensor(np.asarray(state[name])))
