"""The plan of an export: the numbers that the C will hold, and the arithmetic it will do with them.

`Plan.outputs` does that arithmetic in numpy. How the observation's normaliser is folded into the first layer is decided
by what it changes in actions, in states with the mean and the deviation that the policy knows.

A policy computes, from an observation x,

    x' = (x - mean) / std,    h = tanh(W x' + b) … ,    action = centre + half-width · tanh(V h)

with ReLUs in the place of hidden tanhs, and a bias on V, where it was trained by gradients.

There are four ways to have (x - mean) / std in single precision. The cheapest that is exact enough is taken:

1. W / std and b - W mean / std: nothing is left of the normaliser. Not where weights are shared: each edge's would be
   another number. Not for int8: an observation that hardly varies would take the whole range of a row.
2. x / std, and b - W mean / std: one number an observation is left.
3. (x - mean) / std, as it is.
4. The same with a mean in two parts, which subtracts exactly where the mean is far larger than the deviation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from compactrl.encodings.biases import Biases, biases_of
from compactrl.encodings.formats import WeightFormat
from compactrl.encodings.inputs import Inputs
from compactrl.encodings.tables import Encoding, Table
from compactrl.networks.batched import BatchedMLP
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Sharing, Singles
from compactrl.types import Floats, Layer, Layers, Stacked

FOLD_TOLERANCE = 2e-6
"""Most that a folding may change tanh(output) by in the states tried: a fifth of what actions may differ by."""
ROWS = 512
"""Observations that are evaluated at a time."""
STATES = 256
"""Observations on which the ways to fold the normaliser are compared."""


@dataclass(frozen=True)
class Plan:
    """What is to be written down of a policy."""

    policy: Policy
    sharing: Sharing
    """What the policy's edges share, as searched."""
    format: WeightFormat
    encoding: Encoding
    """The weights as written, the normaliser's share included."""
    inputs: Inputs
    biases: tuple[Singles | None, ...]
    """(outputs,) a layer, the normaliser's share included."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Observation size, hidden sizes, output size."""
        return self.policy.shape

    @property
    def action(self) -> ActionSpec:
        """How outputs become actions."""
        return self.policy.action

    def layers(self) -> Layers:
        """Return what the C multiplies and adds, in single precision."""
        return tuple(map(Layer, self.encoding.matrices(), self.biases))

    def tables(self) -> list[Table]:
        """Return all constant arrays but those of the actions' bounds."""
        if self.encoding.inline:
            return []
        return self.inputs.tables() + self.encoding.tables() + self.stored_biases.tables()

    @cached_property
    def stored_biases(self) -> Biases:
        """How the biases lie in memory; equal ones once, where edges share weights and that is smaller."""
        biases = [bias for bias in self.biases if bias is not None]
        values = np.concatenate(biases) if biases else np.zeros(0, np.float32)
        return biases_of(values, sharing=self.format.for_shared is True)

    @property
    def table_bytes(self) -> int:
        """Bytes of `tables`."""
        return sum(table.bytes for table in self.tables())

    def outputs(self, observations: Singles) -> Singles:
        """Return the raw outputs (B, A) of the C's arithmetic for observations (B, O), both in single precision."""
        parts = [self._outputs(observations[begin : begin + ROWS]) for begin in range(0, len(observations), ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, self.shape[-1]), np.float32)

    def actions(self, observations: Singles) -> Floats:
        """Return the actions (B, A), or (B, 1) with the number of a discrete one."""
        return as_rows(self.action.act(self.outputs(observations).T))

    @np.errstate(over="ignore", invalid="ignore")
    def _outputs(self, observations: Singles) -> Singles:
        rows = len(observations)
        batched = tuple(
            Layer(np.repeat(weight[None], rows, 0), None if bias is None else np.repeat(bias[None], rows, 0))
            for weight, bias in self.layers()
        )
        if self.policy.activation == "tanh":
            return _forward(batched, self.inputs(observations))
        value = self.inputs(observations)
        for number, layer in enumerate(batched):  # one at a time, in the order of sums that the C has
            value = _forward((layer,), value if number == 0 else np.maximum(value, 0.0))
        return value


def _forward(layers: Layers, inputs: Singles) -> Singles:
    """Return the outputs (B, A) of a tanh network a row, for inputs (B, O)."""
    network, rows = BatchedMLP(Stacked(layers)), len(inputs)
    network.input[:, :rows] = inputs.T
    return network.forward()[:, :rows].T.copy()


