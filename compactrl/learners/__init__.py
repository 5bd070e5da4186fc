"""Learners improve theta. They are in `LEARNERS` by name; each is imported when it is used, and torch with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from compactrl.learners.base import Learner, LearnerContext
from compactrl.learners.metabatch import MetaBatchOptions, ReplayMetaBatchOptions
from compactrl.learners.on_policy_options import MamlOptions, OnPolicyOptions, PpoOptions, TrpoOptions
from compactrl.learners.options import (
    DdpgOptions,
    DistillOptions,
    EvolutionOptions,
    Options,
    PearlOptions,
    SacOptions,
    Td3Options,
)
from compactrl.policies.actions import ActionSpec
from compactrl.policies.distributions import (
    Categorical,
    Deterministic,
    Distribution,
    FreeGaussian,
    SquashedGaussian,
)


class Kind(NamedTuple):
    """A learner: its options, its place, and its action distribution."""

    Options: type[Options]
    place: str
    """`module:class` in this package."""
    distribution: Callable[[Any, ActionSpec], Distribution] = lambda *_: Deterministic()
    """Of the learner's options and the environment's actions; it says how many outputs a policy has. A learner that
    learns deviations beside the policy puts another one in its place in each iteration."""
    MetaBatch: type[MetaBatchOptions] = ReplayMetaBatchOptions
    """Options of the designs that learn together, in methods where several do."""
    evolves: bool = False
    """Whether it has an evolution strategy, with options of its own."""

    def load(self) -> type[Learner]:
        """Import the learner."""
        module, name = self.place.split(":")
        learner: type[Learner] = getattr(import_module(f"{__name__}.{module}"), name)
        return learner


def _squashed_gaussian(options: SacOptions, action: ActionSpec) -> Distribution:  # noqa: ARG001
    return SquashedGaussian(options.log_std_low, options.log_std_high)


def _of_deviation(options: OnPolicyOptions, action: ActionSpec) -> Distribution:
    """Return what the noise, which has the standard deviation already where no state decides it, is added to."""
    if action.kind == "discrete":
        return Categorical()
    if options.deviation == "state":
        return SquashedGaussian(log_std_zero=options.log_std_init)
    return FreeGaussian(np.zeros(action.size))


def _of_what_is_shown(options: DistillOptions, action: ActionSpec) -> Distribution:  # noqa: ARG001
    return Categorical() if action.kind == "discrete" else Deterministic()


LEARNERS: dict[str, Kind] = {
    "evolution": Kind(EvolutionOptions, "evolution:EvolutionLearner", evolves=True),
    "sac": Kind(SacOptions, "sac:SacLearner", _squashed_gaussian),
    "td3": Kind(Td3Options, "td3:Td3Learner"),
    "ddpg": Kind(DdpgOptions, "td3:Td3Learner"),
    "pearl": Kind(PearlOptions, "pearl:PearlLearner", _squashed_gaussian),
    "ppo": Kind(PpoOptions, "ppo:PpoLearner", _of_deviation, MetaBatch=MetaBatchOptions),
    "trpo": Kind(TrpoOptions, "trpo:TrpoLearner", _of_deviation, MetaBatch=MetaBatchOptions),
    "maml": Kind(MamlOptions, "maml:MamlLearner", _of_deviation, MetaBatch=MetaBatchOptions),
    "distill": Kind(DistillOptions, "distill:DistillLearner", _of_what_is_shown),
}

__all__ = ["LEARNERS", "Kind", "Learner", "LearnerContext"]
