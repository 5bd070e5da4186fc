"""Products of matrices in bfloat16, where the processor has instructions for them; all else stays in float32.

Factors, biases too, are rounded to eight binary digits, products are summed in float32, and the sums are rounded once
more, those of a weight's gradient too. Parameters and Adam's moments have float32's digits ("master weights":
Micikevicius et al. 2018, "Mixed precision training", section 3.1). bfloat16 has float32's range, so that losses need no
scaling.

Small products stay in float32: rounding their factors would take longer than it spares.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from compactrl.errors import InputError
from compactrl.networks.threads import reduces, reducing
from compactrl.networks.torch_private import has_bfloat16_products

LEAST_PRODUCT, LEAST_SUM = 1 << 21, 64
"""Multiplications of a product, and of one of its sums, from which on bfloat16 gains."""


def products_in(precision: str) -> AbstractContextManager[None]:
    """Let large products of networks that learn be in this precision, float32 or bfloat16, in this thread's work.

    Example:
        >>> with products_in("bfloat16"):
        ...     is_reduced(torch.zeros(256, 256), torch.zeros(256, 256))
        True
    """
    return reducing(precision == "bfloat16")


def is_reduced(first: Tensor, second: Tensor) -> bool:
    """Return whether the product of (B, I) and the transposed (O, I) is in bfloat16 now."""
    (rows, sums), outputs = first.shape, second.shape[0]
    large = sums >= LEAST_SUM and rows * sums * outputs >= LEAST_PRODUCT
    return reduces() and large and first.dtype == torch.float32 and first.device.type == "cpu"


def reduced_product(first: Tensor, second: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return first (B, I) times second (O, I) transposed, plus bias (O,), in bfloat16 (B, O)."""
    rounded = None if bias is None else bias.bfloat16()
    return torch.nn.functional.linear(first.bfloat16(), second.bfloat16(), rounded)


def check_precision(precision: str, device: torch.device) -> None:
    """Raise InputError where products cannot be in this precision, or where that would make them slower."""
    if precision != "bfloat16":
        return
    if device.type != "cpu":
        raise InputError(f"--precision bfloat16 is for --device cpu, and networks are trained on {device.type} here")
    if not has_bfloat16_products():
        raise InputError(
            "--precision bfloat16: this processor has no instructions for such products (avx512_bf16 or amx_bf16), "
            "and would take longer for them; leave the option out, or give --precision float32"
        )
