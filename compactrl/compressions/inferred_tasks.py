"""Policies of many tasks that are told latent numbers z of a task, which are inferred from what happens in it.

Rakelly, Zhou, Quillen, Finn & Levine, "Efficient off-policy meta-reinforcement learning via probabilistic context
variables" (PEARL, 2019): z stands where a context that is known would. Who learns them says which z a task has
(`compactrl.learners.pearl`); contexts are for environments alone. Theta and a design give the policy that knows nothing
of its task yet, z = 0, the mean of the prior N(0, 1).

    inferred-context   z beside the observation (`context_tasks.py`)
    inferred-hyper     z goes into a hypernetwork that writes the network (`hyper_tasks.py`; Keynan et al. 2021)

Letters: n tasks, Z latents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from compactrl.compressions.base import Compact
from compactrl.compressions.context_tasks import ContextTasks
from compactrl.compressions.hyper_tasks import HyperTaskOptions, HyperTasks
from compactrl.compressions.tasks import OfTasks, TaskOptions
from compactrl.compressions.trainable import layers_function
from compactrl.policies.skeleton import interleaved
from compactrl.types import Floats, Layers

if TYPE_CHECKING:
    from torch import Tensor


class InferredOptions(TaskOptions):
    """Options of policies that are told latents."""

    latent_size: int = Field(5, ge=1, description="Latent numbers that are inferred of a task.")


class InferredHyperOptions(InferredOptions, HyperTaskOptions):
    """The same where a hypernetwork writes them."""


class Inferred(OfTasks):
    """Policies that are told Z latents in place of contexts; see `OfTasks` and `trainable.OfLatents`."""

    options: InferredOptions

    @property
    def latents(self) -> int:
        """Z."""
        return self.options.latent_size

    @property
    def told_size(self) -> int:
        """Z."""
        return self.latents

    def told(self, contexts: Floats) -> Floats:
        """Return the prior's mean for each of n tasks (n, C), (n, Z): nothing is known of them."""
        return np.zeros((len(contexts), self.latents))

    def of_latents(self, theta: Floats, latents: Floats) -> list[Layers]:
        """Return the plain networks of theta (P,) and latents (n, Z)."""
        return self.of_told(theta, latents)

    def network_of(self, theta: Tensor, latents: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the networks of a torch theta (P,) and latents (n, Z) as one function that can be trained."""
        layers = self.skeleton.layers_of_interleaved(self.written(theta, latents))
        return layers_function(layers, self.skeleton.activation)

    def compact_of(self, theta: Floats, latents: Floats) -> Compact:
        """Return what ships of theta (P,) with these latents (Z,): a plain network."""
        (layers,) = self.of_latents(theta, latents[None])
        return self.base.compact(interleaved(layers), np.zeros(0, np.int64))


class InferredContext(Inferred, ContextTasks):
    """A plain network of observation and latents."""

    name = "inferred-context"
    Options = InferredOptions

    def network_of(self, theta: Tensor, latents: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the networks of a torch theta (P,) and latents (n, Z) as one function that can be trained."""
        import torch

        network = self.seeing.network(theta, None)

        def function(observations: Tensor) -> Tensor:
            told = latents[:, None].expand(-1, observations.shape[1], -1)
            return network(torch.cat([observations, told], -1))

        return function


class InferredHyper(Inferred, HyperTasks):
    """A hypernetwork from latents to plain networks."""

    name = "inferred-hyper"
    Options = InferredHyperOptions
    options: InferredHyperOptions
