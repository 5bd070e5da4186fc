"""When a search ends before its budget is spent: rules over its re-evaluations, apart from the loop that asks them.

- `stop_at`: the return of what would ship has reached a number.
- `patience`: for this share of the budget, what would ship has not improved.

Both look at noise-free policies on fresh episodes alone, never at the candidates of a generation: those only tell when
a re-evaluation may be worth its steps. While a design is still to be settled, a rule that is met settles it; met again
after that, it ends the search. So a search that ends early has settled and improved its weights as any other.

The return that is quoted comes from episodes after all this, which no rule sees.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from compactrl.types import Floats, State

STEPS, CALLBACK, RETURN, PATIENCE = "steps", "callback", "stop_at", "patience"
"""Why a search has ended (`stopped_by`): its budget is spent, the caller's callback said so, or a rule was met."""
RULES = {"steps", "stop_at", "patience"}
"""Options that decide when a search ends."""

STEPS_BETWEEN = 4
"""A re-evaluation that candidates ask for comes after this many times the steps that the last one took."""
SMALLEST_GAIN = 0.01
"""Less than this share of what a search has gained so far is no improvement."""


def why(stopped_by: str, stop_at: float | None, patience: float) -> str:
    """Say why a search has ended, and how it goes on; nothing where its budget is spent or a callback ended it.

    Example:
        >>> why("stop_at", 480.0, 0.0)
        'its final policy reached --stop-at 480. To go on, give a higher --stop-at, or --stop-at none'
    """
    if stopped_by == RETURN:
        return f"its final policy reached --stop-at {stop_at:g}. To go on, give a higher --stop-at, or --stop-at none"
    if stopped_by == PATIENCE:
        return (
            f"nothing improved for --patience {patience:g} of its budget. To go on, give a longer --patience, or "
            "--patience 0"
        )
    return ""


def improved(mean: float, error: float, best: float, first: float) -> bool:
    """Return whether a mean return is better than the best so far, by more than chance and more than next to nothing.

    Args:
        mean: of what would ship, over fresh episodes.
        error: its standard error.
        best: the mean that was the last improvement.
        first: the mean of the first re-evaluation.

    Example:
        >>> [improved(mean, error=5.0, best=200.0, first=100.0) for mean in (201.0, 204.0, 206.0)]
        [False, False, True]
        >>> improved(200.5, error=0.0, best=200.0, first=100.0)  # a gain of 0.5 after one of 100
        False
    """
    return mean > best + max(error, SMALLEST_GAIN * (best - first))


def standard_error(returns: Floats) -> float:
    """Return the standard error of the mean of the finite returns of (episodes,); 0 where there are fewer than two.

    Example:
        >>> standard_error(np.array([1.0, 5.0, np.nan]))
        2.0
    """
    known = returns[np.isfinite(returns)]
    return float(known.std(ddof=1) / math.sqrt(len(known))) if len(known) > 1 else 0.0


@dataclass(frozen=True)
class _Marks:
    """What the rules remember between re-evaluations; all of it is part of a checkpoint."""

    first: float | None = None
    """Mean return of the first re-evaluation since the beginning, or since the design was settled."""
    best: float | None = None
    best_at: int = 0
    """Environment steps of the last improvement."""
    checked_at: int = 0
    """Environment steps after the last re-evaluation, and in `check_steps` what it took."""
    check_steps: int = 0
    met: str = ""
    """The rule that is met: `stop_at` or `patience`."""


class Stopping:
    """The rules of one search, and what they remember.

    Args:
        stop_at: a mean return; None for no such rule.
        patience: a share of the budget; 0 for no such rule.
        budget: in environment steps.

    Example:
        >>> stopping = Stopping(None, patience=0.2, budget=1000)
        >>> for steps, mean in ((100, 50.0), (200, 90.0), (300, 90.0), (400, 91.0)):
        ...     stopping.note(mean, error=3.0, env_steps=steps, took=10)
        >>> stopping.met
        'patience'
    """

    def __init__(self, stop_at: float | None, patience: float, budget: int) -> None:
        self.stop_at, self._patience = stop_at, patience * budget
        self._marks = _Marks()

    @property
    def met(self) -> str:
        """The rule that is met, `stop_at` or `patience`; empty while none is."""
        return self._marks.met

    def asks(self, best_return: float, env_steps: int) -> bool:
        """Return whether what would ship should be re-evaluated now, though its turn has not come.

        Either a candidate has reached the return that is waited for: it may have been lucky, so such re-evaluations
        take a fifth of the steps at most. Or patience needs another look before it ends.

        Args:
            best_return: of a generation's candidates; NaN where none has ended.
            env_steps: so far.
        """
        since = env_steps - self._marks.checked_at
        if self._patience and since >= self._patience / 2:
            return True
        return self.reached(best_return) and since >= STEPS_BETWEEN * self._marks.check_steps

    def reached(self, mean: float) -> bool:
        """Return whether a mean return is the one that is waited for."""
        return self.stop_at is not None and mean >= self.stop_at

    def note(self, mean: float, error: float, env_steps: int, took: int) -> None:
        """Take in a re-evaluation.

        Args:
            mean: return of what would ship now, over fresh episodes; for `stop_at` of episodes that no choice was
                based on. Minus infinity where all of them failed.
            error: its standard error.
            env_steps: so far, the re-evaluation included.
            took: environment steps of the re-evaluation.
        """
        before = self._marks
        first = before.first if before.first is not None or not math.isfinite(mean) else mean
        best, best_at = before.best, before.best_at
        if best is None or first is None:
            best, best_at = first, env_steps
        elif improved(mean, error, best, first):
            best, best_at = mean, env_steps
        # 0.95: re-evaluations come with the first generation after their share of the budget, and so not evenly.
        out_of_patience = self._patience > 0 and env_steps - best_at >= 0.95 * self._patience
        met = RETURN if self.reached(mean) else PATIENCE if out_of_patience else ""
        self._marks = _Marks(first, best, best_at, env_steps, took, met)

    def begin_again(self, env_steps: int) -> None:
        """Forget what was met: the design is settled now, or the search goes on after a rule ended it."""
        self._marks = _Marks(best_at=env_steps, checked_at=env_steps)

    def state_dict(self) -> State:
        """Everything needed to decide the same after a resume."""
        return asdict(self._marks)

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""
        self._marks = _Marks(**state)
