"""Losses of proximal policy optimisation, as pure functions with their gradients written out.

Schulman et al., "Proximal policy optimization algorithms" (2017), equation 7, with ratio r = p(a) / p_old(a):

    policy: -mean min(r A, clip(r, 1 - e, 1 + e) A)
    bounds: weight · mean Σ max(|mean of an action| - 3, 0)², which is ours
    value:  mean 1/2 max((V - R)², (V_old + clip(V - V_old, -c, c) - R)²),  or mean 1/2 (V - R)² without a clip

The gradients are with respect to log p(a) and V: what comes before them is autograd's. Worked numbers, and autograd's
gradients of these formulas, are in `tests/compactrl/learners/test_surrogates.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

FARTHEST = 3.0
"""Means beyond are penalised: tanh(3) is 0.995."""
LARGEST = 20.0
"""Of the logarithm of a ratio: beyond, it is as good as infinite, and a sum with it would be."""


class Surrogate(NamedTuple):
    """The policy's loss at some samples."""

    loss: Tensor
    """()"""
    gradient: Tensor
    """Of the loss, with respect to the log probabilities, in their shape."""
    ratio: Tensor
    """In the same shape."""


def surrogate(log_probability: Tensor, behaviour: Tensor, advantage: Tensor, clip: float) -> Surrogate:
    """Return the clipped objective's loss; all arguments have one shape.

    Args:
        log_probability: of what was drawn, by the policy as it is.
        behaviour: the same, by the policy as it acted.
        advantage: 0 where a sample does not count; the mean is over all samples.
        clip: e.
    """
    ratio = (log_probability - behaviour).clamp_(max=LARGEST).exp_()
    gain = ratio * advantage
    least = torch.minimum(gain, ratio.clamp(1 - clip, 1 + clip) * advantage)
    gradient = gain * (gain <= least)
    return Surrogate(-least.mean(), gradient.mul_(-1 / gain.numel()), ratio)


def value_loss(value: Tensor, target: Tensor, before: Tensor, weight: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """Return the value function's loss, and its gradient with respect to the values; all arguments have one shape.

    Args:
        value: V
        target: R
        before: V_old
        weight: 0 where a sample does not count, else 1; the mean is over all samples.
        clip: c; 0 is none.
    """
    error = (value - target) * weight
    loss = error.square()
    if not clip:
        return loss.mean() / 2, error / error.numel()
    clipped = ((before + (value - before).clamp(-clip, clip) - target) * weight).square()
    return torch.maximum(loss, clipped).mean() / 2, error * (loss >= clipped) / error.numel()


def bounds_slope(mean: Tensor, weight: float) -> Tensor:
    """Return the slope of weight · Σ max(|mean| - 3, 0)² with respect to means, of any shape."""
    return (mean - mean.clamp(-FARTHEST, FARTHEST)).mul_(2 * weight)


def clip_to_norm(gradient: Tensor, largest: float) -> Tensor:
    """Scale a gradient (P,) in place so that its norm is at most `largest`, and return it; 0 leaves it."""
    if largest:
        gradient.mul_((largest / (torch.linalg.vector_norm(gradient) + 1e-6)).clamp_(max=1.0))
    return gradient
