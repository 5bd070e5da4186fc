"""ReLU and tanh networks that are trained, with matrix products by whichever library is faster on this machine.

On AMD processors torch's own matrix product (MKL) leaves half of the arithmetic units idle. The oneDNN that comes with
the same torch does not. On Intel processors oneDNN is the slower one, by a fifth for large products and several times
for small ones. So on AMD processors large products in single precision go to oneDNN's fused linear layer, where torch
has it (`torch_private.py`). All others go to torch's own. Within `products_in("bfloat16")` large ones are in bfloat16
(`precision.py`).

Gradients are written out, each into its place in one vector. `tests/compactrl/networks/test_perceptrons.py` compares
them with autograd's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from compactrl.networks.precision import is_reduced, reduced_product
from compactrl.networks.threads import together
from compactrl.networks.torch_private import Linear, onednn_linear

SMALLEST = 1 << 16
"""Products with fewer multiplications than this are done before oneDNN has begun."""

TINY = torch.tensor(1e-20)
"""Its square is 0 where torch flushes such numbers to 0; torch does not say whether it does."""


def _is_amd() -> bool:
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


_fused: Linear | None = onednn_linear() if _is_amd() else None
"""What takes large products, where that is not torch's own."""


@contextlib.contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Let torch compute on one thread, and numbers below 1e-38 be zero, in torch and in numpy.

    These networks are small, and a second thread costs more than it gives. Inactive
    units leave numbers so small that they lose digits in gradients and moments. A processor takes a hundred times as
    long for each of these. After some thousand updates there are so many that an update takes four times as long.
    """
    threads, flushed = torch.get_num_threads(), not (TINY * TINY).item()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)


def _is_large(first: Tensor, second: Tensor) -> bool:
    """Return whether oneDNN gains on the product of (B, I) and (O, I): large, in single precision, on the CPU."""
    size = first.shape[0] * first.shape[1] * second.shape[0]
    return size >= SMALLEST and first.dtype == torch.float32 and first.device.type == "cpu"


def hidden_layer(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    """Return a hidden layer's values (B, O) for x (B, I); no gradient is kept."""
    return linear(x, weight, bias, relu=True) if activation == "relu" else linear(x, weight, bias).tanh_()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
    """Return x (B, I) times weight (O, I) transposed, plus bias (O,), rectified; no gradient is kept."""
    if is_reduced(x, weight):
        y = reduced_product(x, weight, bias)
        return (y.relu_() if relu else y).float()
    if _fused is not None and _is_large(x, weight):
        return _fused(x, weight, bias, relu)
    y = torch.mm(x, weight.t())
    if bias is not None:
        y += bias  # `addmm` would first write the bias to all of y, and read it again
    return y.relu_() if relu else y


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write the product of a (I, B) and b (B, J) to out (I, J); no gradient is kept."""
    if is_reduced(a, b.t()):
        out.copy_(reduced_product(a, b.t()))
    elif _fused is not None and _is_large(a, b.t()):
        out.copy_(_fused(a, b.t(), None, False))
    else:
        torch.mm(a, b, out=out)


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


class Stack:
    """C networks of one shape.

    Args:
        flat: their parameters (C · P,). It is cut once, into views: layers follow when it is changed in place.
        sizes: of the layers, inputs first.
        count: C.
        activation: of hidden layers, `relu` or `tanh`.
    """

    def __init__(self, flat: Tensor, sizes: tuple[int, ...], count: int = 1, activation: str = "relu") -> None:
        self.flat, self.sizes, self.count, self.activation = flat, sizes, count, activation
        self.layers = [cut(parameters, sizes) for parameters in flat.detach().chunk(count)]

    def __call__(self, x: Tensor, learn: bool = True, only: int | None = None) -> Tensor:
        """Return the outputs (C, B, sizes[-1]) for x (B, sizes[0]); gradients go to the parameters only to learn.

        Where `only` is given, it is of the first so many networks, which do not learn.
        """
        count = only or self.count
        y: Tensor = Perceptrons.apply(self.flat if learn else None, x, self, count)  # type: ignore[no-untyped-call]
        return y


class Perceptrons(torch.autograd.Function):
    """All networks of a stack as one operation, or the first of them."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor | None, x: Tensor, stack: Stack, count: int) -> Tensor:  # noqa: ARG004
        """Return (count, B, sizes[-1])."""
        x = x.detach().contiguous()  # rows that lie apart in memory would make its gradient thirty times slower
        outputs = x.new_empty(count, x.shape[0], stack.sizes[-1])
        hidden: list[list[Tensor]] = [[] for _ in range(count)]

        def one(network: int) -> None:
            values, layers = x, stack.layers[network]
            for weight, bias in layers[:-1]:
                values = hidden_layer(values, weight, bias, stack.activation)
                hidden[network].append(values)
            torch.addmm(layers[-1][1], values, layers[-1][0].t(), out=outputs[network])

        together([partial(one, network) for network in range(count)], len(x) * len(stack.flat) / stack.count)
        ctx.stack = stack
        ctx.save_for_backward(x, *(values for of_network in hidden for values in of_network))
        return outputs

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the parameters and of x."""
        x, *hidden_values = ctx.saved_tensors
        needs_d_flat, needs_d_x = ctx.needs_input_grad[:2]
        stack: Stack = ctx.stack
        hidden = len(stack.sizes) - 2
        d_flat = torch.empty_like(stack.flat, requires_grad=False) if needs_d_flat else None
        d_first: list[Tensor] = [x] * len(d_outputs)

        def one(network: int) -> None:
            layers, d_y = stack.layers[network], d_outputs[network]
            inputs = [x, *hidden_values[network * hidden : (network + 1) * hidden]]
            d_layers = cut(d_flat.chunk(stack.count)[network], stack.sizes) if d_flat is not None else []
            for number in range(hidden, -1, -1):
                passed: list[Tensor] = []
                back = partial(pass_on, d_y, layers[number][0], inputs[number], stack.activation, passed)
                tasks = [back] if number else []
                if needs_d_flat:
                    tasks.append(partial(of_parameters, d_y, inputs[number], *d_layers[number]))
                together(tasks, len(x) * layers[number][0].numel())  # of one network alone; of more, each has a thread
                d_y = passed[0] if passed else d_y
            d_first[network] = d_y

        together([partial(one, network) for network in range(len(d_outputs))], len(x) * len(stack.flat) / stack.count)
        d_x: Tensor | None = None
        for layers, d_y in zip(stack.layers, d_first, strict=False):
            if needs_d_x:  # one after the other: this sum has an order
                weight = layers[0][0]
                if d_x is None:
                    d_x = linear(d_y, weight.t())
                elif is_reduced(d_y, weight.t()):
                    d_x += linear(d_y, weight.t())
                else:
                    d_x.addmm_(d_y, weight)
        return d_flat, d_x, None, None


def of_parameters(d_y: Tensor, x: Tensor, d_weight: Tensor, d_bias: Tensor) -> None:
    """Write a layer's gradients into their place."""
    torch.sum(d_y, 0, out=d_bias)
    multiply(d_y.t(), x, d_weight)


def pass_on(d_y: Tensor, weight: Tensor, x: Tensor, activation: str, passed: list[Tensor]) -> None:
    """Append the gradient of what the layer before gave, x, before its activation."""
    d_x = linear(d_y, weight.t())
    if activation == "relu":
        mask_inactive(d_x, x)
    else:
        torch.ops.aten.tanh_backward.grad_input(d_x, x, grad_input=d_x)
    passed.append(d_x)


def mask_inactive(gradient: Tensor, values: Tensor) -> None:
    """Set a gradient to 0 where the rectified value is 0, in place: the unit is inactive."""
    torch.ops.aten.threshold_backward.grad_input(gradient, values, 0, grad_input=gradient)


def perceptron(flat: Tensor, x: Tensor, sizes: tuple[int, ...], activation: str = "relu") -> Tensor:
    """Apply a network with flat parameters (P,) to x (B, sizes[0]), giving (B, sizes[-1])."""
    return Stack(flat, sizes, activation=activation)(x)[0]
