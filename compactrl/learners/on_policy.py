"""On-policy learning: what PPO, TRPO and MAML have in common, of one policy or of a network that writes many.

Hegde, Huang & Sukhatme, "HyperPPO: a scalable method for finding small policies for robotic control" (2023), algorithm
1. In an iteration n architectures act for `n_steps` steps in every lane, lane l with the (l mod n)-th. Then updates
follow, with as many transitions of every architecture. Other architectures act in the next iteration; episodes go on.
A plain network is one architecture. Where designs are tasks, all the same goes for tasks.

Nothing is mixed between architectures (section III-A): ratio, advantage and value of a transition are those of the
architecture that acted, and the value function is told which it is. Advantages, which it is taken from, are normalised
over all of an iteration's transitions (`--advantage-normalization together`, of `hyperppo`), or over those of each
architecture or task. Two things more are common to all: the normaliser of observations, which ships, and the scale of
rewards.

What was drawn, and not the bounded action, is what ratios are about (`policies/distributions.py`). The probabilities
it was drawn with are computed from it before the first update. The networks of policy and value are apart.

Departures from the HyperPPO paper and its public code:

1. Episodes that a limit of steps cut are bootstrapped from the value of their last observation, those that terminated
   are not; the public code bootstraps both.
2. Advantages are normalised over an iteration, not over each minibatch.
3. The value function is told widths and depth as numbers in -1 … 1, not the widths themselves.
4. What acts goes through a tanh to the bounds of actions, in training as on the robot. Beyond them nothing tells a mean
   from a larger one, and layers of a deep network grow together: `--bounds-coef` keeps means within reach.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.errors import InputError
from compactrl.learners.base import Judgement, LearnerContext
from compactrl.learners.critics.values import MlpValues
from compactrl.learners.deviations import Deviations
from compactrl.learners.gae import Flags, ReturnScale, advantages, continues
from compactrl.learners.gradient import GradientLearner, check
from compactrl.learners.moments import RunningMoments
from compactrl.learners.on_policy_options import OnPolicyOptions
from compactrl.learners.samples import Samples, dealt, normalized
from compactrl.learners.surrogates import clip_to_norm, value_loss
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.policies.distributions import FreeGaussian, Latent
from compactrl.types import (
    Designs,
    Exploration,
    Floats,
    Metrics,
    Moments,
    Normalizer,
    Outcomes,
    State,
    Transitions,
    Trials,
)


class Estimates(NamedTuple):
    """Of T steps in L lanes."""

    rows: Floats
    """(T, L, O + F) what the value function sees."""
    value: Floats
    """(T, L)"""
    advantage: Floats
    """(T, L)"""


MOST_DEVIATIONS = 1 << 24
"""Numbers in a table of a vector for each architecture."""


class OnPolicyLearner(GradientLearner):
    """Learns theta from the transitions of an iteration; how is its subclasses' (`_learn`).

    Args:
        context: see `GradientLearner`.
    """

    options: OnPolicyOptions
    distribution: Latent
    takes_discrete = True
    num_parts = 1

    def __init__(self, context: LearnerContext) -> None:
        check(context, self.takes_discrete)  # what it says comes first
        check_on_policy(context)
        spec, options = context.spec, context.options
        self._moments = RunningMoments(spec.observation_size, options.normalize_observations)
        super().__init__(context)
        self._scale = ReturnScale(options.gamma, np.zeros(self.lanes))
        self._discrete = spec.action.kind == "discrete"
        self._free = isinstance(self.distribution, FreeGaussian)
        space = context.compression.design_space
        each = space.listed(MOST_DEVIATIONS) if options.deviation == "per-architecture" and space.length else None
        self._deviations = Deviations(each, self.actions, options.log_std_init, self.device)
        told_size = self._told(self._asked[0][:1]).shape[1]
        self.values = MlpValues(
            spec.observation_size + told_size,
            options.critic_hidden,
            options.critic_activation,
            options.critic_learning_rate,
            np.random.default_rng(context.seed.spawn(1)[0]),
            self.device,
        )
        self._updates = 0
        self._design_values: Floats = np.full(self.num_designs, np.nan)

    @property
    def num_steps(self) -> int:
        """T, steps in every lane in an iteration."""
        return self.options.n_steps

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the present iteration."""
        seen = self.options.normalize_observations and self._given_normalizer is None
        return self._moments.normalizer if seen else super().normalizer

    def _explore(self, steps: int) -> Exploration:
        """Return the noise of the next T steps, with the deviation that no state decides in it."""
        of_lane = np.arange(self.lanes) % self.batch.size
        return self._noise(self.generator, (steps, self.lanes), self._acting_deviations()[of_lane])

    def _noise(self, generator: np.random.Generator, shape: tuple[int, int], deviations: Floats) -> Exploration:
        """Draw the noise of T steps in L lanes, of which each has deviations that no state decides, (L, A)."""
        if self._discrete:
            noise = generator.gumbel(size=(*shape, self.actions))
            return Exploration(noise, np.full((*shape, 1), np.nan), self.distribution)
        noise = generator.standard_normal((*shape, self.actions))
        if self._free:
            noise *= deviations
        return Exploration(noise, np.full(noise.shape, np.nan), self.distribution)

    def _acting_deviations(self) -> Floats:
        """Return the standard deviations (n, A) of the designs that act, which no state decides."""
        return self._deviations.of(self._described(self._asked[0]))

    def _described(self, designs: Designs) -> Designs:
        """Return the designs (n, D) that learn; the settled one, once there is one."""
        return designs if self.settled is None else self.settled[None]

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:  # noqa: ARG002
        """Learn from an iteration's transitions, which are then of no more use."""
        transitions = outcomes.transitions
        if transitions is None:
            raise ValueError("expected outcomes of collecting, with transitions")
        metrics = self._episodes(outcomes) | self._anneal(progress)
        designs, normalizer = self._asked[0], self.normalizer
        with single_threaded_torch():
            samples, more = self._prepared(transitions, designs, normalizer)
            more |= self._learn(samples, designs)
        self._see(outcomes.moments)
        return metrics | more | {"updates": float(self._updates)}

    def _see(self, moments: Moments) -> None:
        """Take in what was seen, for the normaliser of the next iteration."""
        self._moments.add(moments)

    # What is learned from.

    @torch.no_grad()
    def _prepared(self, transitions: Transitions, designs: Designs, normalizer: Normalizer) -> tuple[Samples, Metrics]:
        """Return an iteration's transitions with advantages and probabilities, by architecture, and metrics."""
        options, valid, n = self.options, transitions.valid, len(designs)
        reward = np.where(valid, transitions.reward, 0.0)
        if options.normalize_returns:
            self._scale.add(reward, transitions)
        told = self._told(self._described(designs))
        estimates = self._estimates(transitions, told[np.arange(self.lanes) % n], normalizer)
        target = estimates.value + estimates.advantage
        counts = np.maximum(dealt(valid.astype(float), n).sum(axis=1), 1.0)
        scaled = self._scale.scale if options.normalize_returns else 1.0
        worth = dealt(target * valid, n).sum(axis=1) / counts * scaled
        self._design_values = worth[len(self.batch.anchors) :]
        samples = self._samples(transitions, estimates, n)
        self._deviations.learn(self._described(designs))
        samples = samples._replace(behaviour=self._behaviour(samples, designs))
        known = target[valid]
        spread = float(known.var()) if len(known) else 0.0
        explained = 1 - float((known - estimates.value[valid]).var()) / spread if spread > 0 else 0.0
        metrics = {"explained_variance": explained, "value": float(known.mean())}
        return samples, metrics

    def _told(self, designs: Designs) -> Floats:
        """Return what the value function is told of designs (n, D), (n, F)."""
        return self._searched_batch.told(designs)

    def _estimates(self, transitions: Transitions, told: Floats, normalizer: Normalizer) -> Estimates:
        """Return values and advantages; told is what the value function is told of each lane's policy, (L, F)."""
        options, valid = self.options, transitions.valid
        reward = np.where(valid, transitions.reward, 0.0)
        if options.normalize_returns:
            reward = reward / self._scale.scale
        rows = self._rows(transitions.observation, valid, told, normalizer)  # (T, L, O + F)
        value = self._values_of(rows)
        goes_on = continues(transitions)
        following = np.zeros_like(value)
        following[:-1] = np.where(goes_on[:-1], value[1:], 0.0)
        last = valid & ~goes_on & ~transitions.terminated
        following[last] = self._values_of(self._rows(transitions.next_observation, valid, told, normalizer)[last])
        advantage = np.where(
            valid,
            advantages(reward, value, following, transitions.terminated, goes_on, options.gamma, options.gae_lambda),
            0.0,
        )
        return Estimates(rows, value, advantage)

    def _samples(self, transitions: Transitions, estimates: Estimates, n: int) -> Samples:
        """Return transitions by architecture, of n; what they were drawn with is not in them yet."""
        rows, value, advantage = estimates
        valid = transitions.valid
        weight = valid.astype(float)
        groups = 1 if self.options.advantage_normalization == "together" else n
        grouped = (dealt(each, n).reshape(groups, -1) for each in (advantage, weight))
        scaled = normalized(*grouped).reshape(n, -1)
        latent = self.distribution.latent(np.where(valid[..., None], transitions.action, 0.0))
        shaped_rows, shaped_latent, *numbers = (
            self._tensor(dealt(part, n).astype(np.float32)) for part in (rows, latent, value + advantage, value, weight)
        )
        unknown = torch.zeros_like(numbers[0])
        return Samples(shaped_rows, shaped_latent, unknown, self._tensor(scaled.astype(np.float32)), *numbers)

    def _behaviour(self, samples: Samples, designs: Designs) -> Tensor:
        """Return the log probabilities (n, S) of what was drawn, by the policies as they acted."""
        outputs = self.trained.network(self._theta.detach(), designs)(self._observations(samples.rows))
        return self._acting().likelihood(outputs, samples.latent)[0]

    def _rows(self, observation: Floats, valid: Flags, told: Floats, normalizer: Normalizer) -> Floats:
        """Return what value functions see (T, L, O + F); zeros where a step failed."""
        seen = (np.where(valid[..., None], observation, normalizer.mean) - normalizer.mean) / normalizer.std
        return np.concatenate([seen, np.broadcast_to(told, (*seen.shape[:-1], told.shape[-1]))], axis=-1)

    def _observations(self, rows: Tensor) -> Tensor:
        return rows[..., : self.trained.sizes[0]]

    def _values_of(self, rows: Floats) -> Floats:
        """Return the values (…,) of rows (…, O + F)."""
        flat = self._tensor(rows.reshape(1, -1, rows.shape[-1]).astype(np.float32))
        return self.values(flat).cpu().numpy().astype(float).reshape(rows.shape[:-1])

    def _acting(self) -> Latent:
        """Return the action distribution of outputs (n, B, outputs), with the deviations that are learned."""
        return FreeGaussian(self._deviations.log_std) if self._free else self.distribution

    # Updates.

    @abstractmethod
    def _learn(self, samples: Samples, designs: Designs) -> Metrics:
        """Learn from an iteration's transitions; return metrics of where it led."""

    def _batches(self, samples: Samples, designs: Designs) -> Iterator[Tensor]:
        """Return the places (B,) of each batch of the updates that go once through an iteration's transitions."""
        order = self._tensor(self.generator.permutation(samples.weight.shape[1]))
        yield from torch.split(order, self.options.batch_size // len(designs))

    def _improve_values(self, batch: Samples) -> None:
        """Make one update of the value function with a batch (n, B, …)."""
        slope = self._loss_of_values(batch)[1]
        self.values.adam.step(clip_to_norm(self.values.gradient(slope), self.options.max_grad_norm))

    def _loss_of_values(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return the value function's loss, and its gradient with respect to the values."""
        values, clip = self.values(samples.rows), self.options.clip_range_vf
        return value_loss(values, samples.target, samples.value, samples.weight, clip)

    @property
    def has_learned(self) -> bool:
        """Whether there was an update."""
        return self._updates > 0

    def judge(self, outcomes: Outcomes) -> Judgement:  # noqa: ARG002
        """Judge each design by the mean discounted return of its transitions, bootstrapped."""
        return Judgement(self._design_values, self._design_values)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            **super().state_dict(),
            **self._moments.state_dict(),
            "values": self.values.state_dict(),
            "deviations": self._deviations.state_dict(),
            "scale": self._scale.state_dict(),
            "updates": self._updates,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._moments.load_state_dict(state)
        self.values.load_state_dict(state["values"])
        self._deviations.load_state_dict(state["deviations"])
        self._scale.load_state_dict(state["scale"])
        self._updates = int(state["updates"])


def check_on_policy(context: LearnerContext) -> None:
    """Raise InputError where nothing can be learned with these options."""
    options, n, lanes, spec = context.options, context.meta_batch.size, context.lanes, context.spec
    if options.deviation != "common" and spec.action.kind == "discrete":
        raise InputError(f"--deviation {options.deviation}: the actions of {spec.id} are discrete and have none")
    designs = context.compression.design_space.count
    if options.deviation == "per-architecture" and designs * spec.action.size > MOST_DEVIATIONS:
        raise InputError(
            f"--deviation per-architecture: {designs:,} architectures or tasks with {spec.action.size} actions are "
            "too many to keep a vector of each; give --deviation common, or fewer --widths"
        )
    if n <= lanes and lanes % n:
        raise InputError(
            f"--num-envs {lanes} cannot be shared evenly by --meta-batch {n} architectures or tasks: give a "
            f"multiple of {n}"
        )
    transitions, batch = options.n_steps * lanes, options.batch_size
    if n <= batch and (transitions % batch or batch % n):
        raise InputError(
            f"--batch-size {batch} does not divide the {transitions} transitions of an iteration ({lanes} lanes × "
            f"--n-steps {options.n_steps})" + (f" among {n} architectures or tasks" if n > 1 else "")
        )
