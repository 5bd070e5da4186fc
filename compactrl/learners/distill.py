"""Imitation: a policy learns the actions of another one, the teacher, which acts; or both act by turns.

The column "behaviour cloning" of Hegde & Sukhatme 2022, table I: a small network imitates a [256, 256] policy. The
teacher acts with a little noise, so that it shows how to recover. Its actions without noise are the targets:

    loss = mean (tanh(student(o)) - teacher(o))²,   actions in -1 … 1

Discrete actions: the teacher, and the student in its turn, do what their largest output says, but for a share of random
actions, and the loss is that of classification, -log softmax(student(o))[teacher(o)]. Logits are not imitated: those of
a policy that was evolved have no scale.

The student observes through the teacher's normaliser, or through that of the policy which it begins from.

With `student_share` the student acts in so many of the iterations, and the teacher says what it would have done there:
the states that the student gets into are those it must learn to act in (DAgger: Ross, Gordon & Bagnell 2011, algorithm
3.1). Departure: they act by turns, iteration by iteration and not at random, and go on with each other's episodes, so
that the teacher shows as well how to recover from where the student got.

A student whose weights are rounded (`compressions.shared`) learns through the rounding; with a plain one, and a teacher
who always acts, this is behaviour cloning.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from compactrl.buffers import ReplayBuffer
from compactrl.errors import InputError
from compactrl.learners.base import NO_DESIGN, Judgement, LearnerContext, single
from compactrl.learners.gradient import Means
from compactrl.learners.options import DistillOptions
from compactrl.learners.replaying import ReplayLearner
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.policies.distributions import Categorical
from compactrl.policies.policy import Policy
from compactrl.types import Designs, Exploration, Floats, Metrics, Mixed, Normalizer, Outcomes, State, Trials


class DistillLearner(ReplayLearner):
    """Imitates a teacher.

    Args:
        context: with a teacher.

    Raises:
        InputError: the environment or the teacher is not for it.
    """

    options: DistillOptions
    takes_discrete = True

    def __init__(self, context: LearnerContext) -> None:
        super().__init__(context)
        self.teacher = _checked_teacher(context)
        self._normalizer = self.teacher.normalizer if context.normalizer is None else context.normalizer
        self._iterations = 0
        width = 1 if isinstance(self.distribution, Categorical) else self.actions
        self.buffer = ReplayBuffer(self.options.buffer_size, context.spec.observation_size, width)

    @property
    def normalizer(self) -> Normalizer:
        """The start's, else the teacher's; either may be rounded."""
        return self._normalizer

    def ask(self, designs: Designs) -> Trials:
        """Return trials of the teacher, or of the student where it is its turn."""
        turns = self.options.student_share * np.array([self._iterations, self._iterations + 1])
        self._iterations += 1
        if np.ptp(np.floor(turns + 1e-9)):
            return self._trials_of_student(designs)
        no_designs = np.zeros((self.lanes, designs.shape[1]), np.int64)
        normalizer = self.teacher.normalizer
        networks, exploration = self.teacher.batched(self.lanes), self._explore(self.num_steps)
        return Trials(networks, normalizer, no_designs, exploration, self.compression.tasks(no_designs))

    def _trials_of_student(self, designs: Designs) -> Trials:
        with single_threaded_torch():
            layers = self.trained.expand_each(self._theta.detach().cpu().numpy(), NO_DESIGN[None])[0]
        policies = Mixed((single(layers),), np.zeros(self.lanes, np.int64), self.compression.skeleton.activation)
        no_designs = np.zeros((self.lanes, designs.shape[1]), np.int64)
        exploration, tasks = self._explore(self.num_steps), self.compression.tasks(no_designs)
        return Trials(policies, self.normalizer, no_designs, exploration, tasks)

    def _explore(self, steps: int) -> Exploration:
        shape = (steps, self.lanes, self.actions)
        if isinstance(self.distribution, Categorical):
            drawn = self.generator.integers(self.actions, size=(*shape[:2], 1)).astype(float)
            asked = self.generator.random(drawn.shape) >= self.options.teacher_noise
            return Exploration(np.zeros(shape), np.where(asked, np.nan, drawn), self.distribution)
        noise = self.options.teacher_noise * self.generator.standard_normal(shape)
        return Exploration(noise, np.full(shape, np.nan), self.distribution)

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:  # noqa: ARG002
        """Keep the teacher's observations and its actions without noise; learn from them."""
        transitions = outcomes.transitions
        if transitions is None:
            raise ValueError("expected outcomes of collecting, with transitions")
        observations = transitions.observation
        actions = self._shown(observations.reshape(-1, observations.shape[-1]))
        self.buffer.add(transitions._replace(action=actions.reshape(transitions.action.shape)))
        metrics = self._episodes(outcomes)
        if len(self.buffer) < self.options.batch_size:
            return metrics
        metrics |= self._anneal(progress)
        with single_threaded_torch():
            means = self._learn()
        return metrics | self._finite(means)

    def _shown(self, observations: Floats) -> Floats:
        """Return what the teacher does without noise for observations (B, O): (B, A), or (B, 1) where it chooses."""
        if isinstance(self.distribution, Categorical):
            return np.asarray(self.teacher(observations)[:, None] - self.teacher.action.start, np.float64)
        return self.teacher.squashed(observations)

    def _loss(self, outputs: Tensor, action: Tensor) -> Tensor:
        """Return the loss of outputs (1, B, outputs) where the teacher's actions are (1, B, A)."""
        if isinstance(self.distribution, Categorical):
            return -self.distribution.log_probability(outputs, action).mean()
        return (self.distribution.mode(outputs) - action).square().mean()

    def _learn(self) -> Means:
        means, count = Means(), self.updates_per_part * self.num_parts
        drawn = self.buffer.sample(count * self.options.batch_size, self.generator)
        mean, std = self.normalizer
        shape = (count, 1, self.options.batch_size, -1)
        observations = self._tensor(((drawn.observation - mean) / std).astype(np.float32).reshape(shape))
        actions = self._tensor(drawn.action.reshape(shape))
        for observation, action in zip(observations, actions, strict=True):
            network = self.trained.network(self._theta, NO_DESIGN[None])
            loss = self._loss(network(observation), action)
            self._descend(loss)
            means.add("actor_loss", loss)
        return means

    def judge(self, outcomes: Outcomes) -> Judgement:  # noqa: ARG002
        """Judge nothing: there is one design."""
        unknown: Floats = np.full(self.num_designs, np.nan)
        return Judgement(unknown, unknown)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit; the replay buffer unless `save_replay` is off."""
        return {**super().state_dict(), "iterations": self._iterations, "buffer": self._saved_buffer(self.buffer)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._iterations = int(state.get("iterations", 0))  # of earlier versions, in which only the teacher acts
        self._restore_buffer(self.buffer, state["buffer"])


def _checked_teacher(context: LearnerContext) -> Policy:
    """Return the teacher.

    Raises:
        InputError: there is none, or it is for another environment.
    """
    teacher, spec = context.teacher, context.spec
    if teacher is None:
        how = "" if context.method == "distill" else " --learner distill"
        raise InputError(
            f"--method {context.method}{how} needs a --teacher: the folder of a run whose policy is to be imitated"
        )
    if (teacher.shape[0], teacher.shape[-1]) != (spec.observation_size, spec.action.size):
        raise InputError(
            f"--teacher {context.options.teacher} is a policy for {teacher.env}, with {teacher.shape[0]} observations "
            f"and {teacher.shape[-1]} actions; {spec.id} has {spec.observation_size} and {spec.action.size}. Leave "
            "--env out: the student then learns in the teacher's environment"
        )
    if changed := spec.reordered(teacher.names):
        raise InputError(
            f"--teacher {context.options.teacher} observes {teacher.env} in another order than {spec.id} has: {changed}"
            ". Leave --env out: the student then learns in the teacher's environment"
        )
    return teacher
