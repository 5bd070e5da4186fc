"""Off-policy actor-critic learning, of one policy or of a network that writes policies for many architectures.

Hegde & Sukhatme 2022, section III-C: a meta-batch of architectures acts, each in an environment of its own, into
one replay buffer; a minibatch is split among them, and their policies, all written by one theta, go up the critics'
values (equation 4). A plain network is the same with one architecture.

An iteration collects some 1000 environment steps, one meta-batch acting in all of them, and then makes as many updates,
of several meta-batches one after the other. What a design is worth is taken from the critics: the mean value of its
actions over its updates.

Departures: collecting and learning alternate in larger pieces than the public code's single steps (rlkit's do so too),
and who acts changes with every piece, not with who learns; updates begin after the random steps; critics are told
whose actions they value, Q(observation, action, design); and half of every meta-batch is the same architecture
(`MetaBatch.anchors`). In the paper critics are not told, and learn what the mixture is worth, so that no policy gets
far ahead of it: a plain policy that is trained against such critics alone, once they are finished, gets no further
than the mixture's best. Told critics alone are slow where returns are high: what thousands of policies do by turns is
poor experience for the able ones. One that acts and learns all the time goes ahead as a plain policy does, and the
others learn from where it gets. Errors that are large beside the others count by size, not squared (`critic_clip`):
critics of thousands of policies have a tenth of them that is most of the squares (figures in `methods/rows.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.buffers import Experience, HindsightBuffer, ReplayBuffer
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError
from compactrl.learners.base import Judgement, LearnerContext
from compactrl.learners.critics.base import Critics
from compactrl.learners.critics.mlp import MlpCritics
from compactrl.learners.gradient import GradientLearner, Means
from compactrl.learners.losses import bellman_target, critic_loss
from compactrl.learners.moments import RunningMoments
from compactrl.learners.options import OffPolicyOptions
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.types import Designs, Exploration, Floats, Metrics, Normalizer, Outcomes, State, Trials

HINDSIGHT = 0.8
"""Share of relabelled transitions in environments with goals: four for each that stays as it was."""


def _needed(options: OffPolicyOptions) -> int:
    """Return how many transitions there have to be before learning begins."""
    return max(options.batch_size, min(options.random_steps, options.replay_size // 2))


class Improved(NamedTuple):
    """What came of an update of the policy."""

    loss: Tensor
    values: Tensor
    """(n, B / n) the critics' values of the policies' actions."""


class OffPolicyLearner(GradientLearner):
    """Learns theta from a replay buffer; a subclass says how policies act and what is the loss.

    Args:
        context: what it is told; see `GradientLearner`.
    """

    options: OffPolicyOptions
    num_critics: ClassVar[int] = 2

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        spec, options = context.spec, self.options
        check_off_policy(context)
        drawn = np.random.default_rng(context.seed.spawn(1)[0])
        self.critics: Critics = MlpCritics(
            spec.observation_size + self.actions + self._told_of(self._asked[0][:1]).shape[1],
            options.critic_hidden,
            self._count_critics(),
            options.critic_learning_rate,
            drawn,
            self.device,
        )
        self.buffer = self._make_buffer(spec)
        self._moments = RunningMoments(spec.observation_size)
        self._lowest = (
            None if spec.goal is None or spec.goal.lowest is None else spec.goal.lowest / (1 - options.discount)
        )
        self._updates = 0
        self._judged: Floats = np.full(self.num_designs, np.nan)

    def _count_critics(self) -> int:
        return self.num_critics

    def _make_buffer(self, spec: EnvironmentSpec) -> ReplayBuffer:
        options = self.options
        size = options.replay_size
        if spec.goal is None:
            return ReplayBuffer(size, spec.observation_size, self.actions)
        share = HINDSIGHT if options.hindsight is None else options.hindsight
        return HindsightBuffer(size, spec.observation_size, self.actions, spec.goal, share, self.lanes)

    @property
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the present iteration."""
        return self._moments.normalizer if self.options.normalize_observations else super().normalizer

    def _steps_taken(self) -> int:
        return int(self._moments.count)

    def _explore(self, steps: int) -> Exploration:
        """Return the noise of the next T steps: uniform actions first, then the learner's own."""
        shape = (steps, self.lanes, self.actions)
        exploration = self._noise(shape)
        number = self._steps_taken() + np.arange(steps * self.lanes).reshape(steps, self.lanes)
        uniform = self.generator.uniform(-1, 1, shape)
        actions = np.where((number < self.options.random_steps)[..., None], uniform, exploration.actions)
        return exploration._replace(actions=actions)

    @abstractmethod
    def _noise(self, shape: tuple[int, ...]) -> Exploration:
        """Draw how policies deviate while they act, (T, L, A)."""

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:  # noqa: ARG002
        """Keep the transitions; make as many updates as they allow, once there are enough to learn from."""
        metrics = self._keep(outcomes)
        self._judged = np.full(self.num_designs, np.nan)
        if len(self.buffer) < _needed(self.options):
            return metrics
        metrics |= self._anneal(progress)
        with single_threaded_torch():
            means = Means()
            judged = [self._learn(designs, means)[len(self.batch.anchors) :] for designs in self._asked]
        self._judged = np.concatenate(judged)
        return metrics | self._finite(means) | {"updates": float(self._updates)}

    def _keep(self, outcomes: Outcomes) -> Metrics:
        """Add what was collected to the buffer and to the moments; say how episodes went."""
        if outcomes.transitions is None:
            raise ValueError("expected outcomes of collecting, with transitions")
        self.buffer.add(outcomes.transitions)
        self._moments.add(outcomes.moments)
        return self._episodes(outcomes)

    def _learn(self, designs: Designs, means: Means) -> Floats:
        """Make one part's updates with its n designs; return the mean value of each one's actions, (n,)."""
        count = self.updates_per_part
        rows = self.options.batch_size // len(designs)
        drawn = self.buffer.sample(count * len(designs) * rows, self.generator)
        batches = self._prepared(drawn, (count, len(designs), rows))
        noise = self._tensor(self.generator.standard_normal((count, 2, len(designs), rows, self.actions), np.float32))
        value = torch.zeros(len(designs), device=self.device)
        improvements = 0
        for batch, drawn_noise in zip(zip(*batches, strict=True), noise, strict=True):
            improved = self._update(Experience(*batch), designs, drawn_noise, means)
            if improved is not None:
                value += improved.values.mean(1)
                improvements += 1
        return (
            (value / max(improvements, 1)).cpu().numpy().astype(float)
            if improvements
            else np.full(len(designs), np.nan)
        )

    def _prepared(self, drawn: Experience, shape: tuple[int, ...]) -> Experience:
        """Return rows normalised, as tensors (updates, n, rows, …)."""
        mean, std = self.normalizer
        if self.options.normalize_observations:
            seen, after = ((each - mean) / std for each in (drawn.observation, drawn.next_observation))
            drawn = drawn._replace(observation=seen, next_observation=after)
        return Experience(
            *(self._tensor(np.ascontiguousarray(part, np.float32).reshape(*shape, *part.shape[1:])) for part in drawn)
        )

    def _update(self, batch: Experience, designs: Designs, noise: Tensor, means: Means) -> Improved | None:
        """Make one update of the critics, and of the policy where it is due."""
        improves = self._improves()
        network = self.trained.network(self._theta if improves else self._theta.detach(), designs)
        told = self._told(designs)
        flat = batch.reward.numel()
        with torch.no_grad():
            following = self._next_value(self._following(network, designs), told, batch.next_observation, noise[0])
            target = bellman_target(
                batch.reward.reshape(flat), batch.terminated.reshape(flat), following, self.options.discount
            )
            if self._lowest is not None:
                target.clamp_(self._lowest, 0.0)
        values = self.critics(batch.observation, batch.action, told, learn=True)
        loss = critic_loss(values, target, self.options.critic_clip)
        self.critics.descend(loss)
        means.add("critic_loss", loss)
        means.add("value", values[0].mean())
        improved = None
        if improves:
            improved = self._improve(network, told, batch.observation, noise[1], means)
            self._descend(improved.loss)
            means.add("actor_loss", improved.loss)
        self.critics.follow(self.options.target_rate)
        self._updates += 1
        return improved

    def _improves(self) -> bool:
        """Return whether this update is one of the policy, too."""
        return True

    def _following(self, network: Any, designs: Designs) -> Any:  # noqa: ARG002
        """Return the policies whose actions targets take, of those that learn."""
        return network

    @abstractmethod
    def _next_value(self, network: Any, told: Tensor, observation: Tensor, noise: Tensor) -> Tensor:
        """Return what the targets expect after the next observations (n, rows, O), shape (n · rows,)."""

    @abstractmethod
    def _improve(self, network: Any, told: Tensor, observation: Tensor, noise: Tensor, means: Means) -> Improved:
        """Return the loss of the policies at these observations (n, rows, O)."""

    def _valued(self, told: Tensor, observation: Tensor, actions: Tensor) -> Tensor:
        """Return the critics' values (C, n · rows) of actions (n, rows, A); no gradient goes to the critics."""
        return self.critics(observation, actions, told)

    def _told(self, designs: Designs) -> Tensor:
        """Return what critics are told of designs (n, D), (n, F); of the one that is left, once it is settled."""
        return self._tensor(self._told_of(designs if self.settled is None else self.settled[None]).astype(np.float32))

    def _told_of(self, designs: Designs) -> Floats:
        return self._searched_batch.told(designs)

    @property
    def has_learned(self) -> bool:
        """Whether there was an update."""
        return self._updates > 0

    def judge(self, outcomes: Outcomes) -> Judgement:  # noqa: ARG002
        """Say of each design what the critics make of its actions."""
        return Judgement(self._judged, self._judged)

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
        self._restore_buffer(self.buffer, state["buffer"])
        self._moments.load_state_dict(state)
        self._updates = int(state["updates"])


def check_off_policy(context: LearnerContext) -> None:
    """Raise InputError where nothing could be learned with these options."""
    options, steps, spec = context.options, context.steps, context.spec
    if options.hindsight and spec.goal is None:
        raise InputError(f"--hindsight {options.hindsight}: it is for environments with goals, and {spec.id} has none")
    if spec.goal is not None and spec.goal.refusal and options.hindsight != 0:
        raise InputError(f"{spec.goal.refusal}. --hindsight 0 learns from the rewards of the steps alone")
    if options.replay_size < options.batch_size:
        raise InputError(
            f"--replay-size {options.replay_size} is less than --batch-size {options.batch_size}: nothing would "
            "ever be learned"
        )
    if steps < _needed(options):
        raise InputError(
            f"--steps {steps}: learning begins after {_needed(options)} steps (--random-steps "
            f"{options.random_steps}, --batch-size {options.batch_size}): give more of the first, or fewer of these"
        )
    if spec.goal is not None and spec.limited and not context.resumed and steps < spec.max_episode_steps:
        raise InputError(
            f"--steps {steps}: episodes have up to {spec.max_episode_steps} steps, and hindsight learns from whole "
            "ones: give more of the first, or a smaller --max-episode-steps"
        )
