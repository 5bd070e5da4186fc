"""On-policy learning: PPO, of one policy or of a network that writes policies for many architectures.

Schulman et al. 2017; Hegde, Huang & Sukhatme, "HyperPPO: a scalable method for finding small policies for robotic
control" (2023), algorithm 1. In an iteration n architectures act for `n_steps` steps in every lane, lane l with the
(l mod n)-th. Then updates follow, each with as many transitions of every architecture. Other architectures act in the
next iteration; episodes go on. A plain network is one architecture.

Nothing is mixed between architectures (section III-A): ratio, advantage and value of a transition are those of the
architecture that acted, and the value function is told which it is. Advantages are normalised over all of an
iteration's transitions of one architecture. Two things are common to all: the normaliser of observations, which ships,
and the scale of rewards.

What was drawn, and not the bounded action, is what ratios are about (`policies/distributions.py`). The probabilities
it was drawn with are computed from it before the first update. The networks of policy and value are apart, and so are
their learning rates and the limits of their gradients' norms; there is no weight of the value's loss, which would
change nothing.

Departures from the HyperPPO paper and its public code:

1. Episodes that a limit of steps cut are bootstrapped from the value of their last observation, those that terminated
   are not; the public code bootstraps both.
2. Advantages are normalised per architecture and iteration, not over a minibatch of all architectures.
3. The value function is told widths and depth as numbers in -1 … 1, not the widths themselves.
4. What acts goes through a tanh to the bounds of actions, in training as on the robot. Beyond them nothing tells a mean
   from a larger one, and layers of a deep network grow together: `--bounds-coef` keeps means within reach.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.base import Compression
from compactrl.compressions.trainable import pullback_of
from compactrl.errors import InputError
from compactrl.learners.base import Judgement, LearnerContext
from compactrl.learners.critics.values import MlpValues
from compactrl.learners.deviations import Deviations
from compactrl.learners.gae import Flags, ReturnScale, advantages, continues
from compactrl.learners.gradient import GradientLearner, Means, check
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.moments import RunningMoments
from compactrl.learners.options import PpoOptions
from compactrl.learners.ppo import bounds_slope, clip_to_norm, surrogate, value_loss
from compactrl.learners.samples import Samples, Shuffled, dealt, normalized
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.networks.pullback import Pullback
from compactrl.policies.distributions import FreeGaussian, Latent
from compactrl.types import Designs, Exploration, Floats, Metrics, Normalizer, Outcomes, State, Transitions, Trials

EPSILON = 1e-5
"""Adam's, as in the first public code of PPO."""
MOST_DEVIATIONS = 1 << 24
"""Numbers in a table of a vector for each architecture."""
FASTER, SLOWER, LEAST_RATE, LARGEST_RATE = 1.5, 1 / 1.5, 0.01, 10.0
"""How a rate that adapts is changed, and within which multiples of what was given."""


