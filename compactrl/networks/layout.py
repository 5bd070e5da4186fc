"""A network's parameters as views of one flat vector, numpy or torch.

Evolution strategies, Adam, target averages and checkpoints all take one vector. Each of them is then one operation on
one array, and a compression stays a pure function of theta.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from compactrl.types import Floats


class Layout:
    """Names and shapes of the parts of a flat vector.

    Example:
        >>> layout = Layout({"weight": (2, 3), "bias": (2,)})
        >>> layout.size, layout.views(np.arange(8.0))["bias"]
        (8, array([6., 7.]))
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.lengths = [prod(shape) for shape in self.shapes.values()]
        self.size = sum(self.lengths)
        self._ends = np.cumsum(self.lengths)[:-1].tolist()

    def views(self, vector: Any) -> dict[str, Any]:
        """Cut a vector (P,) into its parts by name; a torch vector gives parts that its gradient flows through.

        Raises:
            ValueError: another length.
        """
        if tuple(vector.shape) != (self.size,):
            raise ValueError(f"expected a vector with shape ({self.size},), got {tuple(vector.shape)}")
        if isinstance(vector, np.ndarray):
            parts = np.split(vector, self._ends)
            return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        from compactrl.networks.flat import Parts  # torch comes with it, and who has numpy arrays needs none

        views = Parts.apply(vector, list(self.shapes.values()))  # type: ignore[no-untyped-call]
        return dict(zip(self.shapes, views, strict=True))

    def joined(self, parts: Mapping[str, Any]) -> Floats:
        """Return the vector (P,) of parts by name."""
        return np.concatenate([np.broadcast_to(parts[name], shape).ravel() for name, shape in self.shapes.items()])


def linear(generator: np.random.Generator, outputs: int, inputs: int) -> dict[str, Floats]:
    """Draw weight (outputs, inputs) and bias (outputs,) uniform in ±1/sqrt(inputs), as torch's Linear does."""
    bound = inputs**-0.5
    return {
        "weight": generator.uniform(-bound, bound, (outputs, inputs)),
        "bias": generator.uniform(-bound, bound, outputs),
    }
