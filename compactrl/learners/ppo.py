"""Proximal policy optimisation.

Schulman et al., "Proximal policy optimization algorithms" (2017); Hegde, Huang & Sukhatme, "HyperPPO" (2023). What is
learned from, and departures from the second, are in `on_policy.py`; the losses in `surrogates.py`.

Updates go through an iteration's transitions several times in batches, by Adam. The networks of policy and value have
learning rates and limits of their gradients' norms of their own; there is no weight of the value's loss, which would
change nothing.
"""

from __future__ import annotations

import torch

from compactrl.compressions.trainable import pullback_of
from compactrl.errors import InputError
from compactrl.learners.base import LearnerContext
from compactrl.learners.gradient import Means
from compactrl.learners.on_policy import OnPolicyLearner
from compactrl.learners.on_policy_options import PpoOptions
from compactrl.learners.samples import Samples, Shuffled
from compactrl.learners.surrogates import bounds_slope, clip_to_norm, surrogate
from compactrl.networks.adam import Adam
from compactrl.networks.pullback import Pullback
from compactrl.types import Designs, Metrics, State

EPSILON = 1e-5
"""Adam's, as in the first public code of PPO."""
FASTER, SLOWER, LEAST_RATE, LARGEST_RATE = 1.5, 1 / 1.5, 0.01, 10.0
"""How a rate that adapts is changed, and within which multiples of what was given."""


class PpoLearner(OnPolicyLearner):
    """Learns theta by PPO.

    Args:
        context: see `GradientLearner`.
    """

    options: PpoOptions
    _optimizer: Adam

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        if self.options.adaptive_learning_rate and not self.options.target_kl:
            raise InputError("--adaptive-learning-rate adapts to --target-kl: give one, such as 0.01")
        self._adapted = 1.0

    def _new_optimizer(self) -> Adam:
        return Adam(self._theta, self.options.actor_learning_rate, self.options.weight_decay, EPSILON)

    def _anneal(self, progress: float) -> Metrics:
        """Set the learning rates for this share of the budget that is spent; return them as metrics."""
        options = self.options
        share = self._adapted * (1 - progress * (1 - options.actor_learning_rate_decay))
        self._optimizer.rate = share * options.actor_learning_rate
        self.values.adam.rate = share * options.critic_learning_rate
        return {"actor_learning_rate": self._optimizer.rate}

    @torch.no_grad()
    def _learn(self, samples: Samples, designs: Designs) -> Metrics:
        """Make an iteration's updates; return metrics of where they led."""
        options = self.options
        policies, shuffled = pullback_of(self.trained, self._theta, designs), Shuffled(samples)
        self._deviations.learn(self._described(designs))
        metrics: Metrics = {}
        for epoch in range(1, options.n_epochs + 1):
            for places in self._batches(samples, designs):
                self._update(shuffled.at(places), policies)
            if options.target_kl or epoch == options.n_epochs:
                metrics = {**self._measured(samples, policies), "epochs": float(epoch)}
                if options.target_kl and self._is_far(metrics["kl"]):
                    break
        self._deviations.keep()
        return metrics

    def _update(self, batch: Samples, policies: Pullback) -> None:
        """Make one update with a batch (n, B, …)."""
        options = self.options
        outputs, acting = policies(self._observations(batch.rows)), self._acting()
        log_probability, pull = acting.likelihood(outputs, batch.latent)
        _, slope, _ = surrogate(log_probability, batch.behaviour, batch.advantage, options.clip_range)
        d_outputs, d_log_std = pull(slope)
        if options.ent_coef:
            more, d_more = acting.entropy(outputs)[1](batch.weight * (-options.ent_coef / batch.weight.numel()))
            d_outputs, d_log_std = d_outputs + more, None if d_more is None or d_log_std is None else d_log_std + d_more
        if options.bounds_coef and not self._discrete:
            count = outputs.shape[0] * outputs.shape[1]
            d_outputs[..., : self.actions] += bounds_slope(outputs[..., : self.actions], options.bounds_coef / count)
        self._step(clip_to_norm(policies.gradient(d_outputs), options.max_grad_norm))
        if d_log_std is not None:
            self._deviations.step(d_log_std, self._optimizer.rate)
        self._improve_values(batch)
        self._updates += 1

    def _measured(self, samples: Samples, policies: Pullback) -> Metrics:
        """Return how far the policies have gone, and their losses, over all of an iteration's transitions.

        The divergence is the mean of log² r / 2 (Schulman, "Approximating KL divergence", 2020, k2): of r - 1 - log r,
        which is more usual, one transition in a thousand may be all.
        """
        options = self.options
        outputs, acting = policies(self._observations(samples.rows)), self._acting()
        log_probability = acting.likelihood(outputs, samples.latent)[0]
        policy = surrogate(log_probability, samples.behaviour, samples.advantage, options.clip_range)
        log_ratio, count = log_probability - samples.behaviour, samples.weight.sum()
        kl = (log_ratio.square() * samples.weight).sum() / (2 * count)
        clipped = (((policy.ratio - 1).abs() > options.clip_range) * samples.weight).sum() / count
        means = Means()
        for name, value in {
            "kl": kl,
            "clip_share": clipped,
            "entropy": (acting.entropy(outputs)[0] * samples.weight).sum() / count,
            "actor_loss": policy.loss,
            "critic_loss": self._loss_of_values(samples)[0],
        }.items():
            means.add(name, value)
        if self._free:
            means.add("action_std", self._deviations.log_std.exp().mean())
        return self._finite(means)

    def _is_far(self, kl: float) -> bool:
        """Return whether updates end here; where rates adapt they never do, and are changed instead."""
        options = self.options
        if not options.adaptive_learning_rate:
            return kl > 1.5 * options.target_kl
        change = SLOWER if kl > 2 * options.target_kl else FASTER if kl < options.target_kl / 2 else 1.0
        adapted = min(max(self._adapted * change, LEAST_RATE), LARGEST_RATE)
        self._optimizer.rate *= adapted / self._adapted
        self.values.adam.rate *= adapted / self._adapted
        self._adapted = adapted
        return False

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {**super().state_dict(), "adapted": self._adapted}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._adapted = float(state["adapted"])
