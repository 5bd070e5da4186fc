"""What ships: the leading designs of a search race without noise, on fresh episodes.

A race has rounds: those with the best means go on to the next one, with more episodes each. The winner ships if it
beats, on fresh episodes, the policy that would have shipped so far.

Departure: Song et al. 2020 table the best return that any worker ever saw. The luckiest return of many is not a
policy's quality (their 3779 is 2148 as a mean).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from compactrl.envs.spec import EnvironmentSpec
from compactrl.evaluation import Evaluator
from compactrl.learners.base import Shipped
from compactrl.policies.batches import copies, tasks_of
from compactrl.policies.files import policy_of
from compactrl.policies.policy import Policy
from compactrl.types import Design, Designs, Floats, Metrics, Normalizer, State, Trials

LEADERS = 16
ROUNDS = ((16, 2), (4, 8))
"""(designs at most, episodes for each) of the rounds before the last. In the last, the winner gets all its episodes."""


class Leaders:
    """The designs with the largest rewards since the last race, best first."""

    def __init__(self, length: int) -> None:
        self.designs: Designs = np.zeros((0, length), np.int64)
        self.rewards: Floats = np.zeros(0)

    def note(self, designs: Designs, rewards: Floats) -> None:
        """Take in an iteration's designs (n, D) and rewards (n,), minus infinity of one that comes after all others.

        Failed ones (NaN) are left out.
        """
        valid = rewards < np.inf
        designs = np.concatenate([designs[valid], self.designs])
        rewards = np.concatenate([rewards[valid], self.rewards])
        best = np.argsort(-rewards, kind="stable")[: 4 * LEADERS]
        _, first = np.unique(designs[best], axis=0, return_index=True)
        kept = best[np.sort(first)][:LEADERS]
        self.designs, self.rewards = designs[kept], rewards[kept]

    def clear(self) -> None:
        """Forget all of them: the weights have changed since they were rewarded."""
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
        evaluator: of races; shares no lane with training.
        episodes: of the winner, and of the policy that would have shipped so far.
        num_races: of a whole search, at even shares of its budget.
        length: D, decisions of a design that a controller proposes.
    """

    def __init__(self, evaluator: Evaluator, episodes: int, num_races: int, length: int) -> None:
        self.evaluator, self._episodes, self._num_races = evaluator, episodes, num_races
        self.leaders = Leaders(length)
        self.shipped: Policy | None = None
        self.returns: Floats = np.zeros(0)
        """Of all episodes that the shipped policy has raced."""
        self.races = 0
        """How many were due so far, by the share of the budget that is spent."""

    def due(self, progress: float) -> bool:
        """Return whether a race is due when this share of the budget is spent."""
        return progress >= min(1.0, (self.races + 1) / self._num_races)

    def candidates(self, length: int, propose: Callable[[int], Designs]) -> Designs:
        """Return the designs that race: the leading ones, and the one that would ship, each once.

        Args:
            length: D, decisions of a design that a controller proposes now.
            propose: what gives designs where nothing leads yet.
        """
        designs = list(self.leaders.designs)
        if self.shipped is not None and self.shipped.design.shape == (length,):
            designs.insert(0, self.shipped.design)  # first, since a race cuts the list at its end
        different = {design.tobytes(): design for design in designs or propose(1)}
        return np.stack(list(different.values()))

    def lead(self, policies: Sequence[Policy]) -> tuple[Design, int]:
        """Let these policies race; return the winner's design (D,), and the environment steps of the race."""
        winner = race(policies, self.evaluator, self._episodes)
        return winner.policy.design, winner.steps

    def select(self, policies: Sequence[Policy], progress: float) -> tuple[Metrics, int]:
        """Let these policies race; the winner ships if it beats what would have shipped on fresh episodes.

        Returns:
            Metrics, and the environment steps of the race.
        """
        self.races = int(progress * self._num_races + 1e-9)
        winner = race(policies, self.evaluator, self._episodes)
        steps, previous = winner.steps, self.shipped
        self.leaders.clear()
        if previous is not None:
            # It gets fresh episodes as well: a policy that was picked for its score was lucky with it.
            scores, score_steps = score([previous], self.evaluator, self._episodes)
            steps += score_steps
            self.returns = np.concatenate([self.returns, scores[0]])
        if previous is None or winner.mean_return > mean_of(self.returns):
            self.shipped, self.returns = winner.policy, winner.returns
        changed = previous is None or self.shipped is None or not np.array_equal(previous.design, self.shipped.design)
        metrics = {
            "policy_return_mean": winner.mean_return,
            "shipped_return_mean": mean_of(self.returns),
            "shipped_design_changed": float(changed),
        }
        return metrics, steps

    def confirm(self) -> tuple[float, int]:
        """Run what ships on fresh episodes that no choice was based on; return their mean, and environment steps."""
        if self.shipped is None:
            return -np.inf, 0
        scores, steps = score([self.shipped], self.evaluator, self._episodes)
        self.returns = np.concatenate([self.returns, scores[0]])
        return mean_of(scores[0]), steps

    def drop_larger(self, weights: int) -> None:
        """Drop what ships if it has more weights than this: a mask that is larger than asked for."""
        if self.shipped is not None and self.shipped.size.weights > weights:
            self.shipped, self.returns = None, np.zeros(0)

    def state_dict(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "selections": self.races,
            "selector": self.evaluator.state_dict(),
            "leaders": self.leaders.state_dict(),
            "shipped_returns": self.returns,
            "shipped": None if self.shipped is None else self.shipped.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned; other keys are ignored."""
        self.races = int(state["selections"])
        self.evaluator.load_state_dict(state["selector"])
        self.leaders.load_state_dict(state["leaders"])
        self.returns = np.asarray(state["shipped_returns"])
        self.shipped = None if state["shipped"] is None else policy_of(state["shipped"])


def deployed(
    shipped: Shipped, normalizer: Normalizer, spec: EnvironmentSpec, method: str, container: str, context: Floats | None
) -> Policy:
    """Return the policy of what a learner ships.

    Args:
        shipped: its parts.
        normalizer: of observations.
        spec: the environment.
        method: the search's.
        container: how it is evaluated, see `Policy`.
        context: (C,) the task that it is for, of a family of tasks; else None.
    """
    compact = shipped.compact
    return Policy(
        skeleton=compact.skeleton,
        weights=compact.weights,
        index=compact.index,
        mask=compact.mask,
        biases=compact.biases,
        normalizer=normalizer,
        action=spec.action,
        env=spec.id,
        names=spec.names,
        method=method,
        size=shipped.size,
        design=shipped.design,
        container=container,
        layout=spec.layout,
        context=context,
    ).evaluated_as(shipped.layers)


class Winner(NamedTuple):
    """A policy that has won a race."""

    policy: Policy
    returns: Floats
    """(episodes,) of the last round."""
    steps: int
    """Environment steps of the whole race."""

    @property
    def mean_return(self) -> float:
        """Mean over the episodes that did not fail; minus infinity where all did."""
        return mean_of(self.returns)


def race(policies: Sequence[Policy], evaluator: Evaluator, episodes: int) -> Winner:
    """Return the best of these policies, by rounds of more episodes for fewer of them; they share one normaliser."""
    steps = 0
    field = list(policies)
    for most, round_episodes in ROUNDS:
        if len(field) > 1:
            field = field[:most]
            scores, score_steps = score(field, evaluator, round_episodes)
            steps += score_steps
            means = np.where(np.isfinite(scores).any(axis=1), np.nan_to_num(scores, nan=-np.inf).mean(axis=1), -np.inf)
            field = [field[index] for index in np.argsort(-means, kind="stable")]
    scores, score_steps = score(field[:1], evaluator, episodes)
    return Winner(field[0], scores[0], steps + score_steps)


def score(policies: Sequence[Policy], evaluator: Evaluator, episodes: int) -> tuple[Floats, int]:
    """Return the returns (policies, episodes) over fresh episodes, NaN where one failed, and the environment steps."""
    no_designs = np.zeros((len(policies) * episodes, 0), np.int64)
    networks, tasks = copies(policies, episodes), tasks_of(policies, episodes)
    outcomes = evaluator.evaluate(Trials(networks, policies[0].normalizer, no_designs, tasks=tasks))
    return outcomes.returns.reshape(len(policies), episodes), int(outcomes.steps.sum())


def mean_of(returns: Floats) -> float:
    """Return the mean of the finite returns; minus infinity where there are none."""
    valid = returns[np.isfinite(returns)]
    return float(valid.mean()) if len(valid) else -np.inf
