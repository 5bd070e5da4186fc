"""Tables on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: for people on a terminal, and elsewhere whole lines with tabs between columns."""
    console = Console()
    if not console.is_terminal:
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


def width_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many characters wide a table is that shows every cell on one line."""
    columns = zip(*[headings, *rows], strict=True)
    return sum(max(map(len, column)) + 1 for column in columns) - 1
