"""Unstructured policies: every edge has its own weight, index = 0, 1, … E - 1. The baseline of all sizes.

Begun from a policy, theta is its numbers, in units of which a strategy's usual noise is `NOISE` of their size.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field

from compactrl.compressions.base import Compression
from compactrl.compressions.patterned import Patterned, PatternOptions
from compactrl.compressions.starts import numbers_of, unit_for
from compactrl.policies import patterns
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.policies.zoo import absolute
from compactrl.types import Design, Floats

NOISE = 0.03
"""Noise on a number of the policy that a search begins from, in root mean squares of all: what was trained by gradients
is worth going on with only nearby (`docs/trials.md`)."""


class Dense(Patterned):
    """One weight per edge.

    Example:
        >>> policy = Dense(Skeleton.tanh((17, 41, 6)), PatternOptions())
        >>> policy.size(np.zeros(0, dtype=np.int64)).bits
        31488
    """

    name = "dense"
    pattern = staticmethod(patterns.dense)


class UnstructuredOptions(PatternOptions):
    """Options of unstructured policies with hidden layers."""

    start_from: Annotated[str, BeforeValidator(absolute)] = Field(
        "",
        description="Run to begin from: its weights, of shared ones their clusters, its network and its normaliser.",
    )


class Unstructured(Dense):
    """One weight per edge on any skeleton, from nothing or from another run's policy."""

    name = "unstructured"
    Options: ClassVar[type[UnstructuredOptions]] = UnstructuredOptions

    def __init__(self, skeleton: Skeleton, options: PatternOptions) -> None:
        super().__init__(skeleton, options)
        self._start: Floats | None = None

    def begun_from(self, policy: Policy) -> Self:
        """Return the same compression, whose first theta is a policy's weights and biases.

        Raises:
            ValueError: the policy has another network.
        """
        numbers = np.concatenate(numbers_of(policy, self.skeleton))
        begun = type(self)(self.skeleton, self.options)
        begun.unit = unit_for(NOISE * float(np.sqrt((numbers**2).mean())), self.num_parameters)
        begun._start = numbers / begun.unit
        return begun

    def initial(self, generator: np.random.Generator) -> Floats:
        """Return the first theta, (P,): the start's, where there is one."""
        return super().initial(generator) if self._start is None else self._start.copy()

    def settle(self, theta: Floats, design: Design) -> tuple[Compression, Floats]:  # noqa: ARG002
        """Return plain numbers: nothing was left to choose."""
        return Dense(self.skeleton, PatternOptions.model_validate({})), theta * self.unit

    def _weights(self, theta: Any) -> Any:
        weights = super()._weights(theta)
        return weights * self.unit if self.unit != 1.0 else weights

    def _biases(self, theta: Any, design: Design) -> Any:
        biases = super()._biases(theta, design)
        return biases * self.unit if self.unit != 1.0 else biases
