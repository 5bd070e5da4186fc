"""What the terminal shows: progress while a search runs, and results in sentences."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from compactrl.runs.run import Run
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
        self._return = "–"  # no episode has ended yet
        console = Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal and not quiet:
            # One line at 80 columns too: what does not fit is cut at the end of the text.
            self._bar = Progress(
                BarColumn(bar_width=10),
                _Steps(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(table_column=Column(no_wrap=True)),
                TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=console,
            )
            self._task = self._bar.add_task("searching", total=self._total, completed=search.env_steps)
        if not quiet:
            learner, options = search.learner.compression, search.options
            print(
                f"{options.method} for {options.env}: {learner.summary}, {search.spec.engine}; "
                f"run in {search.writer.path}\n"
                "return: mean of a generation's candidates, which are noisy; policy: of the one that would ship",
                file=sys.stderr,
                flush=True,
            )

    def note(self, record: dict[str, float], search: Search) -> None:
        """Show an iteration."""
        if self._quiet:
            return
        self._best = record.get("shipped_return_mean", self._best)
        now = time.monotonic()
        rate = (search.env_steps - self._begun_at) / max(now - self._began, 1e-9)
        best = "" if self._best is None else f"  policy {self._best:.1f}"
        settled = "  settled" if search.settled else ""
        failed = f"  {record['failed']:.0f} failed" if record["failed"] else ""
        if math.isfinite(record["return_mean"]):
            self._return = f"{record['return_mean']:.1f}"
        pace = f"{rate / 1000:.1f}k/s" if rate >= 1000 else f"{rate:.0f}/s"
        text = f"return {self._return}{best}  {pace}{failed}{settled}"
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


class _Steps(ProgressColumn):
    """Environment steps, in millions."""

    def render(self, task: Task) -> Text:
        """Show completed and total."""
        return Text(f"{task.completed / 1e6:.2f}/{(task.total or 0) / 1e6:.2f} M steps")


def duration(seconds: float) -> str:
    """Write seconds for people.

    Example:
        >>> duration(75)
        '1 min 15 s'
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def describe_sizes(values: dict[str, Any]) -> str:
    """Say what a policy costs to store."""
    fewer = f" ({100 * values['compression']:.0f} % fewer than unstructured)" if values["compression"] else ""
    return (
        f"{values['weights']} weights + {values['biases']} biases = {values['parameters']} parameters{fewer}, "
        f"{values['bits']:,} bits = {-(-values['bits'] // 8):,} bytes"
    )


def describe_result(run: Run) -> str:
    """Say what a search came to, and what to do next."""
    summary = run.summary
    failed = f"; {summary['failed']} more failed and are left out" if summary["failed"] else ""
    return "\n".join(
        (
            f"{summary['method']} policy for {summary['env']}: {describe_sizes(summary)}",
            f"return {summary['return_mean']:.1f} ± {summary['return_std'] or 0:.1f} (mean ± standard deviation over "
            f"{summary['episodes']} fresh episodes, without noise{failed}){_measures(summary)}",
            f"found in {summary['env_steps']:,} environment steps and {duration(summary['seconds'])}; "
            f"policy in {run.path / 'policy.safetensors'}",
            f"next: compactrl evaluate {run.path}",
        )
    )


def _measures(values: dict[str, Any]) -> str:
    """Say what the environment reports beside the return: its means are `NAME_mean`."""
    means = {key.removesuffix("_mean"): value for key, value in values.items() if key.endswith("_mean")}
    text = ""
    for name, mean in means.items():
        if name == "success" and mean is not None:
            text += f"; the goal reached in {100 * mean:.0f} %"
        elif name != "return" and mean is not None:
            text += f"; {name} {mean:.3g}"
    return text


def describe_evaluation(run: Run, result: dict[str, Any]) -> str:
    """Say what an evaluation gave."""
    low, high = result["return_interval"]
    failed = f", {result['failed']} episodes failed and are left out" if result["failed"] else ""
    return "\n".join(
        (
            f"{result['method']} policy for {result['env']} ({run.path}): {describe_sizes(result)}",
            f"return {result['return_mean']:.1f} ± {result['return_std']:.1f} (mean ± standard deviation over "
            f"{result['episodes']} fresh episodes, without noise{failed}){_measures(result)}",
            f"95 % interval of the mean: {low:.1f} to {high:.1f}",
        )
    )


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


