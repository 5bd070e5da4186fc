"""Trust region policy optimisation.

Schulman et al., "Trust region policy optimization" (2015), with generalised advantages (Schulman et al. 2016). What is
learned from is in `on_policy.py`, the step in `trust_region.py`.

In each iteration the policies of all designs take one step together, with all transitions: theta, and deviations that
no state decides, along the natural gradient, as far as the mean divergence allows (`--max-kl`). Then the value function
learns as PPO's does, by Adam in batches.

Departures from the paper:

1. Fisher's matrix is of all transitions, not of a tenth.
2. The value function is a network that goes on learning by Adam, of which the paper's has none: there are sampled
   returns, of which each state's are averaged.
3. The step's length is for the damped matrix, so that it is shorter than the largest divergence would allow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from compactrl.learners.base import LearnerContext
from compactrl.learners.gradient import Means
from compactrl.learners.on_policy import OnPolicyLearner
from compactrl.learners.on_policy_options import TrpoOptions
from compactrl.learners.samples import Samples, Shuffled
from compactrl.learners.trust_region import Region, Transitions, step_within, weighted_mean
from compactrl.learners.vectors import Policies
from compactrl.networks.adam import Descent
from compactrl.types import Designs, Metrics, State

MANY_REFUSED = 10
"""Steps in a row after which something is wrong."""


class TrpoLearner(OnPolicyLearner):
    """Learns theta by TRPO.

    Args:
        context: see `GradientLearner`.
    """

    options: TrpoOptions
    gentler = "--max-kl or --critic-learning-rate"
    hint: ClassVar[str] = "Give a larger --cg-damping, or more --line-search-steps"
    """What may help where no step will do."""

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        self._refused = 0
        """Steps in a row that were not taken."""

    def _new_optimizer(self) -> Descent:
        return Descent(self._theta)

    def _anneal(self, progress: float) -> Metrics:  # noqa: ARG002  (the trust region stays as large as it is)
        return {}

    @torch.no_grad()
    def _learn(self, samples: Samples, designs: Designs) -> Metrics:
        """Take an iteration's step, and let the value function learn; return metrics of where they led."""
        policies = self._policies(designs)
        function = partial(policies, observations=self._observations(samples.rows))
        metrics = self._advance(function, policies, samples)
        return metrics | self._learn_values(samples, designs)

    def _behaviour(self, samples: Samples, designs: Designs) -> Tensor:
        """Return the log probabilities (n, S) of what was drawn, by the policies as they acted."""
        policies = self._policies(designs)
        numbers = policies(self._acting_vector(policies), self._observations(samples.rows))
        return policies.family.density(numbers, samples.latent)

    def _acting_vector(self, policies: Policies) -> Tensor:
        """Return the vector, (Q,) or one for each design, (n, Q), of the policies that act."""
        return policies.vector(self._theta)

    @property
    def _region(self) -> Region:
        """How a step is found."""
        options = self.options
        return Region(
            options.max_kl,
            options.cg_steps,
            options.cg_damping,
            options.line_search_steps,
            options.line_search_decay,
        )

    def _policies(self, designs: Designs) -> Policies:
        """Return the policies of these designs (n, D) as a function of one vector."""
        self._deviations.learn(self._described(designs))
        return Policies(self.compression, designs, self.distribution, self._deviations if self._free else None)

    def _advance(self, function: Callable[[Tensor], Tensor], policies: Policies, samples: Samples) -> Metrics:
        """Take the step that these samples (n, S) are for; return metrics of it.

        Args:
            function: the numbers (n, S, K) that decide distributions, of a vector (Q,).
            policies: of the samples.
            samples: of the policies that act.
        """
        start = policies.vector(self._theta)
        step = step_within(function, start, policies.family, transitions_of(samples), self._region)
        self._updates += 1
        self._note(step.share)
        theta, deviations = policies.parts(step.vector)
        self._step(self._theta - theta)
        if deviations is not None:
            self._deviations.replace(deviations)
        means = Means()
        for name, value in {
            "kl": step.divergence,
            "entropy": weighted_mean(policies.family.entropy(step.numbers), samples.weight),
            "actor_loss": -step.gain,
        }.items():
            means.add(name, value)
        if deviations is not None:
            means.add("action_std", deviations.exp().mean())
        return {**self._finite(means), "step_share": step.share}

    def _note(self, share: float) -> None:
        """Take note of the share of a step that was taken, and warn where none has been for long."""
        self._refused = 0 if share else self._refused + 1
        if self._refused == MANY_REFUSED:
            warnings.warn(
                f"none of the last {MANY_REFUSED} steps that were tried improved policies within --max-kl: theta stays "
                f"as it is. {self.hint}",
                stacklevel=2,
            )

    def _learn_values(self, samples: Samples, designs: Designs) -> Metrics:
        """Make an iteration's updates of the value function; return metrics of it."""
        shuffled, means = Shuffled(samples), Means()
        for _ in range(self.options.n_epochs):
            for places in self._batches(samples, designs):
                self._improve_values(shuffled.at(places))
        means.add("critic_loss", self._loss_of_values(samples)[0])
        return self._finite(means)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {**super().state_dict(), "refused": self._refused}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._refused = int(state["refused"])


def transitions_of(samples: Samples) -> Transitions:
    """Return what a step is made from of an iteration's samples."""
    return Transitions(samples.latent, samples.behaviour, samples.advantage, samples.weight)
