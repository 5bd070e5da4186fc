"""A few rows of HTML, for what a notebook shows of a policy or a run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def card(title: str, rows: Mapping[str, str]) -> str:
    """Return a table with a title and a row for each name.

    Example:
        >>> card("Policy", {"environment": "<Robot>"})
        '<table><caption>Policy</caption><tr><th>environment</th><td>&lt;Robot&gt;</td></tr></table>'
    """
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"
