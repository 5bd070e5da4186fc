"""The policies of n designs as a function of one vector, theta and then deviations that learn beside it.

Learning that looks at curvature needs all that decides the probabilities of actions in one vector, and a function of it
that can be differentiated more than once. The function goes through the layers of plain MLPs.

Letters: n designs, Q numbers of a vector, U rows of deviations, B transitions, K numbers that decide a distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor

from compactrl.compressions.base import Compression
from compactrl.compressions.trainable import Paired, Trainable, layers_function, outputs_of
from compactrl.learners.deviations import Deviations
from compactrl.policies.distributions import FreeGaussian, Latent
from compactrl.types import Designs


class Policies:
    """The distributions of n designs' actions.

    Args:
        compression: that can be trained.
        designs: (n, D).
        distribution: of actions.
        deviations: of which the designs' rows learn (`Deviations.learn`); None where there are none beside the network.
    """

    def __init__(
        self, compression: Compression, designs: Designs, distribution: Latent, deviations: Deviations | None
    ) -> None:
        if not isinstance(compression, Trainable):
            raise TypeError(f"{compression.name} cannot be trained by gradients")
        self._trained, self._designs, self._distribution = compression, designs, distribution
        self._activation = compression.skeleton.activation
        self._deviations, self._length = deviations, compression.num_parameters
        self.family = distribution.family

    def vector(self, theta: Tensor) -> Tensor:
        """Return the vector (Q,) of theta (P,) and the deviations as they are."""
        if self._deviations is None:
            return theta.detach().clone()
        return torch.cat([theta.detach(), self._deviations.learning[0].flatten()])

    def parts(self, vector: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return theta (…, P) and the rows of deviations (…, U, A) of a vector (…, Q)."""
        theta = vector[..., : self._length]
        if self._deviations is None:
            return theta, None
        rows = self._deviations.learning[0].shape
        return theta, vector[..., self._length :].reshape(*vector.shape[:-1], *rows)

    def __call__(self, vector: Tensor, observations: Tensor) -> Tensor:
        """Return the numbers (n, B, K) that decide actions at observations (n, B, O).

        Args:
            vector: (Q,) of all designs, or (n, Q), one for each.
            observations: (n, B, O), normalised.
        """
        log_std, distribution = self.log_std(vector), self._distribution
        acting = distribution if log_std is None else FreeGaussian(log_std[:, None])
        return acting.numbers(self._outputs(self.parts(vector)[0], observations))

    def _outputs(self, theta: Tensor, observations: Tensor) -> Tensor:
        """Return raw outputs (n, B, outputs) of one theta (P,), or of one for each design, (n, P)."""
        if theta.dim() == 1:
            return outputs_of(self._trained.expand_each(theta, self._designs), self._activation, observations)
        if not isinstance(self._trained, Paired):
            raise TypeError("expected a compression whose designs may each have a theta of their own")
        return layers_function(self._trained.expand_pairs(theta, self._designs), self._activation)(observations)

    def log_std(self, vector: Tensor) -> Tensor | None:
        """Return the logarithms of deviations of a vector (Q,) or (n, Q), of each design, (n, A)."""
        rows = self.parts(vector)[1]
        if rows is None or self._deviations is None:
            return None
        which = self._deviations.learning[1]
        if rows.dim() == 2:
            return rows.index_select(0, which)
        return rows[torch.arange(len(which), device=which.device), which]
