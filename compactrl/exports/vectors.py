"""Golden vectors: observations with the actions that a right build gives, from visited states and from the edges.

The self-test replays them on the robot, before it moves. A build that differs shows: another compiler, a wrong flag, a
flipped bit in flash. Where single precision itself is in doubt a vector tests nothing, and is left out: its action
differs from the one in double precision by a good part of the tolerance, or two discrete actions are next to even.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compactrl.encodings.plan import Plan, as_rows, reference_policy
from compactrl.policies.actions import ActionSpec
from compactrl.policies.policy import Policy
from compactrl.policies.sharing import Singles
from compactrl.types import Floats

TOLERANCE = 1e-5
"""Most that an action may differ by, times the half-width of its own bounds where it has some. PX4's RAPTOR refuses to
arm above it (mc_raptor, absolute difference of actions in -1 … 1)."""
ROUNDING = 2.0**-21
"""Least that an action may differ by, times its largest magnitude: twice what centre, half-width, their product and
their sum lose in single precision, each half a unit in the last place."""
CLOSE = 0.05
"""Most that integers may differ by before they are rounded, so that they must be equal after it."""
VISITED = 16
"""Golden vectors from visited states."""


class Vectors(NamedTuple):
    """Observations (V, O) and the actions (V, A) that they must give, both in single precision."""

    observations: Singles
    actions: Singles
    contexts: Singles | None = None
    """(V,) that the C is told before, where it has networks for many."""


def tolerances(action: ActionSpec) -> Floats:
    """Return what each action may differ by, (A,) in the action's units; (1,) for the number of a discrete one.

    Each is measured by that action's own range: what is nothing to a wide one may be all of a narrow one. Integers may
    not differ, and where their range is so wide that single precision cannot tell them all apart by hardly more than
    what it loses.

    Example:
        >>> tolerances(ActionSpec("box", (-1.0, 0.0), (1.0, 20000.0))).tolist()
        [1e-05, 0.1]
    """
    if action.kind == "discrete":
        return np.full(1, TOLERANCE)
    lost = before_rounding(action)
    return np.where(lost <= CLOSE, 0.5, np.floor(lost) + 1.5) if action.dtype else lost


def before_rounding(action: ActionSpec) -> Floats:
    """Return what each action of a box may differ by before integers are rounded, (A,)."""
    center, half = action.scaling
    low, high = (np.where(np.isfinite(limit), np.abs(limit), 0.0) for limit in action.limits)
    return np.maximum(TOLERANCE * half, ROUNDING * np.where(action.squashed, np.abs(center) + half, low + high))


def one_or_each(values: Floats) -> float | list[float]:
    """Return values (A,), one an action, as a JSON value: one number where all are alike."""
    each: list[float] = values.tolist()
    return each[0] if len(set(each)) == 1 else each


def golden(plan: Plan, visited: Singles) -> Vectors:
    """Return vectors from visited states (B, O), evenly through them, and from the edges."""
    chosen = visited[np.unique(np.linspace(0, len(visited) - 1, VISITED).astype(int))] if len(visited) else visited
    observations = np.concatenate([chosen, edges(plan.policy)])
    policy = reference_policy(plan)
    actions = as_rows(policy(observations))
    kept = is_certain(plan, observations)
    return Vectors(observations[kept], actions[kept].astype(np.float32))


def edges(policy: Policy) -> Singles:
    """Return observations at the edges, (7, O): zeros, denormals, the mean, and far from it on one side or both."""
    mean, std = policy.normalizer
    signs = np.where(np.arange(len(mean)) % 2, -1.0, 1.0)
    rows = (
        np.zeros_like(mean),
        -np.zeros_like(mean),
        np.full_like(mean, 1e-40),
        mean,
        mean + 5 * std,
        mean - 5 * std,
        mean + 1e3 * signs * std,
    )
    return np.stack(rows).astype(np.float32)


def is_certain(plan: Plan, observations: Singles) -> np.typing.NDArray[np.bool_]:
    """Return which observations (B, O) have an action that does not hang on the rounding of single precision, (B,)."""
    single = plan.outputs(observations).astype(np.float64)
    double = _double(reference_policy(plan), observations)
    if plan.action.kind == "discrete":
        ordered = np.sort(double, axis=1)
        margin = ordered[:, -1] - ordered[:, -2] if double.shape[1] > 1 else np.full(len(double), np.inf)
        return np.asarray(margin > 1e-4 * np.maximum(1.0, np.abs(ordered[:, -1])))
    action = plan.action
    single, double = (squash(action, outputs) for outputs in (single, double))
    certain = np.abs(single - double) <= TOLERANCE / 4
    if action.dtype:  # next to the middle between two integers it is rounding that decides
        center, half = action.scaling
        scaled, lost = double * half + center, before_rounding(action)
        certain &= (np.abs(scaled - np.floor(scaled) - 0.5) > lost) | (lost > CLOSE)
    return np.asarray(certain.all(axis=1))


def squash(action: ActionSpec, outputs: Floats) -> Floats:
    """Return raw outputs (B, A) of a box through tanh where actions are bounded on both sides, else clipped."""
    return np.asarray(np.where(action.squashed, np.tanh(outputs), np.clip(outputs, *action.limits)))


def _double(policy: Policy, observations: Singles) -> Floats:
    """Return the raw outputs (B, A) in double precision."""
    value: Floats = (observations.astype(np.float64) - policy.normalizer.mean) / policy.normalizer.std
    for number, (weight, bias) in enumerate(policy.layers):
        value = value @ np.asarray(weight, np.float64).T + (0.0 if bias is None else np.asarray(bias, np.float64))
        if number < len(policy.layers) - 1:
            value = np.maximum(value, 0.0) if policy.activation == "relu" else np.tanh(value)
    return value
