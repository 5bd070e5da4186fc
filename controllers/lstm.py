"""One LSTM layer over T steps of n rows, with its backward pass through time written by hand.

Hochreiter & Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al., 2000. With the gates
in the order o, i, f, g and x_t the part that does not depend on h:

    (o, i, f, g)_t = x_t + W h_{t-1},  o, i, f through the logistic function, g through tanh
    c_t = f_t c_{t-1} + i_t g_t
    h_t = o_t tanh(c_t)

It is faster than automatic differentiation of the same loop. The caller writes x_t in place, every operation is in
place, and only the gates are kept: 4 H numbers per step and row. The backward pass multiplies n rows by W once per
step; everything else is done for `SEGMENT` steps at a time. Cell and hidden states are kept at the start of every
segment and computed again within it.

Deviations: tanh(x) is computed as 2 logistic(2 x) - 1, which is several times faster here than `torch.tanh` and has an
absolute error of about 1e-7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SEGMENT = 16
"""How many steps are differentiated together; few enough that they fit into the processor's cache."""


def tanh_(x: Tensor) -> Tensor:
    """Replace x by its tanh, computed with the logistic function."""
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


class Segment(NamedTuple):
    """Steps `start … stop - 1`, computed again for the backward pass; the caller fills `gradient`."""

    start: int
    stop: int
    hidden: Tensor
    """(stop - start + 1, n, H): the state before the first step, then the one after each step."""
    gradient: Tensor
    """(stop - start, n, H): the caller writes the loss' direct gradient with respect to `hidden[1:]` here."""


class Gradients(NamedTuple):
    """The result of one segment's backward pass."""

    segment: Segment
    gates: Tensor
    """(stop - start, n, 4H): the gradient with respect to x_t + W h_{t-1}; the next segment overwrites it."""


