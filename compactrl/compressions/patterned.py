"""Fixed patterns of sharing as compressions: an index map that follows from the network's form alone.

A subclass is a pattern of one matrix (`policies/patterns.py`), laid over every layer. Evolution begins next to zero.
Gradients vanish there, so that learners by gradients begin with weights that are Xavier uniform (Glorot & Bengio 2010),
layer by layer: an output's variance is that of as many weights of their own, since the weights of a row are different
ones in all patterns here. On policy the last layer begins a hundredth as large (`plain.py` says why).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from compactrl.compressions.base import AnyOptions, Options
from compactrl.compressions.gather import Gather
from compactrl.policies.patterns import stack
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Floats, Integers

SMALL_OUTPUT = 0.01
"""Gain of the last layer of `xavier-small-output`."""


class PatternOptions(Options):
    """Options of fixed patterns."""

    activation: Literal["tanh", "relu"] = Field("tanh", description="Of the hidden layers: tanh or relu.")
    output_bias: bool = Field(False, description="Give the output layer biases, as gradient methods do.")
    initialization: Literal["near-zero", "xavier", "xavier-small-output"] = Field(
        "near-zero",
        description="First weights: near zero, as evolution begins; Xavier uniform, of which the last layer may be "
        "small; of plain networks also orthogonal with a small last layer.",
    )


class Patterned(Gather):
    """A compression whose index map is a pattern.

    Args:
        skeleton: of the network.
        options: `PatternOptions`.
    """

    Options: ClassVar[type[PatternOptions]] = PatternOptions
    options: PatternOptions

    def __init__(self, skeleton: Skeleton, options: PatternOptions) -> None:
        super().__init__(skeleton, options)
        self.index, self.num_weights = stack(self.pattern, self.shapes)

    @staticmethod
    @abstractmethod
    def pattern(rows: int, columns: int) -> Integers:
        """Return the index map of one matrix (rows, columns); see `compactrl.policies.patterns`."""

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:
        """Return the skeleton of these sizes, with the activation and the output's biases that the options ask for."""
        chosen = options if isinstance(options, PatternOptions) else cls.Options.model_validate({})
        plain = Skeleton.tanh(sizes)
        return Skeleton(plain.sizes, chosen.activation, (*plain.biased[:-1], chosen.output_bias))

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,); biases are zero."""
        kind = self.options.initialization
        if kind == "near-zero":
            return super().initial(generator)
        bounds = np.array([(6 / (inputs + outputs)) ** 0.5 for outputs, inputs in self.shapes])
        if kind == "xavier-small-output":
            bounds[-1] *= SMALL_OUTPUT
        of_edges = np.repeat(bounds, [outputs * inputs for outputs, inputs in self.shapes])
        of_weights = np.zeros(self.num_weights)
        of_weights[self.index] = of_edges  # layers have weights of their own
        theta = np.zeros(self.num_parameters)
        theta[: self.num_weights] = of_weights * generator.uniform(-1, 1, self.num_weights)
        return theta
