"""What of torch has no public name, and what stands in where a torch does not have it.

- oneDNN's linear layer, fused with its activation: `torch.ops.mkldnn._linear_pointwise`.
- The fused step behind `torch.optim.Adam(fused=True)`: `torch._fused_adam_`. The class around it imports a compiler at
  its first step, which takes seconds.
- Which instructions the processor has: `torch.cpu._is_avx512_bf16_supported`, `torch.cpu._is_amx_tile_supported`.

Private names may change with any version. `TESTED` is the one they were tested with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TESTED = "2.13.0"
"""The version of torch that these names and their arguments were tested with; `constraints.txt` pins it."""

Linear = Callable[[Tensor, Tensor, Tensor | None, bool], Tensor]
"""x (B, I), weight (O, I), bias (O,) or None, rectified or not → (B, O)."""


def onednn_linear() -> Linear | None:
    """Return oneDNN's linear layer for single precision on the CPU; None where this torch has none."""
    operation: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.enabled else None
    if operation is None:
        return None

    def linear(x: Tensor, weight: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
        y: Tensor = operation(x, weight, bias, "relu" if relu else "none", [], "")
        return y

    return linear


def has_bfloat16_products() -> bool:
    """Return whether the processor has instructions for products in bfloat16; no, where this torch cannot tell."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names)


def adam_step(
    vector: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    steps: Tensor,
    rate: float,
    decay: float,
    epsilon: float = 1e-8,
) -> None:
    """Take a step of Adam on a vector (P,), in place; moments are changed in place, too.

    Args:
        vector: what is to descend.
        gradient: at the vector.
        first: running mean of gradients.
        second: running mean of their squares.
        steps: taken, this one included; a float, where the vector is.
        rate: of learning.
        decay: of the vector, added to the gradient.
        epsilon: added to the root of the mean square.
    """
    fused = getattr(torch, "_fused_adam_", None)
    if fused is None:
        _plain_adam_step(vector, gradient, first, second, steps, rate, decay, epsilon)
        return
    fused(
        [vector], [gradient], [first], [second], [], [steps],
        lr=rate, beta1=0.9, beta2=0.999, weight_decay=decay, eps=epsilon, amsgrad=False, maximize=False,
    )  # fmt: skip


def _plain_adam_step(
    vector: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    steps: Tensor,
    rate: float,
    decay: float,
    epsilon: float = 1e-8,
) -> None:
    """Take the same step by public operations: the same numbers but for rounding, and several times slower."""
    gradient = gradient + decay * vector
    first.lerp_(gradient, 0.1)
    second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    deviation = (second / (1 - 0.999**steps)).sqrt_().add_(epsilon)
    vector.sub_(rate / (1 - 0.9**steps) * first / deviation)
