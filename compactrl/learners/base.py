"""What a learner is: it turns designs into trials, and learns theta from what came of them."""

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


class Judgement(NamedTuple):
    """What an iteration said of each of its n designs."""

    rewards: Floats
    """(n,) what a controller learns from; NaN where there is nothing to say."""
    scores: Floats
    """(n,) by which designs lead and are raced for what ships."""


class Shipped(NamedTuple):
    """What a policy is made of, as it ships."""

    compact: Compact
    layers: Layers
    """The same as a dense network in single precision."""
    design: Design
    size: Size


@dataclass(frozen=True)
class LearnerContext:
    """What a learner is told: its own options and what it learns in, not the whole search."""

    method: str
    """The row's name, for messages."""
    compression: Compression
    options: Any
    """Of the learner, its own model."""
    spec: EnvironmentSpec
    lanes: int
    """L, environments that its trials are dealt to."""
    seed: np.random.SeedSequence
    """Where all of its randomness comes from."""
    distribution: Distribution
    """What a policy's outputs mean while it explores."""
    meta_batch: MetaBatch = MetaBatch()  # noqa: RUF009  (frozen)
    """Who acts and learns together."""
    steps: int = 0
    """The search's budget, in environment steps."""
    settle: float = 0.0
    """Last share of the budget that is spent on one design."""
    strategy: StrategyOptions | None = None
    """Options of the evolution strategy, for who has one."""
    resumed: bool = False
    """Whether a run goes on, whose record has the limit of episodes that it began with, whoever set it."""
    teacher: Policy | None = None
    """Whose policy is imitated, for who imitates."""


class Learner(ABC):
    """Improves a compression's theta."""

    needs_transitions: ClassVar[bool]
    """Whether `ask`'s trials carry an exploration, and so are collected in standing environments."""
    compression: Compression
    settled: Design | None
    """The design that is frozen, once one is."""

    @classmethod
    @abstractmethod
    def build(cls, context: LearnerContext) -> Self:
        """Make a learner, before anything of a search is written.

        Raises:
            InputError: an environment or options that this learner cannot serve.
            ValueError: the same, from a part that knows nothing of users.
        """

    @property
    @abstractmethod
    def num_designs(self) -> int:
        """How many designs `ask` needs."""

    @property
    @abstractmethod
    def normalizer(self) -> Normalizer:
        """The observation normaliser of the present iteration."""

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
        """Say of each design how it did; after `tell`."""

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
    """Return theta as it ships, (P,), of a learner's state; runs of earlier versions shipped the last one."""
    return np.asarray(state["average_theta"] if "average_theta" in state else state["theta"])


def single(layers: Layers) -> Layers:
    """Return layers in single precision, as policies run."""
    return tuple(
        Layer(layer.weight.astype(np.float32), None if layer.bias is None else layer.bias.astype(np.float32))
        for layer in layers
    )
