"""Policies of many tasks whose first layer sees the context beside the observation.

For one context c, W_o o + (W_c c + b): what the context does is a bias of the first layer, and so the network that
ships sees the observation alone. theta is a plain network of [observation | scaled context].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compactrl.compressions.plain import Plain
from compactrl.compressions.tasks import OfTasks, TaskOptions
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Designs, Floats

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.networks.pullback import PerceptronPullback


class ContextTasks(OfTasks):
    """A plain network of observation and context; see `OfTasks`."""

    name = "context"

    def __init__(self, skeleton: Skeleton, options: TaskOptions) -> None:
        super().__init__(skeleton, options)
        observation, *others = self.sizes
        self.seeing = Plain(Skeleton.relu((observation + self.told_size, *others)), self.base.options)
        """The network that sees the context."""

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self.seeing.num_parameters

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,)."""
        return self.seeing.initial(generator)

    def written(self, theta: Tensor, told: Tensor) -> Tensor:
        """Return the networks of n scaled contexts (n, C), what the context does in the first biases."""
        import torch

        observation, outputs = self.sizes[:2]
        edges = outputs * self.seeing.sizes[0]
        weight, bias, rest = theta[:edges].view(outputs, -1), theta[edges : edges + outputs], theta[edges + outputs :]
        own, of_context = weight[:, :observation], weight[:, observation:]
        count = len(told)
        biases = bias + told @ of_context.t()  # (n, outputs)
        return torch.cat([own.reshape(1, -1).expand(count, -1), biases, rest.expand(count, -1)], 1)

    def pullback(self, theta: Tensor, designs: Designs) -> Told:
        """Return the networks of a torch theta (P,), which they follow, and designs (n, D), with their gradient."""
        return Told(self.seeing.pullback(theta, designs), theta.new_tensor(self.told_of(designs)))


class Told:
    """A plain network whose rows get what is told of each of n tasks at their end.

    Args:
        network: of observation and context.
        told: (n, C)
    """

    def __init__(self, network: PerceptronPullback, told: Tensor) -> None:
        self._network, self._told = network, told

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the outputs (n, B, outputs) for rows (n, B, O), without a graph."""
        told = self._told[:, None].expand(-1, rows.shape[1], -1)
        import torch

        return self._network(torch.cat([rows, told], -1))

    def gradient(self, slope: Tensor) -> Tensor:
        """Return the gradient (P,) of a loss with this slope (n, B, outputs) with respect to the last outputs."""
        return self._network.gradient(slope)
