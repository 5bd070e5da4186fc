"""Losses of off-policy methods, as pure functions; numbers worked by hand are in
`tests/compactrl/learners/test_losses.py`.

SAC: Haarnoja et al., "Soft actor-critic" (2018, with the twin critics and the temperature of its second version).
TD3: Fujimoto et al., "Addressing function approximation error in actor-critic methods" (2018).
DDPG with HER: Andrychowicz et al., "Hindsight experience replay" (2017).

Letters: B rows, A actions, C critics.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bellman_target(reward: Tensor, terminated: Tensor, next_value: Tensor, discount: float) -> Tensor:
    """Return r + discount (1 - terminated) V(s'), (B,); an episode cut by its limit of steps is not terminated."""
    return torch.addcmul(reward, 1 - terminated, next_value, value=discount)


def critic_loss(values: Tensor, target: Tensor, clip: float = 0.0) -> Tensor:
    """Return Σ_c mean h(Q_c - y), of values (C, B) and target (B,).

    h is the square, and beyond `clip` times the errors' mean size its tangent (Huber 1964); with a clip of 0 the square
    everywhere. The mean is over all C · B errors, and no gradient goes through it. torch's `huber_loss` takes it as a
    Python number, so that the CPU would wait for the GPU at every update.
    """
    errors = values - target
    if not clip:
        return errors.square().sum() / target.numel()
    sizes = errors.abs()
    inner = torch.minimum(sizes, clip * sizes.mean()).detach()
    return (inner * (2 * sizes - inner)).sum() / target.numel()


def soft_actor_loss(values: Tensor, log_probability: Tensor, alpha: Tensor | float) -> Tensor:
    """Return mean (alpha log p - min_c Q_c), of values (C, B) and log probabilities (B,)."""
    return (alpha * log_probability - values.amin(0)).mean()


def temperature_loss(log_alpha: Tensor, log_probability: Tensor, target_entropy: float) -> Tensor:
    """Return -log alpha · mean (log p + target entropy): alpha grows where the entropy is below its target."""
    return -(log_alpha * (log_probability.detach() + target_entropy)).mean()


def deterministic_actor_loss(values: Tensor, actions: Tensor, penalty: float) -> Tensor:
    """Return mean (-Q_1) + penalty · mean a², of values (C, B) and actions (B, A)."""
    return penalty * actions.square().mean() - values[0].mean()
