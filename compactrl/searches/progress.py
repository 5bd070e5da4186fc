"""What is shown while something works: a bar in a terminal or a notebook, and elsewhere a plain line now and then."""

from __future__ import annotations

import importlib.util
import math
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from compactrl.quantities import a_return
from compactrl.searches.pace import Pace, duration, hours_warning
from compactrl.searches.shipping import mean_of

if TYPE_CHECKING:
    from compactrl.evaluation import Evaluator
    from compactrl.searches.search import Search

LOOK_SECONDS = 0.5
"""How often the work is looked at."""
LINE_SECONDS = 10.0
"""Plain lines come at most this often, and in long work less often: a thirtieth of the time so far."""
LONGEST_BETWEEN_LINES = 600.0


class Look(NamedTuple):
    """How far work is."""

    done: float
    total: float
    amount: str
    """Both in words."""
    text: str = ""
    """What else there is to say."""
    timed: bool = False
    """Whether both are seconds by the clock, so that what is left is known."""


class Display(ABC):
    """Shows how far some work is and how long it will still take, by its overall rate.

    A thread looks at the work, so that time is seen to pass where a step of it takes minutes.

    Args:
        quiet: show nothing.
    """

    last_line = True
    """Whether the end is shown however soon it comes, and stays."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True)
        notebook = self._console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None
        self._bar = (
            _bar(self._console, not self.last_line) if (self._console.is_terminal or notebook) and not quiet else None
        )
        self._task = self._bar.add_task("", total=None) if self._bar else None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, daemon=True)
        self._farthest = self._last_done = 0.0
        self._pace: Pace | None = None
        self._anew = False
        self._began = self._last_line = time.monotonic()

    @abstractmethod
    def look(self) -> Look:
        """Return how far the work is now."""

    def begin_measuring(self) -> None:
        """Measure the rate from here on: what was done before is not of the same kind."""
        self._anew = True

    def say(self, text: str) -> None:
        """Write a line, above the bar where there is one."""
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        if not self._quiet:
            self.show(time.monotonic())
            if self._bar:
                self._bar.start()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the end."""
        if self._quiet:
            return
        self._ended.set()
        self._thread.join()
        if self.last_line:
            self.show(time.monotonic(), end=error is None)
        if self._bar:
            self._bar.stop()

    def _keep_looking(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.show(time.monotonic())

    def show(self, now: float, end: bool = False) -> None:
        """Show how far the work is at this second of the monotonic clock."""
        anew, self._anew = self._anew, False
        look = self.look()
        done = self._farthest = min(max(look.done, 0.0 if anew else self._farthest), look.total)
        if self._pace is None or anew:
            self._pace = Pace(done, now)
        self._pace.note(done, now)
        left = look.total - done if look.timed else self._pace.left(look.total, now)
        words = "measuring the time left" if math.isinf(left) else f"{duration(left)} left"
        line = "  ".join(part for part in (look.amount, "" if end else words, look.text) if part)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, total=look.total, description=line)
        elif end or (done != self._last_done and now - self._last_line >= between_lines(now - self._began)):
            self._last_line, self._last_done = now, done
            self.say(line)


def between_lines(elapsed: float) -> float:
    """Return the seconds between two plain lines, in work that has gone on for this long.

    Example:
        >>> [between_lines(seconds) for seconds in (5, 600, 3600, 36000)]
        [10.0, 20.0, 120.0, 600.0]
    """
    return min(max(LINE_SECONDS, elapsed / 30), LONGEST_BETWEEN_LINES)


def _bar(console: Console, transient: bool) -> Progress:
    """Return a bar of one line, at 80 columns too: what does not fit is cut at the end of the text."""
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    return Progress(BarColumn(bar_width=10), text, console=console, transient=transient)


def _environments(search: Search) -> str:
    """Say how many environments there are, and whether that is all there will be at any time."""
    count = search.environments
    most = "at most " if search.spec.environments else ""
    return f"{most}{count} environment{'s' if count > 1 else ''}"


