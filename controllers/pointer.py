"""The pointer network: an LSTM encoder over the edges, and an LSTM decoder that points at partitions.

Song et al., "Reinforcement learning with chromatic networks", 2020, section 3 and appendix A.1, after Vinyals et al.,
"Pointer networks", 2015 (equation 3), and Pham et al., "Efficient neural architecture search", 2018. With tables
V_edge (D, H) and V_partition (M, H):

    e_1 … e_D = encoder LSTM(V_edge)
    h_t = decoder LSTM([V_partition[a_{t-1}], e_t]),  starting in the encoder's last state
    q_t = W_query [h_t, e_t] + V_edge[t]
    log p(a_t = m | a_1 … a_{t-1}) = log softmax_m((q_t · V_partition[m] / sqrt(H) + b_m) / temperature)

with a learned vector in place of V_partition[a_0], and a learned b that is zero at the start. A design's log
probability is the sum over t.

Deviations: the paper states sizes but no equations. Attention is over the partitions, since a decision is one of them;
it is a scaled dot product instead of Vinyals' additive form. The decoder reads e_t directly instead of attending over
all edges, since decision t is about edge t. The edge's own row is added to the query, so that the network can learn
about one edge without changing weights that all edges share.

How it is computed: the designs differ only in their choices and in h_t. So x_t (see `lstm`) is one row of a table
(M + 1, 4H) plus one row of a table (D, 4H). The logits are h_t times a matrix (H, M) plus one row of a table (D, M).
Automatic differentiation handles these tables; `lstm` differentiates the two recurrences.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .lstm import Gradients, Lstm, Segment
from .pointer_start import initial_values, ordered_start


class Tables(NamedTuple):
    """All that the decoder needs, computed from the parameters, with the graph for automatic differentiation."""

    edges: Tensor
    """(D, 4H): the part of x_t that comes from e_t, and the bias."""
    previous: Tensor
    """(M + 1, 4H): the part of x_t that comes from the last choice; the last row is for the first step."""
    hidden: Tensor
    """(4H, H): W of the decoder."""
    keys: Tensor
    """(H, M): what h_t is multiplied with to give logits."""
    offsets: Tensor
    """(D, M): the part of the logits that does not depend on h_t."""
    first_hidden: Tensor
    """(1, H): the decoder's initial hidden state."""
    first_cell: Tensor
    """(1, H): the decoder's initial cell state."""


