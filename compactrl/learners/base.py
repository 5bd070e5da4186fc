"""The interface of learners: they turn designs into trials, and improve theta by the outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from compactrl.compressions.base import Compact, Compression
from compactrl.envs.spec import EnvironmentSpec
from compactrl.learners.metabatch import MetaBatch
from compactrl.policies.distributions import Distribution
from compactrl.policies.policy import Policy
from compactrl.types import Design, Designs, Floats, Layer, Layers, Metrics, Normalizer, Outcomes, Size, State, Trials
from es.strategy import Options as StrategyOptions

NO_DESIGN: Design = np.zeros(0, np.int64)
"""(0,) where there is nothing to choose."""


class Judgement(NamedTuple):
    """How each of the n designs of an iteration did."""

    rewards: Floats
    """(n,) that the controller learns from; NaN where it is unknown."""
    scores: Floats
    """(n,) by which designs are chosen to race for what ships."""


class Shipped(NamedTuple):
    """The parts of a policy, as it ships."""

    compact: Compact
    layers: Layers
    """The same as a dense network in single precision."""
    design: Design
    size: Size


@dataclass(frozen=True)
class LearnerContext:
    """Everything that a learner is built from: its own options, and what it learns in."""

    method: str
    """The row's name, for messages."""
    compression: Compression
    options: Any
    """Of the learner's own options model."""
    spec: EnvironmentSpec
    lanes: int
    """L, environments that run its trials."""
    seed: np.random.SeedSequence
    """Of all its randomness."""
    distribution: Distribution
    """Of actions, while policies explore."""
    meta_batch: MetaBatch = MetaBatch()  # noqa: RUF009  (frozen)
    """The designs that act and learn together."""
    steps: int = 0
    """The search's budget, in environment steps."""
    settle: float = 0.0
    """Last share of the budget that is spent on one design."""
    strategy: StrategyOptions | None = None
    """Options of the evolution strategy, for learners with one."""
    threads: int = 1
    """Of which an update may make use; changes no result."""
    resumed: bool = False
    """Whether a run goes on, whose record has the limit of episodes that it began with, whoever set it."""
    teacher: Policy | None = None
    """The policy that is imitated, for learners that imitate one."""
    normalizer: Normalizer | None = None
    """That observations go through and keep going through: of the policy that the compression begins from."""


class Learner(ABC):
    """Improves a compression's theta."""

    needs_transitions: ClassVar[bool]
    """Whether `ask`'s trials carry an exploration, and so are collected in standing environments."""
    compression: Compression
    settled: Design | None
    """(D,) the frozen design; None before."""

    @classmethod
    @abstractmethod
    def build(cls, context: LearnerContext) -> Self:
        """Make a learner, before the search writes anything.

        Raises:
            InputError: this learner is not for the environment or the options.
            ValueError: the same, from a package that knows nothing of compactrl.
        """

    @property
    @abstractmethod
    def num_designs(self) -> int:
        """How many designs `ask` needs."""

    @property
    @abstractmethod
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the current iteration."""

    @property
    def has_learned(self) -> bool:
        """Whether anything has been learned yet."""
        return True

    @abstractmethod
    def ask(self, designs: Designs) -> Trials:
        """Return this iteration's trials for the controller's designs (num_designs, D)."""

    @abstractmethod
    def tell(self, trials: Trials, outcomes: Outcomes, progress: float) -> Metrics:
        """Learn from the outcomes; progress is the share of the budget that is spent, in [0, 1]."""

    @abstractmethod
    def judge(self, outcomes: Outcomes) -> Judgement:
        """Judge each design; called after `tell`."""

    def design(self, proposed: Design) -> Design:
        """Return the design that ships with a proposed one (D,)."""
        return proposed

    @abstractmethod
    def ship(self, proposed: Design) -> Shipped:
        """Return theta without noise with this design (D,), as it would ship."""

    @abstractmethod
    def settle(self, proposed: Design) -> None:
        """Freeze a design: from here on only its weights are improved."""

    @abstractmethod
    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""


def shipped_theta(state: State) -> Floats:
    """Return theta as it ships, (P,), of a learner's state; earlier versions shipped the last theta."""
    return np.asarray(state["average_theta"] if "average_theta" in state else state["theta"])


def single(layers: Layers) -> Layers:
    """Return layers in single precision, in which policies run."""
    return tuple(
        Layer(layer.weight.astype(np.float32), None if layer.bias is None else layer.bias.astype(np.float32))
        for layer in layers
    )