def as_rows(actions: Floats) -> Floats:
    """Return actions (B, A) as they are, and discrete ones (B,) as (B, 1)."""
    rows = np.asarray(actions, np.float64)
    return rows[:, None] if rows.ndim == 1 else rows


def bounds_of(action: ActionSpec) -> tuple[Floats, Floats] | None:
    """Return centre and half-width of actions, (A,) each, of a box that is bounded everywhere; None of any other."""
    if action.kind == "discrete" or action.bounds is None:
        return None
    center, half = action.bounds
    return center[:, 0], half[:, 0]


def make_plan(policy: Policy, weights: WeightFormat) -> Plan:
    """Return the smallest plan of those with a folding of the normaliser that is exact enough in usual states."""
    return make_plans([policy], weights)[0]


def make_plans(policies: Sequence[Policy], weights: WeightFormat) -> list[Plan]:
    """Return plans of policies with one network and one normaliser, which is folded into all of them in one way."""
    ways = [list(_foldings(policy, weights)) for policy in policies]
    if len(ways[0]) == 1:
        return [plans[0] for plans in ways]
    errors = np.max([_folding_errors(plans) for plans in ways], axis=0)
    enough = np.flatnonzero(errors <= FOLD_TOLERANCE).tolist()
    # The first of the smallest: what is left of the normaliser grows from one to the next, but the mean in the biases
    # makes all of them different.
    chosen = min(enough, key=lambda way: ways[0][way].table_bytes) if enough else int(np.argmin(errors))
    return [plans[chosen] for plans in ways]


def _folding_errors(plans: Sequence[Plan]) -> list[float]:
    """Return what each folding of a policy changes in tanh(output), at most, in usual states."""
    observations = usual_states(plans[-1].policy)
    expected = np.tanh(_outputs(reference_policy(plans[-1]), observations))
    return [float(np.abs(np.tanh(plan.outputs(observations)) - expected).max(initial=0.0)) for plan in plans]


def reference_policy(plan: Plan) -> Policy:
    """Return the policy that the C must equal: the searched one, or for int8 the one with its rounded weights."""
    matrices = plan.format.encode(plan.sharing).matrices()
    return plan.policy.with_layers(tuple(map(Layer, matrices, _biases(plan.policy))))


def _outputs(policy: Policy, observations: Singles) -> Singles:
    """Return the raw outputs of a policy, (B, A), as Python evaluates it."""
    raw = replace(policy, action=ActionSpec("box", (-np.inf,) * policy.shape[-1], (np.inf,) * policy.shape[-1]))
    parts: list[Singles] = [raw(observations[begin : begin + ROWS]) for begin in range(0, len(observations), ROWS)]
    return np.concatenate(parts) if parts else np.zeros((0, policy.shape[-1]), np.float32)


def _biases(policy: Policy) -> tuple[Singles | None, ...]:
    return tuple(None if layer.bias is None else np.asarray(layer.bias, np.float32) for layer in policy.layers)


def usual_states(policy: Policy) -> Singles:
    """Return observations with the mean and the deviation that the policy's normaliser has, (`STATES`, O).

    They follow from the policy alone, and so does what it takes in memory.
    """
    generator = np.random.default_rng(np.random.SeedSequence(STATES))
    mean, std = policy.normalizer
    return (mean + std * generator.standard_normal((STATES, len(mean)))).astype(np.float32)


def _foldings(policy: Policy, weights: WeightFormat) -> Iterator[Plan]:
    """Yield the plans of the four ways, the cheapest first; one alone where there is nothing to normalise."""
    sharing = policy.sharing
    encoding, biases = weights.encode(sharing), _biases(policy)
    mean, std = policy.normalizer
    kept = Plan(policy, sharing, weights, encoding, Inputs(), biases)
    if not mean.any() and (std == 1).all():
        yield kept
        return
    first = encoding.matrices()[0].astype(np.float64) / std
    before = 0.0 if biases[0] is None else biases[0].astype(np.float64)
    moved = ((before - first @ mean).astype(np.float32), *biases[1:])
    scale = None if (std == 1).all() else (1 / std).astype(np.float32)
    if sharing.own and weights.folds:
        layers = (Layer(first.astype(np.float32), None), *policy.layers[1:])
        yield replace(kept, encoding=weights.encode(policy.with_layers(layers).sharing), biases=moved)
    yield replace(kept, inputs=Inputs(scale=scale), biases=moved)
    high = mean.astype(np.float32)
    yield replace(kept, inputs=Inputs(mean=high, scale=scale))
    yield replace(kept, inputs=Inputs(mean=high, rest=(mean - high).astype(np.float32), scale=scale))
