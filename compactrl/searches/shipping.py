"""What ships: leading designs are re-evaluated without noise on fresh episodes, more episodes for fewer of them.

The paper tables the best return that any worker ever saw; the luckiest single return is not a policy's
quality (3779 there is 2148 as a mean). So designs that led in the search race: each round halves or
quarters the field and gives those left more fresh episodes, and the last one meets the policy that would
have shipped so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from compactrl.evaluation import Evaluator
from compactrl.policies.files import policy_of, policy_state
from compactrl.policies.policy import Policy, copies
from compactrl.types import Design, Designs, Floats, Metrics, State, Trials

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


class Shipping:
    """What ships of a search so far, and when the leading designs race for it.

    Args:
        evaluator: where they race; shares no lane with training.
        episodes: fresh episodes for each of the last designs standing.
        times: how many races a whole search has, at even shares of its budget.
        length: D, decisions of a design that a controller proposes.
    """

    def __init__(self, evaluator: Evaluator, episodes: int, times: int, length: int) -> None:
        self.evaluator, self._episodes, self._times = evaluator, episodes, times
        self.leaders = Leaders(length)
        self.shipped: Policy | None = None
        self.returns: Floats = np.zeros(0)
        """Of all the episodes that what ships was judged by."""
        self.races = 0
        """How many there have been, by the share of the budget that is spent."""

    def due(self, progress: float) -> bool:
        """Return whether it is time for a race, when this share of the budget is spent."""
        return progress >= min(1.0, (self.races + 1) / self._times)

    def candidates(self, length: int, propose: Callable[[int], Designs]) -> Designs:
        """Return the designs that race: the leading ones, and the one that would ship, each once.

        Args:
            length: D, decisions of a design that a controller proposes now.
            propose: the controller, asked where nothing leads yet.
        """
        designs = list(self.leaders.designs)
        if self.shipped is not None and self.shipped.design.shape == (length,):
            designs.insert(0, self.shipped.design)  # first: a race has room for so many
        different = {design.tobytes(): design for design in designs or propose(1)}
        return np.stack(list(different.values()))

    def lead(self, policies: Sequence[Policy]) -> tuple[Design, int]:
        """Return the design that wins a race of these policies, and the steps that it took."""
        won = race(policies, self.evaluator, self._episodes)
        return won.policy.design, won.steps

    def select(self, policies: Sequence[Policy], progress: float) -> tuple[Metrics, int]:
        """Let these policies race; the winner ships if it beats what would have shipped on fresh episodes.

        Returns:
            Metrics, and the environment steps that it took.
        """
        self.races = int(progress * self._times + 1e-9)
        won = race(policies, self.evaluator, self._episodes)
        steps, before = won.steps, self.shipped
        self.leaders.clear()
        if before is not None:
            # The one before is run again too: what was picked for its score has been lucky with it.
            again, taken = score([before], self.evaluator, self._episodes)
            steps += taken
            self.returns = np.concatenate([self.returns, again[0]])
        if before is None or won.mean_return > mean_of(self.returns):
            self.shipped, self.returns = won.policy, won.returns
        changed = before is None or self.shipped is None or not np.array_equal(before.design, self.shipped.design)
        metrics = {
            "policy_return_mean": won.mean_return,
            "shipped_return_mean": mean_of(self.returns),
            "shipped_design_changed": float(changed),
        }
        return metrics, steps

    def drop_larger(self, weights: int) -> None:
        """Let nothing ship that has more weights than this: a mask larger than was asked for."""
        if self.shipped is not None and self.shipped.size.weights > weights:
            self.shipped, self.returns = None, np.zeros(0)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "selections": self.races,
            "selector": self.evaluator.state_dict(),
            "leaders": self.leaders.state_dict(),
            "shipped_returns": self.returns,
            "shipped": None if self.shipped is None else policy_state(self.shipped),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned; other keys are others'."""
        self.races = int(state["selections"])
        self.evaluator.load_state_dict(state["selector"])
        self.leaders.load_state_dict(state["leaders"])
        self.returns = np.asarray(state["shipped_returns"])
        self.shipped = None if state["shipped"] is None else policy_of(state["shipped"])


def mean_of(returns: Floats) -> float:
    """Return the mean of the returns that are known; minus infinity where none is."""
    valid = returns[np.isfinite(returns)]
    return float(valid.mean()) if len(valid) else -np.inf


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
        return mean_of(self.returns)


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
    count = len(policies) * episodes
    outcomes = evaluator.evaluate(
        Trials(copies(list(policies), episodes), policies[0].normalizer, np.zeros((count, 0), np.int64))
    )
    return outcomes.returns.reshape(len(policies), episodes), int(outcomes.steps.sum())
