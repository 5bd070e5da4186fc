"""TD3 (Fujimoto et al. 2018), and DDPG (Lillicrap et al. 2016) as other settings of it.

    y = r + discount (1 - terminated) min_c Q'_c(s', clip(pi(s') + clip(noise)))
    critics: Σ_c mean (Q_c(s, a) - y)²
    policies, every `policy_delay` updates: -mean Q_1(s, pi(s)) + penalty · mean pi(s)²

DDPG's settings are those used with hindsight: one critic, no delay, no noise on targets, a penalty on actions, and
a share of random actions.

Departure: policies end in a tanh; the hypernetwork in the public code of Hegde & Sukhatme 2022 has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.base import Compression
from compactrl.learners.gradient import Means
from compactrl.learners.losses import deterministic_actor_loss
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.off_policy import Improvement, OffPolicyLearner
from compactrl.learners.options import Td3Options
from compactrl.types import Designs, Exploration, Floats, State


class Td3Learner(OffPolicyLearner):
    """Deterministic policies."""

    options: Td3Options

    def _begin(self, compression: Compression, batch: MetaBatch, theta: Floats) -> None:
        super()._begin(compression, batch, theta)
        self._target_theta = self._theta.detach().clone()

    def _count_critics(self) -> int:
        return self.options.critics

    def _noise(self, shape: tuple[int, ...]) -> Exploration:
        noise = self.options.exploration_noise * self.generator.standard_normal(shape)
        uniform = self.generator.uniform(-1, 1, shape)
        is_random = self.generator.random((*shape[:-1], 1)) < self.options.random_actions
        return Exploration(noise, np.where(is_random, uniform, np.nan), self.distribution)

    def _improves(self) -> bool:
        return (self._updates + 1) % self.options.policy_delay == 0

    def _following(self, network: Any, designs: Designs) -> Any:
        return self.trained.network(self._target_theta, designs) if self.options.target_policy else network

    def _next_value(self, outputs: Tensor, told: Tensor, observation: Tensor, noise: Tensor) -> Tensor:
        actions = self.distribution.mode(outputs)
        if self.options.target_noise:
            limit = self.options.target_noise_limit
            actions = (actions + (self.options.target_noise * noise).clamp(-limit, limit)).clamp(-1, 1)
        return self.critics.targets(observation, actions, told).amin(0)

    def _improve(
        self,
        outputs: Tensor,
        told: Tensor,
        observation: Tensor,
        noise: Tensor,  # noqa: ARG002
        means: Means,  # noqa: ARG002
    ) -> Improvement:
        actions = self.distribution.mode(outputs)
        values = self.critics(observation, actions, told, only=1)
        loss = deterministic_actor_loss(values, actions, self.options.action_penalty)
        return Improvement(loss, values[0].detach().view(actions.shape[:-1]))

    def _climbed(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        return self.critics(observation, action, told, only=1)[0]

    def _descend(self, loss: Tensor) -> None:
        super()._descend(loss)
        if self.options.target_policy:
            self._target_theta.lerp_(self._theta.detach(), self.options.tau)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {**super().state_dict(), "target_theta": self._target_theta.cpu().numpy().copy()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._target_theta.copy_(torch.as_tensor(np.asarray(state["target_theta"])))
