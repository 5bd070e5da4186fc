"""A flat torch vector cut into its parts, as one operation of autograd."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor


class Parts(torch.autograd.Function):
    """The parts of a vector (P,), by their shapes; its gradient is put together in one piece."""

    @staticmethod
    def forward(ctx: Any, vector: Tensor, shapes: Sequence[tuple[int, ...]]) -> tuple[Tensor, ...]:  # noqa: ARG004
        """Return a view for each shape."""
        parts = torch.split(vector, [prod(shape) for shape in shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        """Return the gradient of the vector."""
        return torch.cat([gradient.reshape(-1) for gradient in gradients]), None