class OnPolicyLearner(GradientLearner):
    """Learns theta by PPO.

    Args:
        context: see `GradientLearner`.
    """

    options: PpoOptions
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
        each = options.deviation == "per-architecture" and space.rows is not None
        self._deviations = Deviations(space.rows if each else None, self.actions, options.log_std_init, self.device)
        told_size = self._searched_batch.told(self._asked[0][:1]).shape[1]
        self.values = MlpValues(
            spec.observation_size + told_size,
            options.critic_hidden,
            options.critic_activation,
            options.critic_learning_rate,
            np.random.default_rng(context.seed.spawn(1)[0]),
            self.device,
        )
        self._updates, self._adapted = 0, 1.0
        self._design_values: Floats = np.full(self.num_designs, np.nan)

    def _begin(self, compression: Compression, batch: MetaBatch, theta: Floats) -> None:
        super()._begin(compression, batch, theta)
        self._adam = Adam(self._theta, self.options.actor_learning_rate, self.options.weight_decay, EPSILON)

    @property
    def num_steps(self) -> int:
        """T, steps in every lane in an iteration."""
        return self.options.n_steps

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the present iteration."""
        return self._moments.normalizer if self.options.normalize_observations else super().normalizer

    def _explore(self, steps: int) -> Exploration:
        """Return the noise of the next T steps, with the deviation that no state decides in it."""
        if self._discrete:
            noise = self.generator.gumbel(size=(steps, self.lanes, self.actions))
            return Exploration(noise, np.full((steps, self.lanes, 1), np.nan), self.distribution)
        noise = self.generator.standard_normal((steps, self.lanes, self.actions))
        if self._free:
            noise *= self._deviations.of(self._described(self._asked[0]))[np.arange(self.lanes) % self.batch.size]
        return Exploration(noise, np.full(noise.shape, np.nan), self.distribution)

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
        self._moments.add(outcomes.moments)
        return metrics | more | {"updates": float(self._updates)}

    def _anneal(self, progress: float) -> Metrics:
        """Set the learning rates for this share of the budget that is spent; return them as metrics."""
        options = self.options
        share = self._adapted * (1 - progress * (1 - options.actor_learning_rate_decay))
        self._adam.rate = share * options.actor_learning_rate
        self.values.adam.rate = share * options.critic_learning_rate
        return {"actor_learning_rate": self._adam.rate}

    # What is learned from.

    @torch.no_grad()
    def _prepared(self, transitions: Transitions, designs: Designs, normalizer: Normalizer) -> tuple[Samples, Metrics]:
        """Return an iteration's transitions with advantages and probabilities, by architecture, and metrics."""
        options, valid = self.options, transitions.valid
        n = len(designs)
        reward = np.where(valid, transitions.reward, 0.0)
        if options.normalize_returns:
            self._scale.add(reward, transitions)
            reward = reward / self._scale.scale
        told = self._searched_batch.told(self._described(designs))[np.arange(self.lanes) % n]  # (L, F)
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
        target, weight = value + advantage, valid.astype(float)

        def by_architecture(array: Floats) -> Floats:
            return dealt(array, n)

        counts = np.maximum(by_architecture(weight).sum(axis=1), 1.0)
        scaled = self._scale.scale if options.normalize_returns else 1.0
        worth = by_architecture(target * weight).sum(axis=1) / counts * scaled
        self._design_values = worth[len(self.batch.anchors) :]
        normalized_advantage = normalized(by_architecture(advantage), by_architecture(weight))
        latent = self.distribution.latent(np.where(valid[..., None], transitions.action, 0.0))
        shaped_rows, shaped_latent, *numbers = (
            self._tensor(by_architecture(part).astype(np.float32)) for part in (rows, latent, target, value, weight)
        )
        outputs = self.trained.network(self._theta.detach(), designs)(self._observations(shaped_rows))
        self._deviations.learn(self._described(designs))
        behaviour = self._acting().likelihood(outputs, shaped_latent)[0]
        samples = Samples(
            shaped_rows, shaped_latent, behaviour, self._tensor(normalized_advantage.astype(np.float32)), *numbers
        )
        known = target[valid]
        spread = float(known.var()) if len(known) else 0.0
        explained = 1 - float((known - value[valid]).var()) / spread if spread > 0 else 0.0
        metrics = {"explained_variance": explained, "value": float(known.mean())}
        return samples, metrics

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

    @torch.no_grad()
    def _learn(self, samples: Samples, designs: Designs) -> Metrics:
        """Make an iteration's updates; return metrics of where they led."""
        options, count = self.options, samples.weight.shape[1]
        policies, shuffled = pullback_of(self.trained, self._theta, designs), Shuffled(samples)
        self._deviations.learn(self._described(designs))
        metrics: Metrics = {}
        for epoch in range(1, options.n_epochs + 1):
            order = self._tensor(self.generator.permutation(count))
            for places in torch.split(order, options.batch_size // len(designs)):
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
            self._deviations.step(d_log_std, self._adam.rate)
        values = self.values(batch.rows)
        _, slope = value_loss(values, batch.target, batch.value, batch.weight, options.clip_range_vf)
        self.values.adam.step(clip_to_norm(self.values.gradient(slope), options.max_grad_norm))
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
        loss, _ = value_loss(
            self.values(samples.rows), samples.target, samples.value, samples.weight, options.clip_range_vf
        )
        log_ratio, count = log_probability - samples.behaviour, samples.weight.sum()
        kl = (log_ratio.square() * samples.weight).sum() / (2 * count)
        clipped = (((policy.ratio - 1).abs() > options.clip_range) * samples.weight).sum() / count
        means = Means()
        for name, value in {
            "kl": kl,
            "clip_share": clipped,
            "entropy": (acting.entropy(outputs)[0] * samples.weight).sum() / count,
            "actor_loss": policy.loss,
            "critic_loss": loss,
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
        self._adam.rate *= adapted / self._adapted
        self.values.adam.rate *= adapted / self._adapted
        self._adapted = adapted
        return False

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
            "adapted": self._adapted,
            "updates": self._updates,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._moments.load_state_dict(state)
        self.values.load_state_dict(state["values"])
        self._deviations.load_state_dict(state["deviations"])
        self._scale.load_state_dict(state["scale"])
        self._adapted, self._updates = float(state["adapted"]), int(state["updates"])


def check_on_policy(context: LearnerContext) -> None:
    """Raise InputError where nothing can be learned with these options."""
    options, n, lanes, spec = context.options, context.meta_batch.size, context.lanes, context.spec
    if options.deviation != "common" and spec.action.kind == "discrete":
        raise InputError(f"--deviation {options.deviation}: the actions of {spec.id} are discrete and have none")
    if options.adaptive_learning_rate and not options.target_kl:
        raise InputError("--adaptive-learning-rate adapts to --target-kl: give one, such as 0.01")
    rows = context.compression.design_space.rows
    if options.deviation == "per-architecture" and rows is not None and len(rows) * spec.action.size > MOST_DEVIATIONS:
        raise InputError(
            f"--deviation per-architecture: {len(rows):,} architectures or tasks with {spec.action.size} actions are "
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
