"""Off-policy actor-critic learning, of one policy or of a network that writes policies for many architectures.

Hegde & Sukhatme 2022, section III-C: each architecture of a meta-batch acts in an environment of its own, into one
replay buffer. A minibatch is split among them, and the policies, all written by one theta, ascend the critics' values
(equation 4). A plain network is a meta-batch of one architecture.

An iteration collects some 1000 environment steps with one meta-batch, then makes as many updates with several
meta-batches one after the other. The reward of a design is the critics' mean value of its actions over its updates.

Departures:

1. Collecting and learning alternate in larger pieces than the public code's single steps (as in rlkit). The designs
   that act change with every piece; those that learn change more often.
2. Updates begin after the random steps.
3. Critics are told the design, Q(observation, action, design). The paper's learn the value of the mixture of all
   designs, and no policy gets far ahead of it.
4. Half of every meta-batch is one architecture (`MetaBatch.anchors`). Experience of thousands of policies by turns is
   poor for the best of them; the others learn from where this one gets.
5. Critics' errors that are large beside the others count by size, not squared (`critic_huber_delta`).

Trials of 3 to 5 are in `docs/trials.md`.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.buffers import Experience, HindsightBuffer, ReplayBuffer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.learners.base import Judgement, LearnerContext
from compactrl.learners.critics import CRITICS
from compactrl.learners.critics.base import Critics, FlatCritics
from compactrl.learners.critics.inputs import Inputs
from compactrl.learners.gradient import Means
from compactrl.learners.losses import bellman_target, critic_loss
from compactrl.learners.moments import RunningMoments
from compactrl.learners.off_policy_checks import check_off_policy, transitions_needed
from compactrl.learners.options import OffPolicyOptions
from compactrl.learners.replaying import ReplayLearner
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.networks.precision import products_in
from compactrl.networks.threads import on_threads, results
from compactrl.types import (
    Designs,
    Exploration,
    Floats,
    Layers,
    Metrics,
    Normalizer,
    Outcomes,
    State,
    Transitions,
    Trials,
)

HINDSIGHT = 0.8
"""Share of relabelled transitions in environments with goals: four of five."""


class Improvement(NamedTuple):
    """The loss of the policies, and the values that it is made of."""

    loss: Tensor
    values: Tensor
    """(n, rows) the critics' values of the policies' actions."""


class OffPolicyLearner(ReplayLearner):
    """Learns theta from a replay buffer; a subclass defines exploration and losses.

    Args:
        context: see `GradientLearner`.
    """

    options: OffPolicyOptions
    num_critics: ClassVar[int] = 2

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        spec, options = context.spec, self.options
        check_off_policy(context)
        self.threads = context.threads if self.device.type == "cpu" else 1
        inputs = Inputs(spec.observation_size, self.actions, self._count_told())
        self.critics: Critics = FlatCritics(
            CRITICS[options.critic].form(inputs, options),
            self._count_critics(),
            options.critic_learning_rate,
            np.random.default_rng(context.seed.spawn(1)[0]),
            self.device,
        )
        self.buffer = self._make_buffer(spec)
        self._moments = RunningMoments(spec.observation_size, options.normalize_observations)
        lowest_reward = None if spec.goal is None else spec.goal.lowest
        self._lowest_value = None if lowest_reward is None else lowest_reward / (1 - options.gamma)
        self._updates = 0
        self._design_values: Floats = np.full(self.num_designs, np.nan)

    def _count_critics(self) -> int:
        return self.num_critics

    def _count_told(self) -> int:
        """Return F, how many numbers critics are told of a policy."""
        return int(self._searched_batch.told(self._asked[0][:1]).shape[1])

    def _make_buffer(self, spec: EnvironmentSpec) -> ReplayBuffer:
        options = self.options
        size = options.buffer_size
        if spec.goal is None:
            return ReplayBuffer(size, spec.observation_size, self.actions)
        share = HINDSIGHT if options.hindsight is None else options.hindsight
        return HindsightBuffer(size, spec.observation_size, self.actions, spec.goal, share, self.lanes)

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the present iteration."""
        seen = self.options.normalize_observations and self._given_normalizer is None
        return self._moments.normalizer if seen else super().normalizer

    def _steps_taken(self) -> int:
        return int(self._moments.count)

    def _explore(self, steps: int) -> Exploration:
        """Return the noise of the next T steps: uniform actions first, then the learner's own."""
        shape = (steps, self.lanes, self.actions)
        exploration = self._noise(shape)
        number = self._steps_taken() + np.arange(steps * self.lanes).reshape(steps, self.lanes)
        uniform = self.generator.uniform(-1, 1, shape)
        actions = np.where((number < self.options.learning_starts)[..., None], uniform, exploration.actions)
        return exploration._replace(actions=actions)

    @abstractmethod
    def _noise(self, shape: tuple[int, ...]) -> Exploration:
        """Draw the exploration of policies while they act, (T, L, A)."""

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:  # noqa: ARG002
        """Keep the transitions; once there are enough, make the updates of this iteration."""
        metrics = self._keep(outcomes)
        self._design_values = np.full(self.num_designs, np.nan)
        if len(self.buffer) < transitions_needed(self.options):
            return metrics
        metrics |= self._anneal(progress)
        with single_threaded_torch(), on_threads(self.threads), products_in(self.options.precision):
            means = Means()
            values = [self._learn(designs, means)[len(self.batch.anchors) :] for designs in self._asked]
        self._design_values = np.concatenate(values)
        return metrics | self._finite(means) | {"updates": float(self._updates)}

    def _keep(self, outcomes: Outcomes) -> Metrics:
        """Add the transitions to the buffer and to the moments; return metrics of episodes."""
        if outcomes.transitions is None:
            raise ValueError("expected outcomes of collecting, with transitions")
        self._remember(outcomes.transitions)
        self._moments.add(outcomes.moments)
        return self._episodes(outcomes)

    def _remember(self, transitions: Transitions) -> None:
        self.buffer.add(transitions)

    def _learn(self, designs: Designs, means: Means) -> Floats:
        """Make the updates of one part with its n designs; return the mean value of each design's actions, (n,)."""
        count = self.updates_per_part
        rows = self.options.batch_size // len(designs)
        drawn = self.buffer.sample(count * len(designs) * rows, self.generator)
        batches = self._prepared(drawn, (count, len(designs), rows))
        noise = self._tensor(self.generator.standard_normal((count, 2, len(designs), rows, self.actions), np.float32))
        total = torch.zeros(len(designs), device=self.device)
        improvements = 0
        for batch, batch_noise in zip(zip(*batches, strict=True), noise, strict=True):
            values = self._update(Experience(*batch), designs, batch_noise, means)
            if values is not None:
                total += values.mean(1)
                improvements += 1
        if not improvements:
            return np.full(len(designs), np.nan)
        return (total / improvements).cpu().numpy().astype(float)

    def _prepared(self, drawn: Experience, shape: tuple[int, ...]) -> Experience:
        """Return rows normalised, as tensors (updates, n, rows, …)."""
        mean, std = self.normalizer
        if self.options.normalize_observations or self._given_normalizer is not None:
            drawn = drawn._replace(
                observation=(drawn.observation - mean) / std, next_observation=(drawn.next_observation - mean) / std
            )
        return Experience(
            *(self._tensor(np.ascontiguousarray(part, np.float32).reshape(*shape, *part.shape[1:])) for part in drawn)
        )

    def _update(self, batch: Experience, designs: Designs, noise: Tensor, means: Means) -> Tensor | None:
        """Make one update of the critics, and of the policies where it is due.

        Args:
            batch: (n, rows, …).
            designs: (n, D).
            noise: (2, n, rows, A), of the targets' actions and of the policies'.
            means: take the metrics in.

        Returns:
            The critics' values (n, rows) of the policies' actions; None where only the critics are updated.
        """
        improves = self._improves()
        network = self.trained.network(self._theta if improves else self._theta.detach(), designs)
        told = self._told(designs)
        following = self._following(network, designs)
        asked = [partial(_outputs, following, batch.next_observation, learn=False)]
        if improves:  # the critics do not change what policies say: they may as well say it now
            asked.append(partial(_outputs, network, batch.observation, learn=True))
        outputs = results(asked, batch.reward.numel() * self._theta.numel())
        target = self._target(batch, outputs[0], told, noise[0])
        self._fit_critics(batch, told, target, means)
        values = None
        if improves:
            loss, values = self._improve(outputs[1], told, batch.observation, noise[1], means)
            self._descend(loss)
            means.add("actor_loss", loss)
        self.critics.follow(self.options.tau)
        self._updates += 1
        return values

    @torch.no_grad()
    def _target(self, batch: Experience, outputs: Tensor, told: Tensor, noise: Tensor) -> Tensor:
        """Return what the critics should say of the batch, (n · rows,)."""
        next_value = self._next_value(outputs, told, batch.next_observation, noise)
        flat = batch.reward.numel()
        reward, terminated = batch.reward.reshape(flat), batch.terminated.reshape(flat)
        target = bellman_target(reward, terminated, next_value, self.options.gamma)
        if self._lowest_value is not None:
            target.clamp_(self._lowest_value, 0.0)
        return target

    def _fit_critics(self, batch: Experience, told: Tensor, target: Tensor, means: Means) -> None:
        """Take a step of the critics towards their target (n · rows,)."""
        values = self.critics(batch.observation, batch.action, told, learn=True)
        loss = critic_loss(values, target, self.options.critic_huber_delta)
        self.critics.descend(loss)
        means.add("critic_loss", loss)
        means.add("value", values[0].mean())

    def _improves(self) -> bool:
        """Return whether the policies are updated this time."""
        return True

    def _following(self, network: Any, designs: Designs) -> Any:  # noqa: ARG002
        """Return the policies that act in the targets."""
        return network

    @abstractmethod
    def _next_value(self, outputs: Tensor, told: Tensor, observation: Tensor, noise: Tensor) -> Tensor:
        """Return the value of the next observations (n, rows, O), where policies say `outputs`, shape (n · rows,)."""

    @abstractmethod
    def _improve(self, outputs: Tensor, told: Tensor, observation: Tensor, noise: Tensor, means: Means) -> Improvement:
        """Return the loss of policies that say `outputs` of these observations (n, rows, O), and their values."""

    def _told(self, designs: Designs) -> Tensor:
        """Return what critics are told of designs (n, D), shape (n, F); of the settled one, once there is one."""
        told = self._searched_batch.told(designs if self.settled is None else self.settled[None])
        return self._tensor(told.astype(np.float32))

    # For studies of what critics say of actions (`searches/gradients.py`).

    @property
    def studied(self) -> Designs:
        """The design (1, D) whose policy is studied: the anchor where there is one, else one of those that act."""
        return self.batch.anchors[:1] if len(self.batch.anchors) else self._asked[0][:1]

    def acting(self) -> Layers:
        """Return the network of the studied design, as it acts now."""
        with single_threaded_torch():
            return next(self._networks(self.studied))

    def action_gradient(self, observation: Floats, action: Floats) -> Floats:
        """Return the gradient (n, A) of the value that policies climb, at actions (n, A) in observations (n, O)."""
        mean, std = self.normalizer
        rows = self._tensor(((observation - mean) / std).astype(np.float32))[None]
        steered = self._tensor(action.astype(np.float32))[None].requires_grad_()
        with single_threaded_torch():
            values = self._climbed(rows, steered, self._told(self.studied))
            (gradient,) = torch.autograd.grad(values.sum(), steered)
        return gradient[0].cpu().numpy().astype(float)

    @abstractmethod
    def _climbed(self, observation: Tensor, action: Tensor, told: Tensor) -> Tensor:
        """Return the value (n · B,) of actions (n, B, A) that policies climb."""

    @property
    def has_learned(self) -> bool:
        """Whether there was an update."""
        return self._updates > 0

    def judge(self, outcomes: Outcomes) -> Judgement:  # noqa: ARG002
        """Judge each design by the critics' mean value of its actions."""
        return Judgement(self._design_values, self._design_values)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit; the replay buffer unless `save_replay` is off."""
        return {
            **super().state_dict(),
            "critics": self.critics.state_dict(),
            "buffer": self._saved_buffer(self.buffer),
            **self._moments.state_dict(),
            "updates": self._updates,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.critics.load_state_dict(state["critics"])
        if "buffer" in state:  # not for studies of what was learned
            self._restore_buffer(self.buffer, state["buffer"])
        self._moments.load_state_dict(state)
        self._updates = int(state["updates"])


def _outputs(network: Any, observation: Tensor, learn: bool) -> Tensor:
    """Return what policies say of observations; on other threads, too, gradients are kept to learn."""
    with torch.set_grad_enabled(learn):
        outputs: Tensor = network(observation)
        return outputs
