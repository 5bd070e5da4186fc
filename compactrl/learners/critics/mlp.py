"""Critics as plain ReLU networks of [observation | action | what is told of the policy].

First weights are Xavier uniform, biases zero, as of the policies. MLP-Small and MLP-Large are baselines of Keynan et
al. 2021, appendix D.4: one hidden layer as wide as SA-Hyper's dynamic network, and two as large as the whole of it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from torch import Tensor

from compactrl.compressions.plain import Plain, PlainOptions
from compactrl.learners.critics.base import Form
from compactrl.learners.critics.inputs import Inputs, all_inputs
from compactrl.networks.perceptrons import Stack
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Floats

SMALL_WIDTHS = {"paper": (256,), "small": (64,)}
LARGE_WIDTHS = {"paper": (2900, 2900), "small": (720, 720)}
"""As many parameters as SA-Hyper of the same size, within a twentieth."""


class Mlp(Form):
    """A plain network.

    Args:
        inputs: what it sees.
        hidden: widths of its hidden layers.
    """

    def __init__(self, inputs: Inputs, hidden: tuple[int, ...]) -> None:
        self.sizes = (inputs.total, *hidden, 1)
        self._plain = Plain(Skeleton.relu(self.sizes), PlainOptions(activation="relu", initialization="xavier"))

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network with the hidden layers of `--critic-hidden`."""
        return cls(inputs, options.critic_hidden)

    @property
    def num_parameters(self) -> int:
        """P."""
        return self._plain.num_parameters

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters, (P,)."""
        return self._plain.initial(generator)

    def on(self, flat: Tensor, count: int) -> MlpTwins:
        """Return C networks on a vector (C · P,)."""
        return MlpTwins(Stack(flat, self.sizes, count))


class SmallMlp(Mlp):
    """One hidden layer, as the dynamic network of SA-Hyper has."""

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, SMALL_WIDTHS[options.critic_size])


class LargeMlp(Mlp):
    """Two hidden layers, with as many parameters as SA-Hyper."""

    @classmethod
    def of(cls, inputs: Inputs, options: Any) -> Self:
        """Return the network of this size."""
        return cls(inputs, LARGE_WIDTHS[options.critic_size])


class MlpTwins:
    """C plain networks, as one operation."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def __call__(
        self, observation: Tensor, action: Tensor, told: Tensor, learn: bool, only: int | None = None
    ) -> Tensor:
        """Return the values (C, n · B); see `Critics`."""
        return self._stack(all_inputs(observation, action, told), learn, only)[..., 0]
