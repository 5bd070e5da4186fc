"""`compactrl.compare`: a comparison of runs, and the ways to write it down: HTML, Markdown, LaTeX, JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from compactrl.errors import InputError, UnwritableError
from compactrl.reports import page, tables
from compactrl.reports.compare import Comparison
from compactrl.reports.reading import Source, read_runs
from compactrl.storage.files import write_atomically, writing


def compare(runs: Source | Iterable[Source]) -> Report:
    """Read runs and set them beside each other; the seeds of one configuration are grouped by their options.

    Args:
        runs: folders of runs, folders of such folders, patterns such as `runs/chromatic-*`, or runs.

    Raises:
        InputError: there is no run among them.
    """
    return Report(*read_runs(runs))


class Report(Comparison):
    """A comparison of runs that can be written down."""

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"Report({len(self.configurations)} configurations, {len(self.records)} runs)"

    def _repr_html_(self) -> str:
        """Return the tables, for a notebook."""
        return tables.html(self)

    def save(self, path: str | Path, refresh: int = 0) -> Path:
        """Write the report as one HTML file that needs nothing else.

        Args:
            path: of the file.
            refresh: where given, a browser loads it anew after so many seconds.

        Raises:
            InputError: it cannot be written there.
        """
        file = Path(path)
        content = page.render(self, refresh).encode()
        try:
            with writing(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, content)
        except UnwritableError as error:
            raise InputError(f"--html: {error}") from error
        return file

    def to_markdown(self) -> str:
        """Return the table and its warnings as Markdown."""
        return tables.markdown(self)

    def to_latex(self) -> str:
        """Return the table as LaTeX (booktabs); warnings are comments."""
        return tables.latex(self)

    def to_json(self) -> str:
        """Return table, Pareto fronts, comparisons, warnings and notes as JSON; what is not a number is null."""
        return tables.as_json(self)
