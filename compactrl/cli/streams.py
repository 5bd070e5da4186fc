"""Standard output and standard error: what a finished command says never undoes what it did.

A character that a stream cannot encode is written as its nearest in ASCII. A reader who has gone (`| head`) ends a
command in silence; a disk that is full is said. After a terminal is closed, what would go to it goes nowhere.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

STAND_INS = {
    "±": "+-", "×": "x", "·": ".", "–": "-", "—": "-", "−": "-", "→": "->", "…": "...", "≤": "<=", "≥": ">=",
    "’": "'", "‘": "'", "“": '"', "”": '"', "\u202f": " ", "\xa0": " ",
}  # fmt: skip
"""Character → what stands for it where it cannot be encoded; for any other, a question mark."""
ENDED_BY_READER = 141
"""Exit status of a command whose reader has gone: 128 and the number of SIGPIPE, as a shell has it."""


class Terminal(io.FileIO):
    """A terminal, which may be closed: what is written to it then goes nowhere."""

    def write(self, data: Any) -> int:
        """Write bytes; return how many."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def prepare() -> None:
    """Let both streams write something for every character, whatever their encoding is, and outlive a terminal."""
    codecs.register_error("compactrl", _stand_in)
    sys.stdout, sys.stderr = _prepared(sys.stdout), _prepared(sys.stderr)


def _prepared(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if not stream.isatty():
        stream.reconfigure(errors="compactrl")
        return stream
    terminal = io.BufferedWriter(Terminal(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(terminal, encoding=stream.encoding, errors="compactrl", line_buffering=True)


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(STAND_INS.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def flushed(status: int | None) -> int | None:
    """Write what both streams still hold; return the exit status, another one where a stream refuses.

    Args:
        status: of the command.
    """
    with suppress(OSError):  # then there is nowhere to say so
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = ENDED_BY_READER
    except OSError as error:
        with suppress(OSError):
            print(f"error: cannot write to standard output: {error.strerror or error}", file=sys.stderr, flush=True)
        status = status or 1
    else:
        return status
    _discard(sys.stdout.fileno())  # else Python tries again at its end, and says so
    return status


def reader_has_gone() -> bool:
    """Return whether a stream is a pipe that nobody reads any more."""
    waiting = select.poll()
    for number in (1, 2):
        waiting.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll(0))


def _discard(number: int) -> None:
    """Let what is written to a file descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
