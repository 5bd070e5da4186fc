"""The one operation behind every structured compression: W = theta[index] * mask, alike on numpy and torch.

Theta is laid out as [weights | biases]. An index map says for each of the E edges, layer by layer and row by row, which
weight it takes; dense, Toeplitz, circulant, chromatic and masked policies differ in this map only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from compactrl.compressions.base import START, Compact, Compression
from compactrl.compressions.trainable import layers_function
from compactrl.types import Design, Designs, Floats, Integers, Layers

if TYPE_CHECKING:
    from torch import Tensor

NOTHING: Design = np.zeros(0, np.int64)
"""(0,) where there is nothing to choose."""


def like(array: Any, reference: Any) -> Any:
    """Return a numpy array as the reference's kind: itself, or a tensor on the reference's device."""
    if isinstance(reference, np.ndarray):
        return array
    import torch  # here, so that policies run on numpy without torch

    return torch.as_tensor(array, device=reference.device)


def gather(weights: Any, index: Integers, mask: Integers | None = None) -> Any:
    """Return weights[index] * mask, shape (E,) or (N, E).

    Args:
        weights: (M,) or (N, M), numpy or torch.
        index: (E,), or (N, E) together with weights (N, M).
        mask: of zeros and ones, as long as the index, or None to keep every edge.
    """
    if weights.shape[-1] == 0:  # the mask drops every edge: all are zero
        return weights.sum(-1)[..., None] + like(np.zeros(index.shape[-1], dtype=np.int8), weights)
    if isinstance(weights, np.ndarray):
        # weights[:, index] is equal, but not contiguous
        edges = weights.take(index, axis=-1) if index.ndim == 1 else np.take_along_axis(weights, index, axis=-1)
        return edges if mask is None else edges * mask.astype(edges.dtype)
    positions = like(index, weights)
    edges = weights[..., positions] if index.ndim == 1 else weights.gather(-1, positions)
    return edges if mask is None else edges * like(mask, edges).to(edges.dtype)


class Gather(Compression):
    """A compression that is an index map; a subclass sets `index` and `num_weights`, or overrides `_map`."""

    index: Integers
    """(E,) the weight that each edge takes, where it does not depend on the design."""

    @property
    def num_parameters(self) -> int:
        """P, the length of theta."""
        return self._num_trained + self.num_biases

    def expand(self, theta: Any, design: Any) -> Layers:
        """Return the MLP of theta (P,) or (N, P) and design (D,) or (N, D); see `Compression.expand`."""
        self._check_theta(theta)
        decisions = self._check_design(design)
        if decisions.ndim == 2 and theta.ndim == 1:
            theta = theta + like(np.zeros((len(decisions), 1), dtype=np.int8), theta)  # (N, P), theta's dtype
        elif decisions.ndim == theta.ndim == 2 and len(decisions) != len(theta):
            raise ValueError(f"expected a design for each theta, got {len(decisions)} designs and {len(theta)} thetas")
        index, mask = self._map(decisions)
        return self.skeleton.layers(gather(self._weights(theta), index, mask), self._biases(theta, decisions))

    def network(self, theta: Tensor, designs: Designs) -> Callable[[Tensor], Tensor]:
        """Return the MLP of theta (P,) as a function that can be trained, where a controller has nothing to choose."""
        return layers_function(self.expand_each(theta, designs)[0], self.skeleton.activation)

    def expand_each(self, theta: Any, designs: Designs) -> list[Layers]:
        """Return the MLP of theta (P,), once for each of n empty designs (n, 0)."""
        decided = self.design_of(theta)
        return [self.expand(theta, NOTHING if decided is None else decided)] * len(designs)

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first theta, (P,): weights normal with standard deviation `START`, biases zero."""
        theta = np.zeros(self.num_parameters)
        theta[: self._num_trained] = START * generator.standard_normal(self._num_trained)
        return theta

    def compact(self, theta: Floats, design: Design) -> Compact:
        """Return what ships of theta (P,) with this design (D,); see `Compression.compact`."""
        settled, numbers = self.settle(theta, design)
        if not isinstance(settled, Gather):
            raise TypeError(f"expected {self.name} to settle on an index map, got {type(settled).__name__}")
        index, mask = settled._map(NOTHING)
        weights, biases = numbers[: settled.num_weights], settled._biases(numbers, NOTHING)
        own = mask is None and np.array_equal(index, np.arange(len(weights)))
        return Compact(settled.skeleton, weights, None if own else index, mask, biases)

    @property
    def _num_trained(self) -> int:
        """The length of theta's part before the biases."""
        return self.num_weights

    def _weights(self, theta: Any) -> Any:
        """Return the weights that the map points to, (M,) or (N, M)."""
        return theta[..., : self.num_weights]

    def _biases(self, theta: Any, design: Design) -> Any:  # noqa: ARG002
        """Return the biases, (B,) or (N, B)."""
        return theta[..., self._num_trained : self._num_trained + self.num_biases]

    def _map(self, design: Design) -> tuple[Integers, Integers | None]:  # noqa: ARG002
        """Return the index map and the mask, each (E,) or (N, E)."""
        return self.index, None

    def _check_theta(self, theta: Any) -> None:
        if theta.ndim not in (1, 2) or theta.shape[-1] != self.num_parameters:
            expected = f"({self.num_parameters},) or (N, {self.num_parameters})"
            raise ValueError(f"expected theta with shape {expected} for {self.name}, got {tuple(theta.shape)}")

    def _check_design(self, design: Any) -> Design:
        """Return the design as a numpy array, (D,) or (N, D)."""
        decisions = design if isinstance(design, np.ndarray) else np.asarray(design.cpu())
        self.design_space.check(np.atleast_2d(decisions))
        return decisions