def _architecture(row: dict[str, Any] | None) -> str:
    if row is None:
        return "– (the highest is not positive)"
    success = f", success {row['success_mean']:.2f}" if row.get("success_mean") is not None else ""
    widths = ", ".join(map(str, row["widths"]))
    return f"[{widths}], {row['parameters']:,} parameters, return {row['return_mean']:.1f}{success}"


def describe_catalog(run: Run, rows: Sequence[dict[str, Any]], report: dict[str, Any]) -> str:
    """Say what the architectures of a graph hyper policy came to."""
    known = [row["return_mean"] for row in rows if row["return_mean"] is not None]
    lines = [
        f"{len(rows):,} architectures, {rows[0]['parameters']:,} to {rows[-1]['parameters']:,} parameters; mean "
        f"returns {min(known):.1f} to {max(known):.1f}"
    ]
    if "success_mean" in rows[0]:
        succeed = sum((row["success_mean"] or 0) >= 0.95 for row in rows)
        lines.append(f"success at least 0.95: {succeed:,} ({100 * succeed / len(rows):.1f} %)")
    compared = {"return_mean": "return", "success_mean": "success rate"}[report["compared"]]
    lines.append(f"by {compared}, the smallest with:")
    lines += [f"{name:28} {_architecture(row)}" for name, row in report["chosen"].items()]
    for by in ("memory", "size"):
        values = [report["without_evaluation"].get(f"{by}, {kind}") for kind in ("ratio", "min-max")]
        shown = ["–" if value is None else f"{value:.2f}" for value in values]
        lines.append(
            f"chosen by {by + ', untried:':18} {shown[0]} of the best {compared} that fits; {shown[1]} of its way "
            "from the minimum (mean over random limits)"
        )
    lines.append(
        f"the table is in {run.path / 'architectures.json'}; next: compactrl select {run.path} --max-parameters COUNT"
    )
    return "\n".join(lines)


def describe_selection(run: Run, result: dict[str, Any]) -> str:
    """Say what was chosen, why, and what it does."""
    widths = ", ".join(map(str, result["widths"]))
    failed = f", {result['failed']} failed and are left out" if result["failed"] else ""
    return "\n".join(
        (
            f"[{widths}]: {result['parameters']:,} parameters = {result['bytes']:,} bytes, lossless memory dimension "
            f"{result['memory_dimension']:,}",
            f"chosen for {result['why']}",
            f"return {result['return_mean']:.1f} ± {result['return_std']:.1f} (mean ± standard deviation over "
            f"{result['episodes']} fresh episodes, without noise{failed}){_measures(result)}",
            f"policy in {run.path / 'policy.safetensors'}; next: compactrl evaluate {run.path}",
        )
    )


WORKER_VERSIONS = ("python", "compactrl", "envpool", "mujoco", "gymnasium", "numpy", "ray")
"""What the doctor shows of a worker."""


def describe_checks(report: dict[str, Any]) -> str:
    """Say what the doctor found."""
    lines = [f"{name:12} {value}" for name, value in {**report["machine"], **report["versions"]}.items()]
    for number, worker in enumerate(report.get("workers", []), 1):
        versions = ", ".join(f"{name} {worker['versions'].get(name, '–')}" for name in WORKER_VERSIONS)
        seen = f"{worker['machine']}, {worker['cores']} cores, {worker['memory']}, {versions}"
        lines.append(f"{f'worker {number}':12} {seen}")
    lines += [f"problem: {problem}" for problem in report["problems"]] or ["all well"]
    return "\n".join(lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to standard output."""
    console = Console()
    if not console.is_terminal:  # for pipes: whole lines, tabs between columns
        print("\t".join(headings))
        for row in rows:
            print("\t".join(row))
        return
    shown = Table(box=None, pad_edge=False)
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
