"""Policies of many tasks whose weights a hypernetwork writes of the context.

Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning building blocks with hypernetworks" (2021), equations
(1) and (16): the context is the meta variable, the observation the base variable. theta is the primary network and its
heads (`compactrl.hypernetworks.primary`); what they write for a context is an ordinary network, once the gains are
multiplied into the weights: diag(1 + g) W x + b.

Departures and choices, beside those of primary networks:

1. The dynamic network has any hidden layers (`--hidden`); the paper's has one of 256.
2. `bias-hyper` is the default: every task begins with the same network, drawn as plain ones are.
   `--hyper-initialization paper` has the paper's.
3. `small` is the default size.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from compactrl.compressions.tasks import OfTasks, TaskOptions
from compactrl.types import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.hypernetworks.primary import Primary
    from compactrl.networks.affine import Parts


class HyperTaskOptions(TaskOptions):
    """Options of hypernetworks that write a network for each task."""

    hyper_size: Literal["small", "paper"] = Field(
        "small", description="Size of the hypernetwork: small, or paper, with stages four times as wide."
    )
    hyper_initialization: Literal["bias-hyper", "paper"] = Field(
        "bias-hyper",
        description="First weights of the hypernetwork: bias-hyper, with which all tasks begin with the same network, "
        "or paper.",
    )


class HyperTasks(OfTasks):
    """A hypernetwork from contexts to plain networks; see `OfTasks`."""

    name = "hyper"
    Options: ClassVar[type[HyperTaskOptions]] = HyperTaskOptions
    options: HyperTaskOptions

    @cached_property
    def _primary(self) -> tuple[Primary, Parts]:
        """What writes, and its layers; made on first use, since it imports torch."""
        from compactrl.hypernetworks.primary import Primary

        options = self.options
        made = Primary(self.told_size, self.sizes, options.hyper_size, options.hyper_initialization)
        return made, made.parts

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return sum(part.size for part in self._primary[1].values())

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,)."""
        made, parts = self._primary
        drawn = np.concatenate([part.initial(generator) for part in parts.values()])
        made.begin(drawn, self.skeleton.layers_of_interleaved(self.base.initial(generator)))
        return drawn

    def written(self, theta: Tensor, told: Tensor) -> Tensor:
        """Return the networks of n scaled contexts (n, C), gains in their weights."""
        import torch

        from compactrl.networks.affine import Differentiable, cut

        made, parts = self._primary
        numbers: list[Any] = list(made(Differentiable(cut(theta, parts)), told))
        folded = []
        for weight, bias, gain in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
            rows = weight.view(*gain.shape, -1)  # (n, outputs, inputs)
            folded += [((1 + gain)[..., None] * rows).flatten(1), bias]
        return torch.cat(folded, 1)
