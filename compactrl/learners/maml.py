"""Model-agnostic meta-learning: a theta from which few steps of policy gradient lead to a policy of any task.

Finn, Abbeel & Levine, "Model-agnostic meta-learning for fast adaptation of deep networks" (2017), algorithm 3, with
TRPO as the outer learner. Designs are tasks. With the mean over an iteration's transitions of task i,

    x_i(x) = x + a ∇ mean log p_x(action) A      a step of adaptation; x is theta and deviations beside it

theta's step is TRPO's (`trust_region.py`) for the mean over tasks of gains and divergences of x_i(x). Its gradient goes
through the step of adaptation, whose gradient is differentiated: exact, as are the products with Fisher's matrix.
`--first-order` takes ∇x_i for the identity.

An iteration collects with one set of policies. So iterations come in rounds, of `--inner-steps` and one more: in the
first, theta acts in n tasks; in the next the adapted policies, of the same tasks; after the last, theta takes its step.
What is between them is in the state, and a resumed search goes on in the middle of a round. The designs that a
controller proposes are taken at a round's beginning; later proposals of the round are not used, nor rewarded.

What ships is theta, which has not adapted; `adapt` gives the policies of given tasks.

Departures from the paper, its public code, and Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning
building blocks with hypernetworks" (2021), section 4 and appendix E.3:

1. The public code of the latter is first-order: it copies adapted weights in place. Here that is an option.
2. The value function is a network that keeps learning, told the task and how far the policy has adapted
   (`--no-conditioned-critics`: the second alone); theirs fits a linear baseline to each batch. It ships with nothing.
3. Observations go through a normaliser, which stays as it is within a round. Advantages are normalised in each task.
4. The latter adapts plain networks with a rate of 0.1 and a hypernetwork with 5e-5. Here the default is one for all
   policies; it is for theta and deviations alike, and is not learned.
5. Where adaptation takes several steps, each has transitions of its own, by the policy before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.compressions.base import Compression
from compactrl.compressions.tasks import OfTasks
from compactrl.compressions.trainable import Trainable
from compactrl.errors import InputError
from compactrl.evaluation import Evaluator
from compactrl.learners.base import LearnerContext, Shipped
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.on_policy_options import MamlOptions
from compactrl.learners.samples import Samples
from compactrl.learners.trpo import TrpoLearner
from compactrl.learners.vectors import Policies
from compactrl.networks.perceptrons import single_threaded_torch
from compactrl.types import (
    Designs,
    Floats,
    Layers,
    Metrics,
    Mixed,
    Moments,
    Outcomes,
    State,
    Trials,
)


class Seen(NamedTuple):
    """What a step of adaptation is made from: B transitions of each of n tasks."""

    observations: Tensor
    """(n, B, O), normalised."""
    drawn: Tensor
    """(n, B, A)"""
    advantage: Tensor
    """(n, B)"""
    weight: Tensor
    """(n, B) 0 of steps that failed, else 1."""


def adapted(policies: Policies, vector: Tensor, seen: Sequence[Seen], rate: float, first_order: bool = False) -> Tensor:
    """Return the vectors (n, Q) that steps of adaptation lead to from one vector (Q,), one for each task.

    They can be differentiated in the vector, where it takes part in a graph.

    Args:
        policies: of n tasks.
        vector: theta and deviations.
        seen: of each step, by the policies before it.
        rate: a.
        first_order: whether steps count as shifts in that.
    """
    differentiable = vector.requires_grad
    with torch.enable_grad():
        start = vector if differentiable else vector.detach().requires_grad_()
        current = start.expand(len(seen[0].weight), -1)
        for each in seen:
            numbers = policies(current, each.observations)
            log_probability = policies.family.density(numbers, each.drawn)
            gains = (log_probability * each.advantage * each.weight).sum(1) / each.weight.sum(1).clamp(min=1.0)
            through = differentiable and not first_order
            (slope,) = torch.autograd.grad(gains.sum(), current, create_graph=through, retain_graph=differentiable)
            current = current + rate * slope
    return current if differentiable else current.detach()


class MamlLearner(TrpoLearner):
    """Learns theta by MAML.

    Args:
        context: of a compression whose designs are tasks.

    Raises:
        InputError: the designs are no tasks, or an option leaves tasks apart that have not been seen.
    """

    options: MamlOptions
    gentler = "--max-kl, --inner-learning-rate or --critic-learning-rate"
    hint = "Give a smaller --inner-learning-rate, or more --line-search-steps"

    def __init__(self, context: LearnerContext) -> None:
        check_tasks(context)
        self._episode_steps = context.spec.max_episode_steps
        super().__init__(context)

    def _begin(self, compression: Compression, batch: MetaBatch, theta: Floats) -> None:
        super()._begin(compression, batch, theta)
        self._seen: list[Seen] = []
        self._proposed: Designs = np.zeros((0, compression.space.length), np.int64)
        self._adapted: Tensor | None = None
        """(n, Q) of the policies that act; None where theta itself does."""
        self._waiting: list[Moments] = []

    # Rounds.

    @property
    def _taken(self) -> int:
        """Steps of adaptation that the policies that act have taken."""
        return len(self._seen)

    def ask(self, designs: Designs) -> Trials:
        """Return this iteration's trials: of the designs (num_designs, D), or of those that the round began with."""
        if not self._taken:
            self._proposed = designs
        return super().ask(self._proposed)

    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:
        """Adapt to an iteration's tasks, or at the end of a round improve theta."""
        taken = self._taken
        metrics = super().tell(trials, outcomes, progress)
        if taken:
            self._design_values = np.full_like(self._design_values, np.nan)  # they were not proposed now
        return {**metrics, "adaptation_steps": float(taken)}

    def _see(self, moments: Moments) -> None:
        """Take in what was seen once a round is over: within it the normaliser stays."""
        self._waiting.append(moments)
        if not self._taken:
            for each in self._waiting:
                super()._see(each)
            self._waiting = []

    @torch.no_grad()
    def _learn(self, samples: Samples, designs: Designs) -> Metrics:
        """Adapt, or take the step of a round; the value function learns in every iteration."""
        policies = self._policies(designs)
        metrics: Metrics = {}
        if self._taken < self.options.inner_steps:
            self._seen.append(self._seen_in(samples))
            self._adapted = self._adapt(policies, policies.vector(self._theta), self._seen)
        else:
            observations, seen = self._observations(samples.rows), self._seen

            def after(vector: Tensor) -> Tensor:
                return policies(self._adapt(policies, vector, seen), observations)

            metrics = self._advance(after, policies, samples)
            self._seen, self._adapted = [], None
        return metrics | self._learn_values(samples, designs)

    def _adapt(self, policies: Policies, vector: Tensor, seen: Sequence[Seen]) -> Tensor:
        options = self.options
        return adapted(policies, vector, seen, options.inner_learning_rate, options.first_order)

    def _seen_in(self, samples: Samples) -> Seen:
        observations = self._observations(samples.rows).contiguous()  # as a checkpoint has them: sums have an order
        return Seen(observations, samples.latent, samples.advantage, samples.weight)

    # Acting.

    def _acting_vector(self, policies: Policies) -> Tensor:
        return policies.vector(self._theta) if self._adapted is None else self._adapted

    def _networks(self, designs: Designs) -> Iterator[Layers]:
        """Return the MLPs of these designs (n, D), adapted as far as the round has come."""
        if self._adapted is None:
            return super()._networks(designs)
        theta = self._policies(designs).parts(self._adapted)[0]
        return iter(written(self.trained, theta, designs))

    def _acting_deviations(self) -> Floats:
        """Return the standard deviations (n, A) of the designs that act, adapted as far as the round has come."""
        if self._adapted is None:
            return super()._acting_deviations()
        return deviations_of(self._policies(self._asked[0]), self._adapted, self.actions)

    def _told(self, designs: Designs) -> Floats:
        """Return what the value function is told: of designs (n, D), and how far policies have adapted, (n, F)."""
        return self._with_steps(super()._told(designs), self._taken)

    def _with_steps(self, told: Floats, taken: int) -> Floats:
        share = np.full((len(told), 1), 2 * taken / self.options.inner_steps - 1)
        return np.concatenate([told, share], axis=1)

    # New tasks.

    @property
    def adaptation_episodes(self) -> int:
        """Of each task, before each step of adaptation."""
        return self.options.adaptation_episodes

    def adapt(self, evaluator: Evaluator, contexts: Floats, generator: np.random.Generator) -> list[Shipped]:
        """Return the policies of theta, as it ships, after adaptation to each of n tasks; see `Adapting.adapt`.

        Policies act with their noise, each in as many episodes as there are for a step, or more where lanes do not
        share them evenly. They see no more of a task than they do in training.

        Raises:
            ValueError: the evaluator's lanes are no multiple of the tasks.
        """
        count, lanes = len(contexts), evaluator.num_lanes
        if not count or lanes % count:
            raise ValueError(f"expected lanes for each of {count} tasks, as many of each, got {lanes} lanes")
        compression = self._of_tasks(contexts)
        designs, of_lane = compression.test_designs, np.arange(lanes) % count
        described = None if self._searched_batch.described is None else compression.described
        told = MetaBatch(described=described).told(designs)
        steps = -(-self.adaptation_episodes * count // lanes) * self._episode_steps
        with single_threaded_torch(), torch.no_grad():
            self._deviations.learn(designs)
            policies = Policies(compression, designs, self.distribution, self._deviations if self._free else None)
            start = policies.vector(self._average)
            current, seen = start.expand(count, -1), list[Seen]()
            for taken in range(self.options.inner_steps):
                acting = tuple(written(compression, policies.parts(current)[0], designs))
                trials = Trials(
                    Mixed(acting, of_lane, compression.skeleton.activation),
                    self.normalizer,
                    designs[of_lane],
                    self._noise(generator, (steps, lanes), deviations_of(policies, current, self.actions)[of_lane]),
                    compression.tasks(designs)[of_lane],
                )
                transitions = evaluator.collect(trials).transitions
                if transitions is None:
                    raise ValueError("expected outcomes of collecting, with transitions")
                estimates = self._estimates(transitions, self._with_steps(told, taken)[of_lane], self.normalizer)
                seen.append(self._seen_in(self._samples(transitions, estimates, count)))
                current = self._adapt(policies, start, seen)
            thetas = policies.parts(current)[0].cpu().numpy().astype(float)
            return [
                self._shipped(compression.compact(theta, design), design)
                for theta, design in zip(thetas, designs, strict=True)
            ]

    def _of_tasks(self, contexts: Floats) -> OfTasks:
        """Return the compression, whose test tasks are these (n, C)."""
        if not isinstance(self.compression, OfTasks):
            raise TypeError(f"expected policies of tasks, got {self.compression.name}")
        return self.compression.for_tests(contexts)

    # Checkpoints.

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit, in the middle of a round, too."""
        return {
            **super().state_dict(),
            "proposed": self._proposed,
            "acted": self._asked[0],
            "seen": {str(place): arrays(each) for place, each in enumerate(self._seen)},
            "waiting": {str(place): each._asdict() for place, each in enumerate(self._waiting)},
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self._proposed = np.asarray(state["proposed"], np.int64)
        self._asked = np.asarray(state["acted"], np.int64)[None]
        seen, waiting = state["seen"], state["waiting"]
        self._seen = [
            Seen(**{name: self._tensor(part) for name, part in seen[str(n)].items()}) for n in range(len(seen))
        ]
        self._waiting = [Moments(**waiting[str(number)]) for number in range(len(waiting))]
        self._adapted = None
        if self._seen:
            with single_threaded_torch(), torch.no_grad():
                policies = self._policies(self._asked[0])
                self._adapted = self._adapt(policies, policies.vector(self._theta), self._seen)


def written(compression: Trainable, theta: Tensor, designs: Designs) -> list[Layers]:
    """Return the MLPs (n,) of thetas (n, P) and designs (n, D), one of each, as they act."""
    pairs = zip(theta.cpu().numpy(), designs[:, None], strict=True)
    return [compression.expand_each(one, design)[0] for one, design in pairs]


def deviations_of(policies: Policies, vectors: Tensor, actions: int) -> Floats:
    """Return the standard deviations (n, A) of vectors (n, Q) that no state decides; of others nothing is known."""
    log_std = policies.log_std(vectors)
    if log_std is None:
        return np.full((len(vectors), actions), np.nan)
    return np.asarray(np.exp(log_std.cpu().numpy().astype(float)))


def arrays(seen: Seen) -> State:
    """Return transitions as arrays by name."""
    return {name: part.cpu().numpy().copy() for name, part in seen._asdict().items()}


def check_tasks(context: LearnerContext) -> None:
    """Raise InputError where there is nothing to adapt to."""
    if not isinstance(context.compression, OfTasks):
        raise InputError(f"--learner maml adapts to tasks, and policies of --method {context.method} are of none")
    if context.options.deviation == "per-architecture":
        raise InputError(
            "--deviation per-architecture: a task that is adapted to is a new one, without a vector of its own; give "
            "--deviation common or state"
        )