class Score(NamedTuple):
    """Log probability and entropy of the n designs of the last run."""

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
        generator: Draws the initial parameters.
        dtype: Of parameters and buffers.
        spread: Standard deviation of a decision at the start, in choices around the middle one; 0 starts without order.
        mirrored: Whether designs are drawn in pairs, from uniforms u and 1 - u.

    Memory: 16 H + 4 M bytes per decision and design in float32, kept from batch to batch. With D = 943, n = 320, M = 17
    and H = 64 this is 330 MB.
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
        self.length, self.choices, self.width = length, choices, hidden
        self.temperature, self.dtype, self.mirrored = temperature, dtype, mirrored
        values = initial_values(length, choices, hidden, generator)
        if spread:
            values["partitions"], values["bias"] = ordered_start(values["partitions"], spread)
        self.parameters = {
            name: torch.tensor(value, dtype=dtype).requires_grad_() for name, value in sorted(values.items())
        }
        self._encoder = Lstm(length, 1, hidden, dtype)
        self._decoder: Lstm | None = None
        self._tables: Tables | None = None

    def forget(self) -> None:
        """Discard what was computed from the parameters. Call it when they have changed."""
        self._tables = None

    def load(self, values: dict[str, np.ndarray[Any, np.dtype[Any]]]) -> None:
        """Copy parameters from arrays.

        Raises:
            ValueError: An array's shape is not its parameter's.
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
            generator: Draws n × D uniforms to sample designs with.
            designs: (n, D), int64; if given, they are run through the network and nothing is sampled.

        Returns:
            The designs, (n, D), int64.
        """
        decoder = self._decoder_of(n)
        self._choices[0].fill_(self.choices)
        uniforms = None
        if designs is not None:
            self._choices[1:].copy_(designs.t())
        elif generator is not None:
            uniforms = self._draw_uniforms(n, generator)
        else:
            raise ValueError("expected a generator to sample with, or designs to run through the network")
        tables = self._tables or self._encode()
        with torch.no_grad():
            self._decode(decoder, tables, uniforms)
        return self._choices[1:].t().clone(memory_format=torch.contiguous_format)  # the next run overwrites the buffer

    def _decoder_of(self, n: int) -> Lstm:
        """Return the decoder for n designs; with new buffers if the last run had another number of designs."""
        if self._decoder is None or self._decoder.rows != n:
            self._decoder = None  # free it before the next one is allocated
            self._decoder = Lstm(self.length, n, self.width, self.dtype)
            self._choices = torch.empty(self.length + 1, n, dtype=torch.int64)
            self._probabilities = torch.empty(self.length, n, self.choices, dtype=self.dtype)
        return self._decoder

    def _draw_uniforms(self, n: int, generator: np.random.Generator) -> Tensor:
        """Draw uniforms u, (D, n, 1); if mirrored, every second design has 1 - u of the one before it."""
        uniforms = generator.random((self.length, n, 1), dtype=np.float32)
        if self.mirrored:
            uniforms[:, 1::2] = 1 - uniforms[:, : n - n % 2 : 2]
        return torch.from_numpy(uniforms).to(self.dtype)

    def _encode(self) -> Tables:
        """Run the encoder, and keep the tables until the parameters change."""
        self._encoded = self._run_encoder()
        self._tables = self._compute_tables(*self._encoded)
        return self._tables

    def _run_encoder(self) -> tuple[Tensor, Tensor]:
        """Return e_1 … e_D, (D, H), and the last cell state, (1, H), as leaves for automatic differentiation."""
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
        return outputs.requires_grad_(), cell.requires_grad_()

    def _compute_tables(self, outputs: Tensor, cell: Tensor) -> Tables:
        """Compute the decoder's tables from the encoder's outputs (D, H) and its last cell state (1, H)."""
        p, width = self.parameters, self.width
        scale = 1 / (width**0.5 * self.temperature)
        keys = scale * p["query"].t() @ p["partitions"].t()  # (2H, M)
        previous = torch.cat([p["partitions"], p["start"].unsqueeze(0)])  # (M + 1, H)
        edge_logits = torch.addmm(p["bias"] / self.temperature, p["edges"], scale * p["partitions"].t())  # (D, M)
        return Tables(
            edges=torch.addmm(p["decoder_bias"], outputs, p["decoder_input"][:, width:].t()),
            previous=previous @ p["decoder_input"][:, :width].t(),
            hidden=p["decoder_hidden"],
            keys=keys[:width],
            offsets=torch.addmm(edge_logits, outputs, keys[width:]),
            first_hidden=outputs[-1:],
            first_cell=cell,
        )

    def _decode(self, decoder: Lstm, tables: Tables, uniforms: Tensor | None) -> None:
        """Fill the decoder's gates, the probabilities (D, n, M), and the choices if there are uniforms (D, n, 1)."""
        decoder.begin(tables.hidden, tables.first_hidden, tables.first_cell)
        keys = tables.keys.contiguous()
        inputs = torch.empty_like(tables.previous)
        logits, cumulative = (torch.empty(decoder.rows, self.choices, dtype=self.dtype) for _ in range(2))
        gates, choices, columns = decoder.gates.unbind(0), self._choices.unbind(0), self._choices.unsqueeze(2).unbind(0)
        for t in range(self.length):
            torch.add(tables.previous, tables.edges[t], out=inputs)  # x_t of every last choice, (M + 1, 4H)
            torch.index_select(inputs, 0, choices[t], out=gates[t])  # x_t, (n, 4H)
            hidden = decoder.step(t)
            torch.addmm(tables.offsets[t], hidden, keys, out=logits)
            torch.softmax(logits, 1, out=self._probabilities[t])
            if uniforms is not None:  # the inverse of the cumulative distribution
                torch.cumsum(self._probabilities[t], 1, out=cumulative)
                torch.searchsorted(cumulative, uniforms[t], right=True, out=columns[t + 1])
                columns[t + 1].clamp_(max=self.choices - 1)  # rounding may leave the sum just below one

    def score(self) -> Score:
        """Return log probability and entropy of the designs of the last `forward`."""
        n = self._probabilities.shape[1]
        log_probability, entropy = torch.zeros(n, dtype=self.dtype), torch.zeros(n, dtype=self.dtype)
        tiny = torch.finfo(self.dtype).tiny
        for p, chosen in zip(torch.split(self._probabilities, 64), torch.split(self._choices[1:], 64), strict=True):
            logs = p.clamp(min=tiny).log_()  # (64, n, M)
            log_probability += logs.gather(2, chosen.unsqueeze(2)).sum((0, 2))
            entropy -= logs.mul_(p).sum((0, 2))
        return Score(log_probability, entropy / self.length)

    def backward(self, reward_weights: Tensor, entropy_weights: Tensor) -> None:
        """Set the parameters' `grad` to the gradient of the loss over the n designs of the last `forward`.

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
            gradients = self._decoder_backward(decoder, tables, reward_weights, entropy_weights)
        torch.autograd.backward(tuple(tables), tuple(gradients))
        self._encoder_backward()
        self._tables = None  # its graph is used up

    def _decoder_backward(
        self, decoder: Lstm, tables: Tables, reward_weights: Tensor, entropy_weights: Tensor
    ) -> Tables:
        """Return the loss' gradient with respect to each of the tables; weights are (n,)."""
        gradients = Tables(*(torch.zeros_like(table) for table in tables))
        keys = tables.keys.t().contiguous()  # (M, H)
        reward_weights, entropy_weights = reward_weights.view(-1, 1), entropy_weights.view(-1, 1) / self.length
        for part in decoder.backward():
            if isinstance(part, Segment):
                d_logits = self._logits_gradient(part.start, part.stop, reward_weights, entropy_weights)
                self._logits_backward(part, d_logits, keys, gradients)
            else:
                self._inputs_backward(part, gradients)
        gradients.first_hidden.copy_(decoder.state_gradient[0].sum(0, keepdim=True))
        gradients.first_cell.copy_(decoder.state_gradient[1].sum(0, keepdim=True))
        return gradients

    def _logits_gradient(self, start: int, stop: int, reward_weights: Tensor, entropy_weights: Tensor) -> Tensor:
        """Return the loss' gradient with respect to the logits of decisions `start … stop - 1`, (k, n, M).

        With p the probabilities and s their entropy, it is w_r (p - [m chosen]) + w_s p (log p + s).

        Args:
            start: The first decision.
            stop: The one after the last.
            reward_weights: w_r, (n, 1).
            entropy_weights: w_s, (n, 1), per decision.
        """
        p = self._probabilities[start:stop]  # (k, n, M)
        logs = p.clamp(min=torch.finfo(self.dtype).tiny).log_()
        entropy = logs.mul(p).sum(2, keepdim=True).neg_()
        d_logits = logs.add_(entropy).mul_(entropy_weights).add_(reward_weights).mul_(p)
        chosen = self._choices[start + 1 : stop + 1].unsqueeze(2)
        return d_logits.scatter_add_(2, chosen, -reward_weights.expand_as(chosen))

    def _logits_backward(self, segment: Segment, d_logits: Tensor, keys: Tensor, gradients: Tables) -> None:
        """Continue from the logits (k, n, M) to the hidden states of a segment, and to `keys` and `offsets`."""
        rows = d_logits.view(-1, self.choices)
        torch.mm(rows, keys, out=segment.gradient.view(-1, self.width))
        gradients.keys.addmm_(segment.hidden[1:].reshape(-1, self.width).t(), rows)
        gradients.offsets[segment.start : segment.stop] = d_logits.sum(1)

    def _inputs_backward(self, part: Gradients, gradients: Tables) -> None:
        """Continue from the gates of a segment to `hidden`, `previous` and `edges`, of which they are sums."""
        start, stop, hidden, _ = part.segment
        rows = part.gates.view(-1, 4 * self.width)
        gradients.hidden.addmm_(rows.t(), hidden[:-1].reshape(-1, self.width))
        last = self._choices[start:stop].reshape(-1, 1)
        one_hot = torch.zeros(len(last), self.choices + 1, dtype=self.dtype).scatter_(1, last, 1)
        gradients.previous.addmm_(one_hot.t(), rows)
        gradients.edges[start:stop] = part.gates.sum(1)

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
