"""What a user is told once in a search, however many environments and evaluations it is true of."""

from __future__ import annotations

import warnings

_told: set[str] = set()


def begin_anew() -> None:
    """Forget what was told: another search begins."""
    _told.clear()


def warn_once(text: str) -> None:
    """Warn, unless this was told since a search began."""
    if text not in _told:
        _told.add(text)
        warnings.warn(text, stacklevel=3)
