"""A plain network: one weight per edge, one bias per unit, the output's included.

It is what gradient methods train and ship. theta = [W1 | b1 | W2 | b2 | …]. Off-policy learners begin as the public
code of Hegde & Sukhatme 2022 does for its baselines: ReLUs, weights Xavier uniform (Glorot & Bengio 2010), biases zero.
On-policy ones begin orthogonal (Saxe et al. 2014), with a last layer of a hundredth, so that every first action is near
the middle (Andrychowicz et al., "What matters in on-policy reinforcement learning?", 2021, section 3.2). Or theta
begins with another run's policy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field

from compactrl.compressions.base import AnyOptions, Compact, Compression, Options
from compactrl.compressions.starts import with_output_biases
from compactrl.policies.skeleton import Skeleton, edges_and_biases, interleaved
from compactrl.policies.zoo import absolute
from compactrl.types import Design, Designs, Floats, Layers, Size

if TYPE_CHECKING:
    from torch import Tensor

    from compactrl.networks.pullback import PerceptronPullback
    from compactrl.policies.policy import Policy


SMALL_OUTPUT = 0.01
"""Gain of the last layer of an orthogonal beginning."""


class PlainOptions(Options):
    """Options of a plain network."""

    activation: Literal["relu", "tanh"] = Field("relu", description="Activation of the hidden layers.")
    initialization: Literal["xavier", "orthogonal"] = Field(
        "xavier",
        description="First weights: near zero, as evolution begins; Xavier uniform, of which the last layer may be "
        "small; of plain networks also orthogonal with a small last layer.",
    )
    start_from: Annotated[str, BeforeValidator(absolute)] = Field(
        default="",
        description="Run to begin from: its weights, of shared ones their clusters, its network and its normaliser.",
    )


class Plain(Compression):
    """An ordinary network.

    Example:
        >>> Plain(Skeleton.relu((17, 256, 256, 6)), PlainOptions()).size(np.zeros(0, np.int64)).parameters
        71942
    """

    name = "plain"
    container: ClassVar[str] = "mixed"
    Options = PlainOptions
    options: PlainOptions

    def __init__(self, skeleton: Skeleton, options: PlainOptions) -> None:
        super().__init__(replace(skeleton, activation=options.activation), options)
        if not all(skeleton.biased):
            raise ValueError(f"expected a bias on every layer for {self.name}, got {skeleton}")
        self.num_weights = self.num_edges
        self._start: Floats | None = None

    def begun_from(self, policy: Policy) -> Self:
        """Return the same compression, whose first theta is a policy's numbers; biases that it lacks are zero.

        Raises:
            ValueError: the policy has another network.
        """
        layers = with_output_biases(policy, self.skeleton)
        begun = type(self)(self.skeleton, self.options)
        begun._start = interleaved(layers).astype(np.float64)
        return begun

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: AnyOptions | None = None) -> Skeleton:  # noqa: ARG003
        """Return biases on every layer; the options say which activation, see `Plain`."""
        return Skeleton.relu(sizes)

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self.num_edges + self.num_biases

    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the MLP of theta (P,) or (N, P); see `Compression.expand`."""
        if theta.ndim not in (1, 2) or theta.shape[-1] != self.num_parameters:
            expected = f"({self.num_parameters},) or (N, {self.num_parameters})"
            raise ValueError(f"expected theta with shape {expected} for {self.name}, got {tuple(theta.shape)}")
        self.design_space.check(np.atleast_2d(np.asarray(design)))
        return self.skeleton.layers_of_interleaved(theta)

    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the MLP of theta (P,), once for each of n empty designs (n, 0)."""
        return [self.expand(theta, designs[0])] * len(designs)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Return the first theta, (P,): the start's, where there is one, else drawn."""
        if self._start is not None:
            return self._start.copy()
        parts: list[Floats] = []
        if self.options.initialization == "orthogonal":
            gain = 2**0.5
            for number, (outputs, inputs) in enumerate(self.shapes):
                scale = SMALL_OUTPUT if number == len(self.shapes) - 1 else gain
                parts += [scale * orthogonal(generator, outputs, inputs).ravel(), np.zeros(outputs)]
            return np.concatenate(parts)
        for outputs, inputs in self.shapes:
            bound = (6 / (inputs + outputs)) ** 0.5
            parts += [generator.uniform(-bound, bound, outputs * inputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def size(self, design: Design) -> Size:  # noqa: ARG002
        """Return the exact size."""
        return self._size(self.num_weights, dictionary=0)

    def compact(self, theta: Floats, design: Design) -> Compact:
        """Return what ships of theta (P,): all of it."""
        weights, biases = edges_and_biases(self.expand(theta, design))
        return Compact(self.skeleton, weights, None, None, biases)

    def network(self, theta: Tensor, designs: Any) -> PlainNetwork:  # noqa: ARG002  (there is one design)
        """Return the network of a torch theta (P,) as a function that can be trained."""
        return PlainNetwork(theta, self.sizes, self.skeleton.activation)

    def pullback(self, theta: Tensor, designs: Designs) -> PerceptronPullback:  # noqa: ARG002  (there is one design)
        """Return the network of a torch theta (P,), which it follows, with its gradient."""
        from compactrl.networks.pullback import PerceptronPullback

        return PerceptronPullback(theta, self.sizes, self.skeleton.activation)


class PlainNetwork:
    """A function of observations (n, B, O) → outputs (n, B, A), differentiable in theta and observations."""

    def __init__(self, theta: Tensor, sizes: tuple[int, ...], activation: str) -> None:
        self._theta, self._sizes, self._activation = theta, sizes, activation

    def __call__(self, observations: Tensor) -> Tensor:
        """Return the raw outputs."""
        from compactrl.networks.perceptrons import perceptron

        rows = observations.reshape(-1, self._sizes[0])
        return perceptron(self._theta, rows, self._sizes, self._activation).view(*observations.shape[:-1], -1)


def orthogonal(generator: np.random.Generator, outputs: int, inputs: int) -> Floats:
    """Draw a matrix (outputs, inputs) with orthonormal rows or columns, whichever are fewer."""
    drawn = generator.standard_normal((max(outputs, inputs), min(outputs, inputs)))
    basis, triangle = np.linalg.qr(drawn)
    basis = basis * np.sign(np.diag(triangle))  # else it is not uniform over all of them
    return np.asarray(basis if outputs >= inputs else basis.T)