class SearchProgress(Display):
    """Shows how a search goes, and warns of one that will take hours.

    Args:
        search: that is to run.
        how_to_go_on: what is left where it is interrupted, and what goes on with it.
        quiet: show nothing.
        option: how a budget is given, with `{}` for the number.
    """

    def __init__(self, search: Search, how_to_go_on: str, quiet: bool, option: str = "steps={}") -> None:
        super().__init__(quiet)
        self._search, self._how_to_go_on, self._option = search, how_to_go_on, option
        self._learned, self._warned = search.learner.has_learned, False
        self._described = self._return = ""
        self._final: tuple[Evaluator, int] | None = None
        self.say(
            f"{search.options.method} for {search.options.env}: {search.learner.compression.summary}, "
            f"{search.spec.engine} with {_environments(search)}; "
            f"run in {search.writer.path}\n{meaning(search.learner.needs_transitions)}"
        )

    def note(self, record: dict[str, float], search: Search) -> None:
        """Take in an iteration; where no episode has ended in it, the return is that of the last one."""
        if math.isfinite(record["return_mean"]):
            self._return = f"return {a_return(record['return_mean'])}"
        mean = mean_of(search.shipping.returns)
        final = f"final policy {a_return(mean)}" if math.isfinite(mean) else ""
        failed = f"{record['failed']:.0f} failed" if record["failed"] else ""
        parts = (self._return, final, failed, "fine-tuning" if search.settled else "")
        self._described = "  ".join(part for part in parts if part)
        if search.learner.has_learned and not self._learned:  # gathering experience to begin with is much faster
            self._learned = True
            self.begin_measuring()

    def watch(self, evaluator: Evaluator, most_steps: int) -> None:
        """Show the final evaluation, which has at most this many environment steps."""
        self._final = evaluator, most_steps
        self.begin_measuring()

    def look(self) -> Look:
        """Return how far the search is, or its final evaluation."""
        if self._final is not None and self._final[0].underway:
            return evaluation_look(*self._final, "final evaluation")
        total = self._search.options.steps
        done = min(self._search.env_steps + self._search.underway, total)
        return Look(done, total, f"{shortened(done)} of {shortened(total)} steps", self._described)

    def show(self, now: float, end: bool = False) -> None:
        """Show how far the search is, and warn once where it will take hours."""
        super().show(now, end)
        total, pace = self._search.options.steps, self._pace
        if self._warned or self._final is not None or pace is None or not pace.will_take_hours(total, now):
            return
        self._warned = True
        self.say(f"warning: {hours_warning(pace, total, now, self._how_to_go_on, self._option)}")


class EvaluationProgress(Display):
    """Shows how the evaluation of a policy goes; one that is over at once leaves nothing."""

    last_line = False

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._watched: tuple[Evaluator, int] | None = None

    def watch(self, evaluator: Evaluator, most_steps: int) -> None:
        """Show this evaluation, which has at most this many environment steps."""
        self._watched = evaluator, most_steps
        self.begin_measuring()

    def look(self) -> Look:
        """Return how far the evaluation is."""
        if self._watched is None:
            return Look(0, 1, "beginning")
        return evaluation_look(*self._watched, "evaluation")


def evaluation_look(evaluator: Evaluator, most_steps: int, name: str) -> Look:
    """Return how far an evaluation of at most so many steps is: episodes may end sooner."""
    return Look(
        evaluator.underway,
        most_steps,
        f"{name}: {shortened(evaluator.underway)} of at most {shortened(most_steps)} steps",
    )


def meaning(gathers_experience: bool) -> str:
    """Say what the returns are that are shown while a search goes on."""
    mean = "episodes that ended, with exploration" if gathers_experience else "a generation's candidates, with noise"
    return f"return: mean of {mean}; final policy: mean of fresh episodes, without noise"


def shortened(steps: float) -> str:
    """Write a count of steps in at most four digits.

    Example:
        >>> [shortened(count) for count in (950, 48_200, 1_234_000, 20e6)]
        ['950', '48.2 k', '1.234 M', '20 M']
    """
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if steps >= unit:
            return f"{steps / unit:.4g}{name}"
    return f"{steps:.0f}"
