"""How fast work goes and how long it will take: rules of numbers alone, for whoever shows them."""

from __future__ import annotations

import math

HOURS = 3600.0
"""A search that takes longer than this, in seconds, is warned of."""
MEASURED_SECONDS = 10.0
"""What is measured for less than this is no ground for a warning."""
SHORT_SECONDS = 1800.0
"""The budget that a warning names takes about this long."""


class Pace:
    """The overall rate of some work: all that was done by all the time that it took.

    Between two steps of the work the time left runs down, for as long as steps have taken so far at most.

    Args:
        done: when it began, in any unit.
        now: seconds of a steady clock when it began.

    Example:
        >>> pace = Pace(done=1000, now=50.0)
        >>> pace.note(done=3000, now=60.0)
        >>> pace.rate, pace.left(13000, now=60.0), pace.left(13000, now=65.0), pace.left(13000, now=90.0)
        (200.0, 50.0, 45.0, 40.0)
    """

    def __init__(self, done: float, now: float) -> None:
        self.begun_at, self.began = done, now
        self.done, self._changed, self._longest = done, now, 0.0

    def note(self, done: float, now: float) -> None:
        """Take in how much is done."""
        if done > self.done:
            self._longest = max(self._longest, now - self._changed)
            self.done, self._changed = done, now

    @property
    def rate(self) -> float:
        """Units a second; 0 while nothing is done."""
        return (self.done - self.begun_at) / max(self._changed - self.began, 1e-9)

    def left(self, total: float, now: float) -> float:
        """Return the seconds left; infinity while nothing is done."""
        if not self.rate:
            return math.inf
        return max(0.0, (total - self.done) / self.rate - min(now - self._changed, self._longest))

    def will_take_hours(self, total: float, now: float) -> bool:
        """Return whether what is left takes more than an hour, as far as has been measured for long enough."""
        return self._changed - self.began >= MEASURED_SECONDS and HOURS < self.left(total, now) < math.inf

    def within(self, seconds: float) -> int:
        """Return what total is done within these seconds from the beginning, in two digits.

        Example:
            >>> pace = Pace(0, 0.0)
            >>> pace.note(done=12_345, now=10.0)
            >>> pace.within(1800)
            2200000
        """
        total = int(self.begun_at + seconds * self.rate)
        unit: int = 10 ** max(0, len(str(total)) - 2)
        return max(1, total // unit * unit)


def hours_warning(pace: Pace, total: float, now: float, how_to_go_on: str, option: str) -> str:
    """Say that a search will take hours, and what can be done.

    Args:
        pace: as measured so far.
        total: the budget, in environment steps.
        now: seconds of the pace's clock.
        how_to_go_on: what an interruption leaves, and what resumes it.
        option: how the budget is given, with `{}` for the number.

    Example:
        >>> pace = Pace(0, 0.0)
        >>> pace.note(10_000, now=10.0)
        >>> hours_warning(pace, 18e6, 10.0, "Ctrl-C saves", "--steps {}")
        'about 5 h at this rate; Ctrl-C saves; --steps 1.8e6 takes about 30 minutes'
    """
    return (
        f"about {pace.left(total, now) / 3600:.0f} h at this rate; {how_to_go_on}; "
        f"{option.format(count(pace.within(SHORT_SECONDS)))} takes about {SHORT_SECONDS / 60:.0f} minutes"
    )


def count(steps: float) -> str:
    """Write a count of steps as it is typed.

    Example:
        >>> [count(steps) for steps in (950, 1_800_000, 40e6, 123_456)]
        ['950', '1.8e6', '40e6', '123456']
    """
    for least, unit, name in ((1e6, 1e6, "e6"), (1e4, 1e3, "e3")):
        if steps >= least and steps % (unit / 100) == 0:
            return f"{steps / unit:.12g}{name}"
    return f"{steps:.0f}"


def duration(seconds: float) -> str:
    """Write seconds in the two units that fit them.

    Example:
        >>> duration(75)
        '1 min 15 s'
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
