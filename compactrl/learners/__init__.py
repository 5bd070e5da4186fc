"""Learners: who improves theta, by name in `LEARNERS`; each is imported when it is used, and torch with it."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from compactrl.learners.base import Learner
from compactrl.learners.options import (
    DdpgOptions,
    DistillOptions,
    EvolutionOptions,
    Options,
    SacOptions,
    Td3Options,
)


class Kind(NamedTuple):
    """A learner: its options, where it is, and how many outputs of a policy it needs for each action."""

    Options: type[Options]
    place: str
    """Module in this package and class."""
    heads: int = 1

    def load(self) -> type[Learner]:
        """Import the learner."""
        module, name = self.place.split(":")
        learner: type[Learner] = getattr(import_module(f"{__name__}.{module}"), name)
        return learner


LEARNERS: dict[str, Kind] = {
    "evolution": Kind(EvolutionOptions, "evolution:EvolutionLearner"),
    "sac": Kind(SacOptions, "sac:SacLearner", heads=2),
    "td3": Kind(Td3Options, "td3:Td3Learner"),
    "ddpg": Kind(DdpgOptions, "td3:Td3Learner"),
    "distill": Kind(DistillOptions, "distill:DistillLearner"),
}

__all__ = ["LEARNERS", "Kind", "Learner"]
