"""What a learner is: it turns designs into trials, and learns theta from what came of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np

from compactrl.compressions import Compression
from compactrl.types import Design, Designs, Floats, Layer, Layers, Metrics, Normalizer, Outcomes, Size, State, Trials

if TYPE_CHECKING:
    from compactrl.envs.spec import EnvironmentSpec
    from compactrl.methods.settings import Settings


class Judgement(NamedTuple):
    """What an iteration said of each of its n designs."""

    rewards: Floats
    """(n,) what a controller learns from; NaN where there is nothing to say."""
    scores: Floats
    """(n,) by which designs lead and are raced for what ships."""


class Shipped(NamedTuple):
    """What a policy is made of, as it ships."""

    layers: Layers
    design: Design
    theta: Floats
    """(P,) the distinct numbers that ship."""
    size: Size


class Learner(ABC):
    """Improves a compression's theta."""

    needs_transitions: ClassVar[bool]
    """Whether `ask`'s trials are to be collected in standing environments, or evaluated for whole episodes."""
    compression: Compression
    settled: Design | None
    """The design that is frozen, once one is."""

    @classmethod
    @abstractmethod
    def build(
        cls, settings: Settings, compression: Compression, spec: EnvironmentSpec, seed: np.random.SeedSequence
    ) -> Self:
        """Make a learner of resolved settings."""

    @classmethod
    @abstractmethod
    def check(cls, settings: Settings, compression: Compression, spec: EnvironmentSpec) -> None:
        """Say what will not do, before anything is written.

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


def normalizer_of(count: float, total: Floats, square: Floats) -> Normalizer:
    """Return the normaliser of so many observations with these sums (O,); it changes nothing before there are two."""
    if count < 2:
        return Normalizer(np.zeros_like(total), np.ones_like(total))
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean * mean, 0.0))
    return Normalizer(mean, np.where(std < SMALLEST_STD, 1.0, std))


SMALLEST_STD = 1e-6
"""An observation that varies less than this is taken as constant and only centred."""


def single(layers: Layers) -> Layers:
    """Return layers in single precision, as policies run."""
    return tuple(
        Layer(layer.weight.astype(np.float32), None if layer.bias is None else layer.bias.astype(np.float32))
        for layer in layers
    )