class Lstm:
    """Buffers for T steps of n rows, and the two passes over them.

    For every t from 0, fill `gates[t]` with x_t and call `step(t)`. Afterwards `backward` may run any number of times;
    `state_gradient` then holds the gradients with respect to the initial hidden and cell state.

    Args:
        steps: T.
        rows: n.
        hidden: H.
        dtype: Of every buffer.

    Example:
        >>> lstm = Lstm(steps=2, rows=3, hidden=4, dtype=torch.float32)
        >>> lstm.begin(torch.zeros(16, 4), hidden=torch.zeros(3, 4), cell=torch.ones(3, 4))
        >>> _ = lstm.gates.zero_()
        >>> round(lstm.step(0)[0, 0].item(), 4)  # half of tanh of half of the cell
        0.2311
    """

    def __init__(self, steps: int, rows: int, hidden: int, dtype: torch.dtype) -> None:
        self.steps, self.rows, self.width = steps, rows, hidden
        self.gates = torch.empty(steps, rows, 4 * hidden, dtype=dtype)
        self.cell = torch.empty(rows, hidden, dtype=dtype)
        self.hidden = torch.empty(rows, hidden, dtype=dtype)
        self.state_gradient = (torch.empty_like(self.hidden), torch.empty_like(self.cell))
        self._tanh_cell = torch.empty_like(self.cell)
        segments = -(-steps // SEGMENT)
        self._kept_cell = torch.empty(segments, rows, hidden, dtype=dtype)  # at the start of every segment
        self._kept_hidden = torch.empty(segments, rows, hidden, dtype=dtype)
        self._step_gates = self.gates.unbind(0)
        self._split_gates = [gates.view(rows, 4, hidden).unbind(1) for gates in self._step_gates]  # o, i, f, g

    def begin(self, weight: Tensor, hidden: Tensor, cell: Tensor) -> None:
        """Take W (4H, H) and the initial states, each (n, H) or (1, H)."""
        self._weight = weight.contiguous()
        self._transposed = weight.t().contiguous()
        self.hidden.copy_(hidden)
        self.cell.copy_(cell)

    def step(self, t: int) -> Tensor:
        """Turn x_t in `gates[t]` into the gates; return h_t (n, H), which the next step overwrites."""
        if t % SEGMENT == 0:
            self._kept_cell[t // SEGMENT].copy_(self.cell)
            self._kept_hidden[t // SEGMENT].copy_(self.hidden)
        gates = self._step_gates[t]
        o, i, f, g = self._split_gates[t]
        gates.addmm_(self.hidden, self._transposed)  # (n, 4H)
        g.mul_(2)
        gates.sigmoid_()
        g.mul_(2).sub_(1)
        self.cell.mul_(f).addcmul_(i, g)
        tanh_(self._tanh_cell.copy_(self.cell))
        torch.mul(o, self._tanh_cell, out=self.hidden)
        return self.hidden

    def backward(self, final_cell: Tensor | None = None) -> Iterator[Segment | Gradients]:
        """Go through the segments from the last to the first, and yield two results for each.

        The first is a `Segment`, whose `gradient` the caller fills; the second is its `Gradients`.

        Args:
            final_cell: The loss' direct gradient with respect to the last cell state, (n, H).
        """
        n, width, dtype = self.rows, self.width, self.gates.dtype
        cells = torch.empty(SEGMENT + 1, n, width, dtype=dtype)
        hidden = torch.empty(SEGMENT + 1, n, width, dtype=dtype)
        tanh_cells, cell_slopes, direct = (torch.empty(SEGMENT, n, width, dtype=dtype) for _ in range(3))
        gate_slopes = torch.empty(SEGMENT, n, 4, width, dtype=dtype)
        next_gates = torch.zeros(n, 4 * width, dtype=dtype)  # gate gradients of the step after this one
        d_cell, spare = self.state_gradient[1], torch.empty(n, width, dtype=dtype)
        d_cell.zero_() if final_cell is None else d_cell.copy_(final_cell)

        for start in range((self.steps - 1) // SEGMENT * SEGMENT, -1, -SEGMENT):
            stop = min(start + SEGMENT, self.steps)
            k = stop - start
            gates = self.gates[start:stop].view(k, n, 4, width)
            o, i, f, g = gates.unbind(2)
            cells[0].copy_(self._kept_cell[start // SEGMENT])
            hidden[0].copy_(self._kept_hidden[start // SEGMENT])
            for s in range(k):  # the same operations as in `step`, hence the same bits
                torch.mul(cells[s], f[s], out=cells[s + 1]).addcmul_(i[s], g[s])
            tanh_(tanh_cells[:k].copy_(cells[1 : k + 1]))
            torch.mul(o, tanh_cells[:k], out=hidden[1 : k + 1])
            segment = Segment(start, stop, hidden[: k + 1], direct[:k])
            yield segment

            slope, tanh_cell = gate_slopes[:k], tanh_cells[:k]
            torch.addcmul(gates[:, :, :3], gates[:, :, :3], gates[:, :, :3], value=-1, out=slope[:, :, :3])  # y(1 - y)
            slope[:, :, 0].mul_(tanh_cell)  # d h / d o
            slope[:, :, 1].mul_(g)  # d c / d i
            slope[:, :, 2].mul_(cells[:k])  # d c / d f
            torch.mul(i, g, out=slope[:, :, 3])
            torch.addcmul(i, slope[:, :, 3], g, value=-1, out=slope[:, :, 3])  # d c / d g = i (1 - g²)
            torch.addcmul(o, hidden[1 : k + 1], tanh_cell, value=-1, out=cell_slopes[:k])  # d h / d c = o (1 - tanh²)
            for s in range(k - 1, -1, -1):
                d_hidden = direct[s].addmm_(next_gates, self._weight)  # (n, H)
                d_cell.addcmul_(d_hidden, cell_slopes[s])
                slope[s, :, 0].mul_(d_hidden)
                slope[s, :, 1:].mul_(d_cell.unsqueeze(1))
                next_gates = slope[s].view(n, 4 * width)
                torch.mul(d_cell, f[s], out=spare)
                d_cell, spare = spare, d_cell
            yield Gradients(segment, slope.view(k, n, 4 * width))
            next_gates = next_gates.clone()  # the next segment overwrites it
        torch.mm(next_gates, self._weight, out=self.state_gradient[0])
        if d_cell is not self.state_gradient[1]:
            self.state_gradient[1].copy_(d_cell)
