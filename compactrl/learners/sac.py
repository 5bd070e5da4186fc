"""Soft actor-critic (Haarnoja et al. 2018), with a fixed temperature of 0.2 as Hegde & Sukhatme 2022 publish it.

y = r + discount (1 - terminated) (min_c Q'_c(s', a') - alpha log p(a'|s')),   a' of the current policies
critics: Σ_c mean (Q_c(s, a) - y)²;    policies: mean (alpha log p(a|s) - min_c Q_c(s, a))

Critics of graph hyper policies are told the architecture, too (`off_policy.py`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compactrl.learners.base import LearnerContext
from compactrl.learners.gradient import Means
from compactrl.learners.losses import soft_actor_loss, temperature_loss
from compactrl.learners.off_policy import Improvement, OffPolicyLearner
from compactrl.learners.options import SacOptions
from compactrl.networks.adam import Adam
from compactrl.policies.distributions import SquashedGaussian
from compactrl.types import Exploration, State


class SacLearner(OffPolicyLearner):
    """Stochastic policies: a mean and a standard deviation for each action."""

    options: SacOptions
    distribution: SquashedGaussian

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        self._log_alpha = torch.tensor(self.options.alpha, device=self.device).log().requires_grad_()
        self._alpha_adam = Adam(self._log_alpha, self.options.critic_learning_rate)

    def _noise(self, shape: tuple[int, ...]) -> Exploration:
        return Exploration(self.generator.standard_normal(shape), np.full(shape, np.nan), self.distribution)

    def _next_value(self, outputs: Tensor, told: Tensor, observation: Tensor, noise: Tensor) -> Tensor:
        actions, log_probability = self.distribution.sample(outputs, noise)
        values = self.critics.targets(observation, actions, told).amin(0)
        return values - self._log_alpha.exp() * log_probability.reshape(-1)

    def _improve(self, outputs: Tensor, told: Tensor, observation: Tensor, noise: Tensor, means: Means) -> Improvement:
        actions, log_probability = self.distribution.sample(outputs, noise)
        values = self.critics(observation, actions, told)
        loss = soft_actor_loss(values, log_probability.reshape(-1), self._log_alpha.detach().exp())
        means.add("entropy", -log_probability.mean())
        if self.options.automatic_alpha:
            (gradient,) = torch.autograd.grad(
                temperature_loss(self._log_alpha, log_probability, -self.actions), self._log_alpha
            )
            self._alpha_adam.step(gradient)
            means.add("alpha", self._log_alpha.exp())
        return Improvement(loss, values.detach().amin(0).view(log_probability.shape))

    def _climbed(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        return self.critics(observation, action, told).amin(0)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        alpha = {"log_alpha": float(self._log_alpha.detach()), "adam": self._alpha_adam.state_dict()}
        return {**super().state_dict(), "alpha": alpha}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._log_alpha.detach().fill_(state["alpha"]["log_alpha"])
        self._alpha_adam.load_state_dict(state["alpha"]["adam"])
