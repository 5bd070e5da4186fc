"""The pointer network: an LSTM encoder over the edges, an LSTM decoder that points at partitions.

Song et al., "Reinforcement learning with chromatic networks", 2020, section 3 and appendix A.1, after Vinyals et al.,
"Pointer networks", 2015 (equation 3), and Pham et al., "Efficient neural architecture search", 2018. With tables
V_edge (D, H) and V_partition (M, H):

    e_1 … e_D = encoder LSTM(V_edge)
    h_t = decoder LSTM([V_partition[a_{t-1}], e_t]),  starting in the encoder's last state
    q_t = W_query [h_t, e_t] + V_edge[t]
    log p(a_t = m | a_1 … a_{t-1}) = log softmax_m((q_t · V_partition[m] / sqrt(H) + b_m) / temperature)

with a learned vector in place of V_partition[a_0] and learned b, zero at the start. A design's log probability is the
sum over t.

Deviations: the paper states sizes but no equations. Attention is over the partitions, since a decision is one of them,
and a scaled dot product instead of Vinyals' additive form; the decoder reads e_t directly instead of attending over
all edges, since decision t is about edge t; and the edge's own row is added to the query, so that what is learnt of
one edge need not pass through weights that all edges share.

How it is computed: nothing but h_t differs between the designs, so that x_t (see `lstm`) is one row of a table
(M + 1, 4H) plus one row of a table (D, 4H), and logits are h_t times a matrix (H, M) plus one row of a table (D, M).
Automatic differentiation handles these tables; the two recurrences are differentiated by `lstm`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .lstm import Gradients, Lstm, Segment


class Tables(NamedTuple):
    """What the decoder needs of the parameters, as functions of them (with their graph)."""

    edges: Tensor
    """(D, 4H): the part of x_t that comes from e_t, and the bias."""
    previous: Tensor
    """(M + 1, 4H): the part of x_t that comes from the last choice; the last row is for the first step."""
    hidden: Tensor
    """(4H, H): W."""
    keys: Tensor
    """(H, M): logits per hidden state."""
    offsets: Tensor
    """(D, M): logits of the edge alone."""
    first_hidden: Tensor
    """(1, H)."""
    first_cell: Tensor
    """(1, H)."""


class Score(NamedTuple):
    """What the network thinks of the n designs that went through it."""

    log_probability: Tensor
    """(n,), nats, summed over decisions."""
    entropy: Tensor
    """(n,), nats, of p(a_t | a_1 … a_{t-1}), averaged over decisions."""


class PointerNetwork:
    """Parameters, sampling, and the gradient of REINFORCE's loss.

    Args:
        length: D, at least 1.
        choices: M.
        hidden: H.
        temperature: Divides the logits.
        mirrored: Whether designs are drawn in pairs from uniforms u and 1 - u.
        spread: Standard deviation of a decision at the start, in choices, about the middle one; 0 starts without order.
        generator: Draws the initial parameters.
        dtype: Of parameters and buffers.

    Memory: 16 H + 4 M bytes per decision and design in float32: 330 MB at D = 943, n = 320, M = 17 and H = 64, kept
    from batch to batch.
    """

    def __init__(
        self,
        length: int,
        choices: int,
        hidden: int,
        temperature: float,
        generator: np.random.Generator,
        dtype: torch.dtype = torch.float32,
        *,
        spread: float = 0.0,
        mirrored: bool = False,
    ) -> None:
        self.length, self.choices, self.width, self.temperature, self.dtype = (
            length,
            choices,
            hidden,
            temperature,
            dtype,
        )
        self.mirrored = mirrored
        shapes = {
            "encoder_input": (4 * hidden, hidden),
            "encoder_hidden": (4 * hidden, hidden),
            "encoder_bias": (4 * hidden,),
            "decoder_input": (4 * hidden, 2 * hidden),
            "decoder_hidden": (4 * hidden, hidden),
            "decoder_bias": (4 * hidden,),
            "query": (hidden, 2 * hidden),
        }
        tables = {"edges": (length, hidden), "partitions": (choices, hidden), "start": (hidden,)}
        bound = hidden**-0.5
        values = {name: generator.uniform(-bound, bound, size=shape) for name, shape in shapes.items()}
        values |= {name: generator.standard_normal(size=shape) for name, shape in tables.items()}
        values["bias"] = np.zeros(choices)
        if spread:
            # Neighbouring choices start alike: one number a decision, q_t · signs, then moves it up or down the order.
            place = np.arange(choices, dtype=np.float64) - (choices - 1) / 2  # (M,)
            signs = np.where(values["partitions"][:1] < 0, -1.0, 1.0)  # (1, H)
            values["partitions"] = place[:, None] / max(place[-1], 1.0) * signs
            values["bias"] = -0.5 * (place / spread) ** 2
        self.parameters = {
            name: torch.tensor(value, dtype=dtype).requires_grad_() for name, value in sorted(values.items())
        }
        self._encoder = Lstm(length, 1, hidden, dtype)
        self._decoder: Lstm | None = None
        self._tables: Tables | None = None

    def forget(self) -> None:
        """Drop what was computed from the parameters; to be called when they have changed."""
        self._tables = None

    def load(self, values: dict[str, np.ndarray[Any, np.dtype[Any]]]) -> None:
        """Copy parameters from arrays.

        Raises:
            ValueError: If one has another shape than here.
        """
        for name, parameter in self.parameters.items():
            shape = tuple(np.shape(values[name]))
            if shape != tuple(parameter.shape):
                raise ValueError(
                    f"expected {name!r} of the pointer network with shape {tuple(parameter.shape)}, got {shape}: it "
                    "was saved with another space or another controller_hidden"
                )
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.as_tensor(values[name]))
        self.forget()

    def forward(self, n: int, generator: np.random.Generator | None, designs: Tensor | None = None) -> Tensor:
        """Run the decoder and keep what `score` and `backward` need.

        Args:
            n: The number of designs.
            generator: Draws n × D uniforms where designs are to be sampled.
            designs: (n, D), int64; where given, they are run through the network instead.

        Returns:
            The designs, (n, D), int64.
        """
        if self._decoder is None or self._decoder.rows != n:
            self._decoder = None  # free it before the next one is allocated
            self._decoder = Lstm(self.length, n, self.width, self.dtype)
            self._choices = torch.empty(self.length + 1, n, dtype=torch.int64)
            self._probabilities = torch.empty(self.length, n, self.choices, dtype=self.dtype)
        self._choices[0].fill_(self.choices)
        uniforms = None
        if designs is None:
            if generator is None:
                raise ValueError("expected a generator to sample with, or designs to run through the network")
            draws = generator.random((self.length, n, 1), dtype=np.float32)
            if self.mirrored:
                draws[:, 1::2] = 1 - draws[:, : n - n % 2 : 2]
            uniforms = torch.from_numpy(draws).to(self.dtype)
        else:
            self._choices[1:].copy_(designs.t())
        tables = self._tables or self._encode()
        with torch.no_grad():
            self._decode(self._decoder, tables, uniforms)
        return self._choices[1:].t().clone(memory_format=torch.contiguous_format)  # the next run overwrites the buffer

    def _encode(self) -> Tables:
        """Run the encoder and compute the tables."""
        p, width = self.parameters, self.width
        self._encoder_inputs = torch.addmm(p["encoder_bias"], p["edges"], p["encoder_input"].t())  # (D, 4H)
        outputs = torch.empty(self.length, width, dtype=self.dtype)
        zeros = torch.zeros(1, width, dtype=self.dtype)
        with torch.no_grad():
            self._encoder.gates.copy_(self._encoder_inputs.unsqueeze(1))
            self._encoder.begin(p["encoder_hidden"], zeros, zeros)
            for t in range(self.length):
                outputs[t] = self._encoder.step(t)[0]
            cell = self._encoder.cell.clone()
        self._encoded = outputs.requires_grad_(), cell.requires_grad_()
        scale = 1 / (width**0.5 * self.temperature)
        pointed = scale * p["query"].t() @ p["partitions"].t()  # (2H, M)
        previous = torch.cat([p["partitions"], p["start"].unsqueeze(0)])  # (M + 1, H)
        own = torch.addmm(p["bias"] / self.temperature, p["edges"], scale * p["partitions"].t())  # (D, M)
        self._tables = Tables(
            edges=torch.addmm(p["decoder_bias"], outputs, p["decoder_input"][:, width:].t()),
            previous=previous @ p["decoder_input"][:, :width].t(),
            hidden=p["decoder_hidden"],
            keys=pointed[:width],
            offsets=torch.addmm(own, outputs, pointed[width:]),
            first_hidden=outputs[-1:],
            first_cell=cell,
        )
        return self._tables

    def _decode(self, decoder: Lstm, tables: Tables, uniforms: Tensor | None) -> None:
        """Fill the decoder's gates, the probabilities (D, n, M), and with uniforms (D, n, 1) the choices."""
        decoder.begin(tables.hidden, tables.first_hidden, tables.first_cell)
        keys = tables.keys.contiguous()
        row = torch.empty_like(tables.previous)
        logits, cumulated = (torch.empty(decoder.rows, self.choices, dtype=self.dtype) for _ in range(2))
        gates, choices, chosen = decoder.gates.unbind(0), self._choices.unbind(0), self._choices.unsqueeze(2).unbind(0)
        for t in range(self.length):
            torch.add(tables.previous, tables.edges[t], out=row)
            torch.index_select(row, 0, choices[t], out=gates[t])  # x_t, (n, 4H)
            hidden = decoder.step(t)
            torch.addmm(tables.offsets[t], hidden, keys, out=logits)
            torch.softmax(logits, 1, out=self._probabilities[t])
            if uniforms is not None:  # the inverse of the cumulated distribution
                torch.cumsum(self._probabilities[t], 1, out=cumulated)
                torch.searchsorted(cumulated, uniforms[t], right=True, out=chosen[t + 1])
                chosen[t + 1].clamp_(max=self.choices - 1)  # rounding may leave the sum just under one

    def score(self) -> Score:
        """Log probability and entropy of the designs of the last `forward`."""
        n = self._probabilities.shape[1]
        log_probability, entropy = torch.zeros(n, dtype=self.dtype), torch.zeros(n, dtype=self.dtype)
        tiny = torch.finfo(self.dtype).tiny
        for p, chosen in zip(torch.split(self._probabilities, 64), torch.split(self._choices[1:], 64), strict=True):
            logs = p.clamp(min=tiny).log_()  # (64, n, M)
            log_probability += logs.gather(2, chosen.unsqueeze(2)).sum((0, 2))
            entropy -= logs.mul_(p).sum((0, 2))
        return Score(log_probability, entropy / self.length)

    def backward(self, reward_weights: Tensor, entropy_weights: Tensor) -> None:
        """Fill the parameters' `grad` with that of the loss over the n designs of the last `forward`.

            loss = - Σ_j reward_weights[j] log p(design_j) - Σ_j entropy_weights[j] entropy_j

        Args:
            reward_weights: (n,).
            entropy_weights: (n,).
        """
        tables, decoder = self._tables, self._decoder
        if tables is None or decoder is None:
            raise RuntimeError("the parameters have changed since the last forward pass; call forward again")
        for parameter in self.parameters.values():
            parameter.grad = None
        with torch.no_grad():
            found = self._decoder_backward(decoder, tables, reward_weights, entropy_weights)
        torch.autograd.backward(tuple(tables), tuple(found))
        self._encoder_backward()
        self._tables = None  # its graph is used up

    def _decoder_backward(self, decoder: Lstm, tables: Tables, rewards: Tensor, entropies: Tensor) -> Tables:
        """Return the loss' gradient with respect to each of the tables."""
        found = Tables(*(torch.zeros_like(table) for table in tables))
        keys, n, tiny = tables.keys.t().contiguous(), decoder.rows, torch.finfo(self.dtype).tiny
        rewards, entropies = rewards.view(n, 1), entropies.view(n, 1) / self.length
        d_logits = torch.empty(0)
        for part in decoder.backward():
            if isinstance(part, Segment):
                p = self._probabilities[part.start : part.stop]  # (k, n, M)
                logs = p.clamp(min=tiny).log_()
                entropy = logs.mul(p).sum(2, keepdim=True).neg_()
                d_logits = logs.add_(entropy).mul_(entropies).add_(rewards).mul_(p)
                chosen = self._choices[part.start + 1 : part.stop + 1].unsqueeze(2)
                d_logits.scatter_add_(2, chosen, -rewards.expand_as(chosen))
                rows = d_logits.view(-1, self.choices)
                torch.mm(rows, keys, out=part.gradient.view(-1, self.width))
                found.keys.addmm_(part.hidden[1:].reshape(-1, self.width).t(), rows)
                found.offsets[part.start : part.stop] = d_logits.sum(1)
            elif isinstance(part, Gradients):
                start, stop, hidden, _ = part.segment
                rows = part.gates.view(-1, 4 * self.width)
                found.hidden.addmm_(rows.t(), hidden[:-1].reshape(-1, self.width))
                last = self._choices[start:stop].reshape(-1, 1)
                marks = torch.zeros(len(last), self.choices + 1, dtype=self.dtype).scatter_(1, last, 1)
                found.previous.addmm_(marks.t(), rows)
                found.edges[start:stop] = part.gates.sum(1)
        found.first_hidden.copy_(decoder.state_gradient[0].sum(0, keepdim=True))
        found.first_cell.copy_(decoder.state_gradient[1].sum(0, keepdim=True))
        return found

    def _encoder_backward(self) -> None:
        """Continue from the gradients of the encoder's outputs to those of its parameters."""
        outputs, cell = self._encoded
        if outputs.grad is None:
            raise RuntimeError("the decoder's gradient has not reached the encoder")
        d_inputs = torch.empty_like(self._encoder_inputs)
        d_hidden = torch.zeros_like(self.parameters["encoder_hidden"])
        with torch.no_grad():
            for part in self._encoder.backward(cell.grad):
                if isinstance(part, Segment):
                    part.gradient.copy_(outputs.grad[part.start : part.stop].unsqueeze(1))
                else:
                    start, stop, hidden, _ = part.segment
                    d_inputs[start:stop] = part.gates[:, 0]
                    d_hidden.addmm_(part.gates[:, 0].t(), hidden[:-1, 0])
        self.parameters["encoder_hidden"].grad = d_hidden
        torch.autograd.backward((self._encoder_inputs,), (d_inputs,))
