"""What the terminal shows while a command works: a bar where there is a terminal, and plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from compactrl.reports.words import DASH, duration

if TYPE_CHECKING:
    from compactrl.searches.search import Search

LINE_SECONDS = 10.0
"""Plain progress lines come at most this often."""


class _WithBar:
    """Has a bar on a terminal, and nothing elsewhere."""

    _bar: Progress | None

    def __enter__(self) -> Self:
        """Start the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar."""
        if self._bar:
            self._bar.stop()


class SearchProgress(_WithBar):
    """Shows how a search goes: a bar with rate and time left on a terminal, plain lines elsewhere."""

    def __init__(self, search: Search, quiet: bool) -> None:
        self._quiet = quiet
        self._total = search.options.steps
        self._begun_at = search.env_steps
        self._began = self._last_line = time.monotonic()
        self._best: float | None = None
        self._return = DASH  # no episode has ended yet
        console = Console(stderr=True)
        self._bar = _search_bar(console) if console.is_terminal and not quiet else None
        if self._bar:
            self._task = self._bar.add_task("searching", total=self._total, completed=search.env_steps)
        if not quiet:
            compression, options = search.learner.compression, search.options
            print(
                f"{options.method} for {options.env}: {compression.summary}, {search.spec.engine} with "
                f"{_environments(search)}; run in {search.writer.path}\n"
                "return: mean of a generation's candidates, which are noisy; policy: of the one that would ship",
                file=sys.stderr,
                flush=True,
            )

    def note(self, record: dict[str, float], search: Search) -> None:
        """Show an iteration."""
        if self._quiet:
            return
        now = time.monotonic()
        rate = (search.env_steps - self._begun_at) / max(now - self._began, 1e-9)
        text = self._described(record, rate, search.settled)
        if self._bar:
            self._bar.update(self._task, completed=min(search.env_steps, self._total), description=text)
        elif now - self._last_line >= LINE_SECONDS or search.progress >= 1:
            self._last_line = now
            left = max(0.0, (self._total - search.env_steps) / max(rate, 1e-9))
            print(
                f"{min(search.env_steps, self._total):>12,} of {self._total:,} steps  {text}  {duration(left)} left",
                file=sys.stderr,
                flush=True,
            )

    def _described(self, record: dict[str, float], rate: float, settled: bool) -> str:
        """Return an iteration in words; returns that it does not have are those of the last iteration that had."""
        self._best = record.get("shipped_return_mean", self._best)
        if math.isfinite(record["return_mean"]):
            self._return = f"{record['return_mean']:.1f}"
        best = "" if self._best is None else f"  policy {self._best:.1f}"
        pace = f"{rate / 1000:.1f}k/s" if rate >= 1000 else f"{rate:.0f}/s"
        failed = f"  {record['failed']:.0f} failed" if record["failed"] else ""
        return f"return {self._return}{best}  {pace}{failed}" + ("  settled" if settled else "")


def _environments(search: Search) -> str:
    """Say how many environments there are, and whether that is all there will be at any time."""
    count = search.environments
    most = "at most " if search.spec.environments else ""
    return f"{most}{count} environment{'s' if count > 1 else ''}"


def _search_bar(console: Console) -> Progress:
    """Return a bar of one line, at 80 columns too: what does not fit is cut at the end of the text."""
    return Progress(
        BarColumn(bar_width=10),
        _Steps(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=console,
    )


class _Steps(ProgressColumn):
    """Environment steps, in millions."""

    def render(self, task: Task) -> Text:
        """Show completed and total."""
        return Text(f"{task.completed / 1e6:.2f}/{(task.total or 0) / 1e6:.2f} M steps")


class CatalogProgress(_WithBar):
    """Shows how the evaluation of many architectures goes."""

    def __init__(self, total: int) -> None:
        self._last = 0.0
        console = Console(stderr=True)
        self._bar = Progress(console=console) if console.is_terminal else None
        if self._bar:
            self._task = self._bar.add_task("architectures", total=total)

    def note(self, done: int, total: int) -> None:
        """Show how many are done."""
        if self._bar:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() - self._last >= LINE_SECONDS or done == total:
            self._last = time.monotonic()
            print(f"{done:,} of {total:,} architectures", file=sys.stderr, flush=True)
