"""Networks for contexts on a grid as one plan: their tables one after the other, one code, a context set at run time.

    position = (context - low) / step, kept within 0 … count - 1
    nearest      the network at the position, rounded
    interpolate  (1 - share) times the network below plus share times the one above, number by number

Interpolation takes no memory but for place and share: a weight is computed where it is used. Networks share the
normaliser, and it is folded into all of them in the same way, so that a network between two is a policy between two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from compactrl.encodings.biases import Biases
from compactrl.encodings.dense import Float32
from compactrl.encodings.formats import WeightFormat
from compactrl.encodings.plan import Plan, make_plans
from compactrl.encodings.tables import Encoding, Snippets, Table
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Sharing, Singles

Between = Literal["nearest", "interpolate"]


@dataclass(frozen=True)
class Grid:
    """Contexts at even distances, two or more.

    Example:
        >>> grid = Grid(0.0, 3.0, 4)
        >>> grid.contexts.tolist(), grid.position(1.25), grid.position(-7.0), grid.position(float("nan"))
        ([0.0, 1.0, 2.0, 3.0], 1.25, 0.0, 0.0)
    """

    low: float
    high: float
    count: int
    between: Between = "interpolate"
    name: str = "context"
    """What the number is."""

    @property
    def contexts(self) -> Singles:
        """(count,) of the networks."""
        return np.linspace(self.low, self.high, self.count).astype(np.float32)

    @property
    def scale(self) -> np.float32:
        """Steps of the grid for a context of 1."""
        return np.float32((self.count - 1) / (self.high - self.low))

    def position(self, context: float) -> float:
        """Return where a context lies, in steps from the lowest, as the C computes it."""
        position = (np.float32(context) - np.float32(self.low)) * self.scale
        return float(min(position, np.float32(self.count - 1))) if position > 0 else 0.0

    def place(self, context: float) -> tuple[int, float]:
        """Return the number of the network at or below a context, and how far it is on the way to the next."""
        position = np.float32(self.position(context))
        if self.between == "nearest":
            return int(position + np.float32(0.5)), 0.0
        place = min(int(position), self.count - 2)
        return place, float(position - np.float32(place))


class GridWeights(Encoding):
    """The weights of all networks, one after the other."""

    name = "float32"

    def __init__(self, nodes: tuple[Encoding, ...], between: Between) -> None:
        super().__init__(nodes[0].sharing)
        self._nodes, self._between = nodes, between
        self._edges = len(nodes[0].sharing.edges)

    def tables(self) -> list[Table]:
        """Return the weights of all edges of all networks."""
        values = np.concatenate([node.sharing.edges for node in self._nodes])
        return [Table("weights", "float", values, f"of {len(self._nodes)} networks, layer by layer, row by row")]

    def snippets(self) -> Snippets:
        """Return a walk along the table of the network in place, or along two."""
        start = f"const float *weight = NAME_weights + NAME_place * {self._edges};"
        if self._between == "nearest":
            return Snippets(state=(start,), term=("sum += *weight++ * *x;",))
        above = f"sum += (weight[0] + share * (weight[{self._edges}] - weight[0])) * *x;"
        return Snippets(state=(start, "const float share = NAME_share;"), term=(above, "weight++;"))

    @property
    def code_estimate(self) -> int:
        """Bytes of code on a Cortex-M4, with what sets the context."""
        return 320


class GridBiases(Biases):
    """The biases of all networks, one after the other."""

    def __init__(self, nodes: tuple[Singles, ...], between: Between) -> None:
        super().__init__(np.concatenate(nodes))
        self._each, self._count, self._between = len(nodes[0]), len(nodes), between

    def tables(self) -> list[Table]:
        """Return the biases."""
        return [Table("biases", "float", self.values, f"of {self._count} networks, layer by layer")]

    def snippets(self) -> Snippets:
        """Return a walk along the table of the network in place, or along two."""
        start = f"const float *bias = NAME_biases + NAME_place * {self._each};"
        if self._between == "nearest":
            return Snippets(state=(start,), term=("sum += *bias++;",))
        return Snippets(state=(start,), term=(f"sum += bias[0] + share * (bias[{self._each}] - bias[0]);", "bias++;"))


@dataclass(frozen=True)
class GridPlan(Plan):
    """A plan of many networks; what a `Plan` says of one it says of the network in the middle."""

    nodes: tuple[Plan, ...]
    grid: Grid

    @cached_property
    def stored_biases(self) -> Biases:
        """How the biases lie in memory."""
        return GridBiases(tuple(_joined(node.biases) for node in self.nodes), self.grid.between)

    def at(self, context: float) -> Plan:
        """Return the plan of what the C computes for a context, with the policy that it must equal."""
        place, share = self.grid.place(context)
        low, high = self.nodes[place], self.nodes[min(place + 1, len(self.nodes) - 1)]
        part = np.float32(share)
        edges = _between(low.encoding.sharing.edges, high.encoding.sharing.edges, part)
        biases = tuple(
            None if one is None or other is None else _between(one, other, part)
            for one, other in zip(low.biases, high.biases, strict=True)
        )
        sharing = Sharing(low.shape, edges, np.arange(len(edges)), None)
        policy = between(low.policy, high.policy, share, context)
        return Plan(policy, policy.sharing, self.format, Float32(sharing), self.inputs, biases)


def between(low: Policy, high: Policy, share: float, context: float) -> Policy:
    """Return the policy that is this share of the way from one to another of the same network."""
    return replace(
        low,
        weights=low.weights + share * (high.weights - low.weights),
        biases=low.biases + share * (high.biases - low.biases),
        context=np.array([context]),
    )


def make_grid_plan(policies: list[Policy], weights: WeightFormat, grid: Grid) -> GridPlan:
    """Return the plan of policies for a grid's contexts: of one network, with one normaliser, sharing no weights."""
    nodes = tuple(make_plans(policies, weights))
    middle = nodes[len(nodes) // 2]
    encoding = GridWeights(tuple(node.encoding for node in nodes), grid.between)
    return GridPlan(
        middle.policy, middle.sharing, weights, encoding, middle.inputs, middle.biases, nodes=nodes, grid=grid
    )


def _between(low: Singles, high: Singles, share: np.float32) -> Singles:
    return np.asarray(low + share * (high - low), np.float32)


def _joined(biases: tuple[Singles | None, ...]) -> Singles:
    return np.concatenate([bias for bias in biases if bias is not None])
