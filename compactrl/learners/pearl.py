"""PEARL: soft actor-critic for many tasks, told apart by latent numbers that an encoder infers from what happened.

Rakelly, Zhou, Quillen, Finn & Levine, "Efficient off-policy meta-reinforcement learning via probabilistic context
variables" (2019). The latents z of a task have the posterior q(z | transitions) of `context_encoder.py`; policy and
critics get z beside the observation. Of n tasks at a time, with a z of each, drawn from the posterior of recent
transitions (section 4, algorithm 1),

    y = r + discount (1 - terminated) (min_c Q'_c(s', a', z) - alpha log p(a'|s', z))
    critics, encoder: Σ_c mean (Q_c(s, a, z) - y)² + weight · mean KL(q || N(0, 1))
    policies: mean (alpha log p(a|s, z) - min_c Q_c(s, a, z)), from which no gradient goes to the encoder

With z given, a policy is a plain network, and lanes act as ever: some with a z of the prior, others of the posterior.
In a new task, episodes with the prior come first, and the posterior's mean ships. Without them the prior's does, z = 0.

Hyper-PEARL (Keynan et al. 2021, section 5) is the same with policies whose weights z decides. How both depart from the
papers is numbered in `docs/tasks.md`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compactrl.buffers import Experience, TaskReplay
from compactrl.compressions.trainable import OfLatents
from compactrl.envs.spec import EnvironmentSpec
from compactrl.errors import InputError, either
from compactrl.evaluation import Evaluator
from compactrl.learners.base import NO_DESIGN, LearnerContext, Shipped
from compactrl.learners.context_encoder import ContextEncoder, divergence
from compactrl.learners.gradient import Means
from compactrl.learners.losses import critic_loss
from compactrl.learners.options import PearlOptions
from compactrl.learners.sac import SacLearner
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.types import Designs, Exploration, Floats, Integers, Mixed, State, Transitions, Trials

Flags = NDArray[np.bool_]
PASSING = ("mlp", "mlp-small", "mlp-large")
"""Critics through which gradients reach what they are told."""


class PearlLearner(SacLearner):
    """Policies and critics of latents, and the encoder that infers these.

    Args:
        context: see `GradientLearner`; its compression's designs are tasks, and its policies functions of latents.
    """

    options: PearlOptions
    buffer: TaskReplay

    def __init__(self, context: LearnerContext) -> None:
        self._policies, self._episode_steps = _checked(context), context.spec.max_episode_steps
        super().__init__(context)
        self.encoder = ContextEncoder(
            context.spec.observation_size + self.actions + 1,
            self.options.encoder_hidden,
            self._policies.latents,
            self.options.encoder_learning_rate,
            np.random.default_rng(context.seed.spawn(1)[0]),
            self.device,
        )
        self.adaptation_episodes = self.options.adaptation_episodes
        self._tasks: Integers = np.zeros(self.lanes, np.int64)
        self._by_prior = np.ones(self.lanes, bool)

    # How an iteration is divided: whole episodes, then updates with tasks that the learner draws.

    @property
    def num_parts(self) -> int:
        """One: which tasks can be learned depends on what has been seen of them."""
        return 1

    @property
    def num_steps(self) -> int:
        """T, of as many whole episodes as come near to --iteration-steps, and at least one."""
        episodes = round(self.options.iteration_steps / (self.lanes * self._episode_steps))
        return max(1, episodes) * self._episode_steps

    @property
    def updates_per_part(self) -> int:
        """Updates of an iteration."""
        return max(1, round(self.num_steps * self.lanes * self.options.updates_per_step))

    def _count_told(self) -> int:
        return self._policies.latents

    def _make_buffer(self, spec: EnvironmentSpec) -> TaskReplay:
        options = self.options
        return TaskReplay(options.buffer_size, spec.observation_size, self.actions, options.context_window)

    # Acting.

    def ask(self, designs: Designs) -> Trials:
        """Return this iteration's trials for the controller's tasks (n, D); lane l acts in task l mod n."""
        self._asked = self.parts(designs)
        of_lanes = self._asked[0][np.arange(self.lanes) % self.batch.size]
        self._tasks = numbers_of(of_lanes)
        latents = self.generator.standard_normal((self.lanes, self._policies.latents))
        self._by_prior = ~self._may_infer() | ~np.isin(self._tasks, self.buffer.known)
        inferring = np.flatnonzero(~self._by_prior)
        if len(inferring):
            with single_threaded_torch(), torch.no_grad():
                posterior = self.encoder.posterior(self._recent(self._tasks[inferring]))
                noise = self._tensor(latents[inferring].astype(np.float32))
                latents[inferring] = posterior.sample(noise).cpu().numpy()
        trials = self._trials(latents, self._theta.detach().cpu().numpy(), self.compression.tasks(of_lanes))
        return trials._replace(designs=of_lanes, exploration=self._explore(self.num_steps))

    def _may_infer(self) -> Flags:
        """Return which lanes act by the posterior, (L,): the last of each task's, once there was an update."""
        number, of_task = np.arange(self.lanes) // self.batch.size, self.lanes // self.batch.size
        inferring = round(self.options.posterior_share * of_task)
        return (number >= of_task - min(inferring, of_task - 1)) & self.has_learned

    def _trials(self, latents: Floats, theta: Floats, tasks: Floats | None) -> Trials:
        """Return a trial without exploration for each row of latents (L, Z), in tasks (L, C)."""
        with single_threaded_torch():
            policies = tuple(self._policies.of_latents(theta, latents))
        count = len(policies)
        networks = Mixed(policies, np.arange(count), self.compression.skeleton.activation)
        return Trials(networks, self.normalizer, np.zeros((count, 0), np.int64), tasks=tasks)

    def _remember(self, transitions: Transitions) -> None:
        self.buffer.add_of(transitions, self._tasks, self._by_prior)

    # Learning.

    def _learn(self, designs: Designs, means: Means) -> Floats:
        """Make the updates of an iteration; return the mean value of actions in each of these tasks (n, D), (n,).

        It is NaN where none of the updates was for the task.
        """
        known, count = self.buffer.known, len(designs)
        asked, totals, updates = numbers_of(designs), np.zeros(len(designs)), np.zeros(len(designs))
        rows = self.options.batch_size // count
        for _ in range(self.updates_per_part):
            tasks = np.resize(self.generator.permutation(known), count)  # where there are fewer, each more than once
            values = self._learn_tasks(tasks, rows, means)
            same = asked[:, None] == tasks
            totals += same @ values.mean(1).cpu().numpy().astype(float)
            updates += same.sum(1)
        return np.asarray(np.divide(totals, updates, out=np.full(count, np.nan), where=updates > 0))

    def _learn_tasks(self, tasks: Integers, rows: int, means: Means) -> Tensor:
        """Make one update with B transitions of each of n tasks; return the values (n, B) of the policies' actions."""
        count = len(tasks)
        drawn = self.buffer.sample_of(tasks, rows, self.generator)
        batch = self._prepared(drawn, (count, rows))
        posterior = self.encoder.posterior(self._recent(tasks))
        latents = posterior.sample(self._standard_normal(count, self._policies.latents))
        noise = self._standard_normal(2, count, rows, self.actions)
        told = latents.detach()
        policies = self._policies.network_of(self._theta, told)
        with torch.no_grad():
            following = policies(batch.next_observation)
        target = self._target(batch, following, told, noise[0])
        self._fit_latents(batch, target, latents, divergence(posterior), means)
        loss, values = self._improve(policies(batch.observation), told, batch.observation, noise[1], means)
        self._descend(loss)
        means.add("actor_loss", loss)
        self.critics.follow(self.options.tau)
        self._updates += 1
        return values

    def _fit_latents(
        self, batch: Experience, target: Tensor, latents: Tensor, divergences: Tensor, means: Means
    ) -> None:
        """Take a step of critics and encoder, of latents (n, Z) whose posteriors are so far from the prior, (n,)."""
        values = self.critics(batch.observation, batch.action, latents, learn=True)
        loss = critic_loss(values, target, self.options.critic_huber_delta)
        (slope,) = self.critics.descend(loss, latents)
        distance = divergences.mean()
        self.encoder.descend((slope * latents).sum() + self.options.kl_weight * distance)
        means.add("critic_loss", loss)
        means.add("value", values[0].mean())
        means.add("latent_kl", distance)

    def _recent(self, tasks: Integers) -> Tensor:
        """Draw recent transitions of n tasks, as the encoder sees them, (n, S, C)."""
        size = self.options.context_size
        drawn = self.buffer.sample_of(tasks, size, self.generator, recent=True)
        return encoded(self._prepared(drawn, (len(tasks), size)))

    def _standard_normal(self, *shape: int) -> Tensor:
        return self._tensor(self.generator.standard_normal(shape, np.float32))

    def _told(self, designs: Designs) -> Tensor:
        """Return what critics are told of policies that know nothing of their task, (n, Z)."""
        return torch.zeros(len(designs), self._policies.latents, device=self.device)

    # Adapting.

    def adapt(self, evaluator: Evaluator, contexts: Floats, generator: np.random.Generator) -> list[Shipped]:
        """Return the policies of the posterior's mean, after `adaptation_episodes` of each task by the prior.

        See `Adapting.adapt`. Policies act with their noise, and each episode has latents of its own.
        """
        lanes, count = evaluator.num_lanes, len(contexts)
        theta, of_lane = self.theta(), np.arange(lanes) % count
        shape = (self._episode_steps, lanes, self.actions)
        rounds = []
        for _ in range(-(-self.adaptation_episodes * count // lanes)):
            trials = self._trials(generator.standard_normal((lanes, self._policies.latents)), theta, contexts[of_lane])
            exploration = Exploration(generator.standard_normal(shape), np.full(shape, np.nan), self.distribution)
            transitions = evaluator.collect(trials._replace(exploration=exploration)).transitions
            if transitions is not None:
                rounds.append(transitions)
        with single_threaded_torch(), torch.no_grad():
            return [self._adapted(theta, [of_lanes(each, of_lane == task) for each in rounds]) for task in range(count)]

    def _adapted(self, theta: Floats, seen_of_task: list[Experience]) -> Shipped:
        """Return the policy of the posterior's mean, given what was seen in a task."""
        every = Experience(*(np.concatenate(parts) for parts in zip(*seen_of_task, strict=True)))
        context = encoded(self._prepared(every, (1, len(every.reward))))
        latents = self.encoder.posterior(context).mean[0].cpu().numpy().astype(float)
        return self._shipped(self._policies.compact_of(theta, latents), NO_DESIGN)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {**super().state_dict(), "encoder": self.encoder.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.encoder.load_state_dict(state["encoder"])


def encoded(experience: Experience) -> Tensor:
    """Return transitions as an encoder sees them: observation, action, reward, (…, O + A + 1)."""
    return torch.cat([experience.observation, experience.action, experience.reward[..., None]], -1)


def of_lanes(transitions: Transitions, lanes: Flags) -> Experience:
    """Return what happened in some of L lanes, as rows; steps that failed are left out."""
    valid = transitions.valid[:, lanes]
    parts = (getattr(transitions, name)[:, lanes][valid] for name in Experience._fields)
    return Experience(*(part.astype(np.float32) for part in parts))


def numbers_of(designs: Designs) -> Integers:
    """Return the number (n,) of each task (n, 1)."""
    return designs[:, 0]


def _checked(context: LearnerContext) -> OfLatents:
    """Return the policies as functions of latents.

    Raises:
        InputError: there are none, or critics that learn nothing of latents.
    """
    compression, critic = context.compression, context.options.critic
    if not isinstance(compression, OfLatents):
        raise InputError(f"--learner pearl is for policies of latents, and --method {context.method} has none")
    if critic not in PASSING:
        raise InputError(
            f"--critic {critic} passes no gradient on to latents: with --method {context.method} give {either(PASSING)}"
        )
    return compression
