"""Matrix products of networks that are trained, as fast as this machine's libraries do them.

On AMD processors torch's own matrix product (MKL) leaves half of the arithmetic units idle; the oneDNN that comes
with the same torch does not. In single precision on a CPU the products therefore go to oneDNN's fused linear layer
where torch has it, elsewhere to `torch.nn.functional.linear`. Gradients are written out:
`tests/compactrl/test_products.py` compares them with autograd's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor

SMALLEST = 1 << 16
"""Products with fewer multiplications than this are over before oneDNN has begun."""

_fused: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.enabled else None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: these networks are small, and a second thread costs more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _suits(*tensors: Tensor) -> bool:
    first = tensors[0]
    size = first.shape[0] * first.shape[1] * tensors[1].shape[0]
    return _fused is not None and size >= SMALLEST and first.dtype == torch.float32 and first.device.type == "cpu"


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
    """Return x (B, I) times weight (O, I) transposed, plus bias (O,), rectified; no gradient is kept."""
    if _suits(x, weight):
        fused: Tensor = _fused(x, weight, bias, "relu" if relu else "none", [], "")
        return fused
    y = torch.nn.functional.linear(x, weight, bias)
    return y.relu_() if relu else y


def lengths(sizes: Sequence[int]) -> list[int]:
    """Return the lengths of weight and bias of each layer, as they follow each other in a flat vector.

    Example:
        >>> lengths((3, 4, 2))
        [12, 4, 8, 2]
    """
    return [length for inputs, outputs in pairwise(sizes) for length in (outputs * inputs, outputs)]


def cut(flat: Tensor, sizes: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Return weight (O, I) and bias (O,) of each layer as views of a flat vector [W1 | b1 | W2 | b2 | …]."""
    parts = iter(torch.split(flat, lengths(sizes)))
    return [(next(parts).view(outputs, inputs), next(parts)) for inputs, outputs in pairwise(sizes)]


class Cut(torch.autograd.Function):
    """The parts of a flat vector, by their shapes; its gradient is put together in one piece."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> tuple[Tensor, ...]:  # noqa: ARG004
        """Return a view for each shape."""
        parts = torch.split(flat, [prod(shape) for shape in shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        """Return the gradient of the vector."""
        return torch.cat([gradient.reshape(-1) for gradient in gradients]), None


class Perceptron(torch.autograd.Function):
    """A whole ReLU network as one operation: of its flat parameters (P,) and x (B, sizes[0])."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Return (B, sizes[-1])."""
        layers = cut(flat, sizes)
        values = [x.contiguous()]  # rows that lie apart in memory would make its gradient thirty times slower
        for number, (weight, bias) in enumerate(layers):
            values.append(linear(values[-1], weight, bias, relu=number < len(layers) - 1))
        ctx.sizes = sizes
        ctx.save_for_backward(flat, *values[:-1])
        return values[-1]

    @staticmethod
    def backward(ctx: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the parameters and of x."""
        flat, *values = ctx.saved_tensors
        learns, passes, _ = ctx.needs_input_grad
        gradients: list[Tensor] = []
        for number, (weight, _) in reversed(list(enumerate(cut(flat, ctx.sizes)))):
            if learns:
                gradients += [d_y.sum(0), linear(d_y.t(), values[number].t()).reshape(-1)]
            if number or passes:
                d_y = linear(d_y, weight.t())
            if number:
                d_y = torch.ops.aten.threshold_backward(d_y, values[number], 0)
        return torch.cat(gradients[::-1]) if learns else None, d_y if passes else None, None


def perceptron(flat: Tensor, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Apply `Perceptron`: a ReLU network with flat parameters (P,) to x (B, sizes[0]), giving (B, sizes[-1])."""
    y: Tensor = Perceptron.apply(flat, x, sizes)  # type: ignore[no-untyped-call]
    return y
