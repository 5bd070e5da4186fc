"""A plain ReLU network: one weight per edge, one bias per unit, the output's included.

It is what gradient methods train and ship. theta = [W1 | b1 | W2 | b2 | …]. First weights are Xavier uniform (Glorot &
Bengio 2010), biases zero, as in the public code of Hegde & Sukhatme 2022 for its baselines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compactrl.compressions.base import Compact, Compression, Options
from compactrl.policies.skeleton import Skeleton, edges_and_biases
from compactrl.types import Design, Designs, Floats, Layers, Size

if TYPE_CHECKING:
    from torch import Tensor


class Plain(Compression):
    """An ordinary network.

    Example:
        >>> Plain(Skeleton.relu((17, 256, 256, 6)), Options()).size(np.zeros(0, np.int64)).parameters
        71942
    """

    name = "plain"
    container: ClassVar[str] = "mixed"

    def __init__(self, skeleton: Skeleton, options: Options) -> None:
        super().__init__(skeleton, options)
        if skeleton.activation != "relu" or not all(skeleton.biased):
            raise ValueError(f"expected ReLUs and a bias on every layer for {self.name}, got {skeleton}")
        self.num_weights = self.num_edges

    @classmethod
    def skeleton_of(cls, sizes: tuple[int, ...], options: Options | None = None) -> Skeleton:  # noqa: ARG003
        """Return ReLUs with biases on every layer."""
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
        """Draw the first theta, (P,)."""
        parts = []
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
        return PlainNetwork(theta, self.sizes)


class PlainNetwork:
    """A function of observations (n, B, O) → outputs (n, B, A), differentiable in theta and observations."""

    def __init__(self, theta: Tensor, sizes: tuple[int, ...]) -> None:
        self._theta, self._sizes = theta, sizes

    def __call__(self, observations: Tensor) -> Tensor:
        """Return the raw outputs."""
        from compactrl.networks.perceptrons import perceptron

        rows = observations.reshape(-1, self._sizes[0])
        return perceptron(self._theta, rows, self._sizes).view(*observations.shape[:-1], -1)
