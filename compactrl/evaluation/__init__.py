"""Evaluation: plain MLPs in environments, and nothing else.

`local` runs lanes in this process, `ray` on workers; who asks for an evaluator does not see which.
"""

from __future__ import annotations

from typing import Protocol

from compactrl.types import Outcomes, State, Trials


class Evaluator(Protocol):
    """Runs plain MLPs in lanes of an environment."""

    num_lanes: int
    """L"""

    @property
    def underway(self) -> int:
        """Environment steps so far of the evaluation that is running, as far as known; asked by other threads."""

    def evaluate(self, trials: Trials) -> Outcomes:
        """Run each trial for one whole episode."""

    def collect(self, trials: Trials) -> Outcomes:
        """Let each of L trials act in its lane for the T steps that their exploration is for, and keep the transitions.

        Raises:
            ValueError: there are more or fewer trials than lanes, or no steps.
        """

    def state_dict(self) -> State:
        """Counts of resets, and tasks and actions of episodes that stand: all that a lane's next step depends on."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned, of any evaluator of these lanes."""

    def close(self) -> None:
        """Give the environments back."""


class Borrowed:
    """Another part's lanes, used between its turns: where there may be no more environments than those.

    It has no state of its own, and closes nothing.

    Args:
        evaluator: whose lanes these are.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator, self.num_lanes = evaluator, evaluator.num_lanes

    @property
    def underway(self) -> int:
        """None: whose lanes these are counts them."""
        return 0

    def evaluate(self, trials: Trials) -> Outcomes:
        """See `Evaluator`; episodes that stand in the lanes are cut."""
        return self._evaluator.evaluate(trials)

    def collect(self, trials: Trials) -> Outcomes:
        """See `Evaluator`."""
        return self._evaluator.collect(trials)

    def state_dict(self) -> State:
        """Return nothing: whose lanes these are has their state."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def run_trials(evaluator: Evaluator, trials: Trials) -> Outcomes:
    """Run trials as they ask for: those with an exploration collect experience, others are whole episodes."""
    return evaluator.evaluate(trials) if trials.exploration is None else evaluator.collect(trials)
