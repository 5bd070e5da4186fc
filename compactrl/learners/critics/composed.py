"""Critics of forms other than a plain network: composed of linear layers, differentiated by autograd, a thread each."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from compactrl.learners.critics.base import Form
from compactrl.learners.critics.inputs import states
from compactrl.networks.affine import Network, Parts, cut, gradients_into
from compactrl.networks.threads import together
from compactrl.types import Floats


class Composed(Form):
    """A critic that is composed of linear layers."""

    @cached_property
    @abstractmethod
    def parts(self) -> Parts:
        """The layers, in their order."""

    @abstractmethod
    def value(self, network: Network, state: Tensor, action: Tensor) -> Tensor:
        """Return the values (R,) of actions (R, A) in states, [observation | told] (R, S)."""

    @property
    def num_parameters(self) -> int:
        """P."""
        return sum(part.size for part in self.parts.values())

    def initial(self, generator: np.random.Generator) -> Floats:
        """Draw the first parameters, (P,)."""
        return np.concatenate([part.initial(generator) for part in self.parts.values()])

    def on(self, flat: Tensor, count: int) -> ComposedTwins:
        """Return C networks on a vector (C · P,)."""
        return ComposedTwins(self, flat, count)


class Graph(NamedTuple):
    """What autograd keeps of one critic's pass."""

    values: Tensor
    """(R,)"""
    network: Network
    action: Tensor
    """(R, A)"""


class ComposedTwins:
    """C composed networks on one vector, each a graph of its own, so that threads can take one each."""

    def __init__(self, form: Composed, flat: Tensor, count: int) -> None:
        self.form, self.flat, self.count = form, flat, count
        self.layers = [cut(parameters, form.parts) for parameters in flat.detach().chunk(count)]

    def __call__(
        self, observation: Tensor, action: Tensor, told: Tensor, learn: bool, only: int | None = None
    ) -> Tensor:
        """Return the values (C, n · B); see `Critics`."""
        rows, state = action.flatten(0, 1), states(observation, told)
        values: Tensor = _Together.apply(  # type: ignore[no-untyped-call]
            self.flat if learn else None, rows, state, self, only or self.count
        )
        return values

    def graph(self, number: int, state: Tensor, action: Tensor, learn: bool, steers: bool) -> Graph:
        """Pass through one critic.

        Args:
            number: of the critic.
            state: (R, S).
            action: (R, A).
            learn: keep what gradients of its parameters need.
            steers: keep what those of the action need.
        """
        own = action.detach().requires_grad_(steers)
        network = Network(self.layers[number], learn)
        with torch.set_grad_enabled(learn or steers):
            return Graph(self.form.value(network, state.detach(), own), network, own)


class _Together(torch.autograd.Function):
    """All critics as one operation, of their parameters and the action."""

    @staticmethod
    def forward(
        ctx: Any, flat: Tensor | None, action: Tensor, state: Tensor, twins: ComposedTwins, count: int
    ) -> Tensor:
        """Return (count, R)."""
        learn, steers = flat is not None and flat.requires_grad, ctx.needs_input_grad[1]
        values = action.new_empty(count, len(action))
        graphs: list[Graph | None] = [None] * count

        def one(number: int) -> None:
            graphs[number] = graph = twins.graph(number, state, action, learn, steers)
            values[number].copy_(graph.values.detach())

        together([partial(one, number) for number in range(count)], len(action) * twins.form.num_parameters)
        ctx.twins, ctx.graphs = twins, graphs
        return values

    @staticmethod
    def backward(ctx: Any, d_values: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the parameters and of the action."""
        twins: ComposedTwins = ctx.twins
        graphs: list[Graph] = ctx.graphs
        learns, steers = ctx.needs_input_grad[:2]
        d_flat = torch.empty_like(twins.flat, requires_grad=False) if learns else None
        chunks = [None] * len(graphs) if d_flat is None else d_flat.chunk(twins.count)
        d_actions: list[Tensor | None] = [None] * len(graphs)

        def one(number: int) -> None:
            layers, graph, chunk = twins.layers[number], graphs[number], chunks[number]
            gradients_into(layers, None if chunk is None else cut(chunk, twins.form.parts))
            token = graph.network.token
            wanted = [*([token] if learns and token is not None else []), *([graph.action] if steers else [])]
            found = torch.autograd.grad(graph.values, wanted, d_values[number], allow_unused=True)
            gradients_into(layers, None)
            d_actions[number] = found[-1] if steers else None

        together([partial(one, number) for number in range(len(graphs))], d_values.shape[1] * twins.form.num_parameters)
        ctx.graphs = None
        d_action = None
        for found in d_actions:  # in this order, whichever thread was first
            if found is not None:
                d_action = found if d_action is None else d_action + found
        return d_flat, d_action, None, None, None
