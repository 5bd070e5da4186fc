"""Masked policies: a mask that is trained with the weights prunes edges.

Lenc et al., "Non-differentiable supervised learning with evolution strategies and hybrid methods" (2019), as used by
"Chromatic networks" (ICLR 2020 NAS workshop), section 4.1 and appendix D: theta = [W, S], trained together, and

    mask = softmax(S / alpha), alpha = 0.01;    usage = share of edges kept;    W[e] = theta[e] * mask[e]

Deviations:

1. A softmax "applied elementwise" is ill-defined: over one element it is always 1. The sigmoid is meant.
2. The paper's mask is nearly binary. Here it is binary: sigmoid(S / alpha) > 1/2, which is S > 0 for every alpha. Each
   candidate is evaluated as it would ship. The scores have no gradient: they are evolved.
3. Scores are drawn around zero, so that the first mask keeps about half of the edges, as in section 4.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from compactrl.compressions.base import Compression, Options
from compactrl.compressions.frozen import freeze_mask
from compactrl.compressions.gather import Gather
from compactrl.policies.size import mask_bits
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Design, Designs, Floats, Integers, Size
from controllers.base import Space

START_SCORE = 0.2
"""Standard deviation of the first scores: a few times the noise, so that a candidate flips some bits and not half."""


class MaskedOptions(Options):
    """Options of the masked policies."""

    kept_weights: int = Field(40, ge=1, description="Number of weights that the mask keeps in the end, at most.")
    beta: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Weight of the return in the objective when the annealing ends, from 1 at the start; the rest "
        "rewards sparsity.",
    )
    annealed_by: float = Field(0.3, gt=0, le=1, description="Share of the budget at which the annealing of beta ends.")


class Masked(Gather):
    """A weight and a score per edge: theta = [weights E | biases | scores E]; the design, (E,), is the mask.

    `num_weights` is E; fewer ship, and `size` counts those that the mask keeps.

    Example:
        >>> policy = Masked(Skeleton.tanh((2, 1)), MaskedOptions())
        >>> theta = np.array([0.5, -0.5, 1.0, -1.0])
        >>> policy.design_of(theta)
        array([1, 0])
        >>> policy.size(policy.design_of(theta)).weights
        1
    """

    name = "masked"
    Options = MaskedOptions

    def __init__(self, skeleton: Skeleton, options: MaskedOptions) -> None:
        super().__init__(skeleton, options)
        self.target = min(1.0, options.kept_weights / self.num_edges)
        self._kept_weights = options.kept_weights
        self._beta, self._annealed_by = options.beta, options.annealed_by
        self.index = np.arange(self.num_edges)
        self.num_weights = self.num_edges
        self.design_space = Space(length=self.num_edges, choices=2)

    @property
    def num_parameters(self) -> int:
        """P, the length of theta: two numbers per edge, and the biases."""
        return 2 * self.num_edges + self.num_biases

    def design_of(self, theta: Any) -> Designs:
        """Return the mask, 1 where the edge's score is above zero, (E,) or (N, E)."""
        self._check_theta(theta)
        scores = theta[..., self.num_edges + self.num_biases :]
        kept = scores > 0
        return np.asarray(kept if isinstance(kept, np.ndarray) else kept.cpu()).astype(np.int64)

    def usage(self, designs: Designs) -> Floats:
        """Return the share of edges kept, in 0 … 1, shape (N,) for designs (N, E)."""
        return np.asarray(self._check_design(designs).mean(axis=-1))

    def cost(self, designs: Designs, progress: float) -> tuple[Floats, float]:
        """Return the usage (N,), but at least that of the requested size, and beta, linear in progress."""
        annealed = min(1.0, progress / self._annealed_by)
        return np.maximum(self.usage(designs), self.target), 1 - annealed * (1 - self._beta)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,): weights near zero, scores normal with `START_SCORE`, biases zero."""
        theta = super().initial(generator)
        theta[-self.num_edges :] = START_SCORE * generator.standard_normal(self.num_edges)
        return theta

    def size(self, design: Design) -> Size:
        """Return the exact size of the kept weights with their dictionary."""
        kept = int(self._check_design(design).sum())
        return self._size(kept, dictionary=mask_bits(self.num_edges, kept))

    def fitted_design(self, theta: Floats, design: Design) -> Design:
        """Return the mask with only the requested number of edges, those of the highest scores."""
        scores = np.where(design > 0, theta[self.num_edges + self.num_biases :], -np.inf)
        fitting = np.zeros_like(design)
        best = np.argsort(-scores, kind="stable")[: self._kept_weights]
        fitting[best] = design[best]
        return fitting

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:
        """Freeze the mask (E,); the new theta is the kept weights and the biases."""
        self._check_theta(theta)
        mask = self._check_design(design)
        weights, biases = theta[: self.num_edges], theta[self.num_edges : self.num_edges + self.num_biases]
        return freeze_mask(self.skeleton, mask), np.concatenate([weights[mask.astype(bool)], biases])

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:
        return self.index, design
