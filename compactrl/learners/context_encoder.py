"""A probabilistic context encoder: transitions of a task → a normal distribution of the latent numbers that tell it.

Rakelly, Zhou, Quillen, Finn & Levine, "Efficient off-policy meta-reinforcement learning via probabilistic context
variables" (PEARL, 2019), section 4. Each transition gives a factor, a normal distribution of its own, and the
posterior is their product,

    q(z | c_1 … c_S) ∝ Π_s N(z; m(c_s), v(c_s)):   1 / v = Σ_s 1 / v_s,   m = v Σ_s m_s / v_s     (equation 2)

so that the order of the transitions does not matter. Where there are none it is the prior, N(0, 1). As in the public
code the prior is no factor itself, and variances are a softplus and at least `SMALLEST_VARIANCE`.

Letters: n tasks, S transitions of each, C numbers of a transition, Z latents.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from compactrl.networks.adam import Adam
from compactrl.networks.layout import linear
from compactrl.networks.perceptrons import Stack
from compactrl.types import Floats, State

SMALLEST_VARIANCE = 1e-7
"""Of a factor."""


class Gaussian(NamedTuple):
    """Independent normal distributions."""

    mean: Tensor
    """(…, Z)"""
    variance: Tensor
    """(…, Z)"""

    def sample(self, noise: Tensor) -> Tensor:
        """Return what standard normal noise (…, Z) becomes, differentiable in mean and variance."""
        return torch.addcmul(self.mean, self.variance.sqrt(), noise)


def factors(outputs: Tensor) -> Gaussian:
    """Return the factors (…, Z) that an encoder's raw outputs (…, 2 Z) stand for: means, then raw variances."""
    mean, raw = outputs.chunk(2, dim=-1)
    return Gaussian(mean, softplus(raw).clamp_min(SMALLEST_VARIANCE))


def product(each: Gaussian) -> Gaussian:
    """Return the product (n, Z) of factors (n, S, Z), S at least 1.

    Example:
        >>> two = Gaussian(torch.tensor([[[0.0], [4.0]]]), torch.tensor([[[1.0], [3.0]]]))
        >>> product(two)
        Gaussian(mean=tensor([[1.]]), variance=tensor([[0.7500]]))
    """
    precision = each.variance.reciprocal()
    variance = precision.sum(1).reciprocal()
    return Gaussian(variance * (precision * each.mean).sum(1), variance)


def divergence(posterior: Gaussian) -> Tensor:
    """Return the KL divergence (…,) of distributions (…, Z) from the prior, ½ Σ (v + m² - 1 - log v)."""
    mean, variance = posterior
    return 0.5 * (variance + mean.square() - 1 - variance.log()).sum(-1)


class ContextEncoder:
    """A ReLU network of a transition, whose outputs are a factor.

    Args:
        inputs: C.
        hidden: widths of its hidden layers.
        latents: Z.
        learning_rate: of Adam.
        generator: draws the first weights, as torch's linear layers do.
        device: of its tensors.
    """

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        latents: int,
        learning_rate: float,
        generator: np.random.Generator,
        device: torch.device,
    ) -> None:
        sizes = (inputs, *hidden, 2 * latents)
        self.inputs, self.latents = inputs, latents
        self._weights = torch.as_tensor(_initial(sizes, generator), dtype=torch.float32, device=device).requires_grad_()
        self._network = Stack(self._weights, sizes)
        self._adam = Adam(self._weights, learning_rate)

    def posterior(self, context: Tensor) -> Gaussian:
        """Return the posteriors (n, Z) of transitions (n, S, C), differentiable in the weights; of S = 0 the prior."""
        count, transitions, _ = context.shape
        if not transitions:
            zeros = context.new_zeros(count, self.latents)
            return Gaussian(zeros, torch.ones_like(zeros))
        outputs = self._network(context.reshape(count * transitions, self.inputs))[0]
        return product(factors(outputs.view(count, transitions, -1)))

    def descend(self, loss: Tensor) -> None:
        """Take a step of Adam down a loss."""
        (gradient,) = torch.autograd.grad(loss, self._weights)
        self._adam.step(gradient)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"weights": self._weights.detach().cpu().numpy().copy(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._weights.detach().copy_(torch.as_tensor(state["weights"]))
        self._adam.load_state_dict(state["adam"])


def _initial(sizes: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Draw the first weights [W1 | b1 | …], (P,)."""
    layers = (linear(generator, outputs, inputs) for inputs, outputs in pairwise(sizes))
    return np.concatenate([part.ravel() for layer in layers for part in (layer["weight"], layer["bias"])])
