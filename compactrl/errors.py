"""What goes wrong, in words for the user: bad input (exit status 2) or a failure (exit status 1)."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Callable, Iterable
from os import PathLike
from typing import ClassVar


class CompactrlError(Exception):
    """A failure that is not the user's doing; the message says what happened and what to do."""

    exit_status: ClassVar[int] = 1


class InputError(CompactrlError):
    """Something the user gave is wrong; the message says what, what was expected, and what to do."""

    exit_status: ClassVar[int] = 2


class FaultError(InputError):
    """The code of an environment is wrong, whoever acts in it: it returned an array of another shape, or nothing.

    That ends a search. What goes wrong with some policies alone, as a simulation that diverges, is a failed episode.
    """


class DamagedFileError(CompactrlError):
    """A run file that is truncated, altered, foreign or not what its name says."""


class UnwritableError(CompactrlError):
    """A file or folder that cannot be written.

    Args:
        path: that was asked for.
        error: what the system says.

    Example:
        >>> print(UnwritableError("/etc/run", PermissionError(errno.EACCES, "Permission denied")))
        cannot write to /etc/run: Permission denied. Choose a place where you may write
    """

    def __init__(self, path: str | PathLike[str], error: OSError) -> None:
        self.reason = error
        super().__init__(f"cannot write to {path}: {error.strerror or error}{_remedy(error)}")


_REMEDY = {
    errno.ENOSPC: ". Make room on that disk",
    errno.EDQUOT: ". Make room: your share of that disk is full",
    errno.EROFS: ". Choose a place on another disk",
    errno.EACCES: ". Choose a place where you may write",
    errno.EPERM: ". Choose a place where you may write",
    errno.ENAMETOOLONG: ". Choose a shorter name",
    errno.ENOTDIR: ": a part of this path is a file. Choose another place",
    errno.EEXIST: ": a part of this path is a file. Choose another place",
    errno.EISDIR: ": it is a folder. Give a file",
}
"""Number of the system's error → what to do."""


def _remedy(error: OSError) -> str:
    return _REMEDY.get(error.errno or 0, ". Choose another place")


def did_you_mean(name: str, known: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Return ' Did you mean …?' with the nearest known names, or nothing where none is near.

    Args:
        name: that is not known.
        known: the names among which it is looked for.
        shown: name → how it is written in the question.

    Example:
        >>> did_you_mean("chromatik", ["chromatic", "dense"])
        " Did you mean 'chromatic'?"
    """
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    if not near:
        return ""
    written = dict.fromkeys(shown(lowered[match]) for match in near)
    return " Did you mean " + " or ".join(f"'{match}'" for match in written) + "?"


def flag_of(option: str) -> str:
    """Return an option as it is typed.

    Example:
        >>> flag_of("max_flash")
        '--max-flash'
    """
    return "--" + option.replace("_", "-")


def either(names: Iterable[str]) -> str:
    """Return names with 'or' before the last.

    Example:
        >>> either(["sac", "td3", "ddpg"])
        'sac, td3 or ddpg'
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
