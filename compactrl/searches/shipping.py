"""What ships: leading designs are re-evaluated without noise on fresh episodes, more episodes for fewer of them.

The paper tables the best return that any worker ever saw; the luckiest single return is not a policy's
quality (3779 there is 2148 as a mean). So designs that led in the search race: each round halves or
quarters the field and gives those left more fresh episodes, and the last one meets the policy that would
have shipped so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from compactrl.evaluation import Evaluator
from compactrl.policies.policy import Policy
from compactrl.types import Designs, Floats, Layer, Mixed, Networks, Stacked, State, Trials

LEADERS = 16
ROUNDS = ((16, 2), (4, 8))
"""(designs at most, episodes each) before the last; the last one gets the full number of episodes."""


class Leaders:
    """The designs that did best since the last re-evaluation, best first."""

    def __init__(self, length: int) -> None:
        self.designs: Designs = np.zeros((0, length), np.int64)
        self.rewards: Floats = np.zeros(0)

    def note(self, designs: Designs, rewards: Floats) -> None:
        """Take a generation's designs (n, D) and rewards (n,) into account; failed ones (NaN) are left out."""
        valid = np.isfinite(rewards)
        designs = np.concatenate([designs[valid], self.designs])
        rewards = np.concatenate([rewards[valid], self.rewards])
        best = np.argsort(-rewards, kind="stable")[: 4 * LEADERS]
        _, first = np.unique(designs[best], axis=0, return_index=True)
        kept = best[np.sort(first)][:LEADERS]
        self.designs, self.rewards = designs[kept], rewards[kept]

    def clear(self) -> None:
        """Forget: rewards were for weights that have changed since."""
        self.designs, self.rewards = self.designs[:0], self.rewards[:0]

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {"designs": self.designs, "rewards": self.rewards}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self.designs, self.rewards = np.asarray(state["designs"]), np.asarray(state["rewards"])


class Selected(NamedTuple):
    """A policy with what its fresh episodes gave."""

    policy: Policy
    returns: Floats
    """(episodes,) of the last round."""
    steps: int
    """Environment steps that the whole race took."""

    @property
    def mean_return(self) -> float:
        """Mean over the episodes that did not fail; minus infinity where all did."""
        valid = self.returns[np.isfinite(self.returns)]
        return float(valid.mean()) if len(valid) else -np.inf


def race(policies: Sequence[Policy], evaluator: Evaluator, episodes: int) -> Selected:
    """Return the best of these policies, found in rounds; they must share one normaliser."""
    steps = 0
    field = list(policies)
    for most, each in ROUNDS:
        if len(field) > 1:
            field = field[:most]
            scores, taken = score(field, evaluator, each)
            steps += taken
            means = np.where(np.isfinite(scores).any(axis=1), np.nan_to_num(scores, nan=-np.inf).mean(axis=1), -np.inf)
            field = [field[index] for index in np.argsort(-means, kind="stable")]
    scores, taken = score(field[:1], evaluator, episodes)
    return Selected(field[0], scores[0], steps + taken)


def score(policies: Sequence[Policy], evaluator: Evaluator, episodes: int) -> tuple[Floats, int]:
    """Return the returns (policies, episodes) over fresh episodes, NaN = failed, and the steps taken."""
    layers = together(policies, episodes)
    count = len(policies) * episodes
    outcomes = evaluator.evaluate(Trials(layers, policies[0].normalizer, np.zeros((count, 0), np.int64)))
    return outcomes.returns.reshape(len(policies), episodes), int(outcomes.steps.sum())


def together(policies: Sequence[Policy], copies: int) -> Networks:
    """Return the networks of policies, each so many times, as evaluators take them."""
    if policies[0].activation == "relu":
        return Mixed(tuple(policy.layers for policy in policies), np.repeat(np.arange(len(policies)), copies))
    layers = tuple(
        Layer(
            np.repeat(np.stack([layer.weight for layer in parts]), copies, axis=0),
            None if parts[0].bias is None else np.repeat(np.stack([layer.bias for layer in parts]), copies, axis=0),
        )
        for parts in zip(*(policy.layers for policy in policies), strict=True)
    )
    return Stacked(layers, policies[0].activation)
