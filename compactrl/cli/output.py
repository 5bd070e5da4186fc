"""Standard output for JSON alone: whatever else a command's environments, libraries and their C print goes elsewhere.

With `--json` a command runs in `json_alone`: file descriptor 1 is standard error meanwhile, for this process, its
threads and the processes that it starts. What `print_json` was given comes at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from collections.abc import Iterator

STDOUT, STDERR = 1, 2
_waiting: list[list[str]] = []
"""What is to be printed at the end of each `json_alone` that has begun."""


def print_json(text: str) -> None:
    """Print a command's result, a JSON document, once nothing else can come between."""
    if _waiting:
        _waiting[-1].append(text)
    else:
        print(text)


@contextlib.contextmanager
def json_alone(wanted: bool = True) -> Iterator[None]:
    """Keep everything but what `print_json` is given off standard output; where an error ends it, all there is.

    Args:
        wanted: whether to; else nothing is done.
    """
    out = sys.stdout
    if not wanted or out is None:  # closed by who began this process
        yield
        return
    out.flush()
    kept = os.dup(STDOUT)
    _send_to_standard_error()
    sys.stdout, results = sys.stderr, list[str]()
    _waiting.append(results)
    try:
        yield
    finally:
        _waiting.remove(results)
        _flush_buffers_of_c()
        sys.stdout = out
        os.dup2(kept, STDOUT)
        os.close(kept)
    for text in results:
        print(text, file=out, flush=True)
    if _is_the_process_own(out):
        _send_to_standard_error()  # what is closed as the process ends may print as well


def _send_to_standard_error() -> None:
    """Let file descriptor 1 be standard error, or nowhere where that is closed."""
    try:
        os.dup2(STDERR, STDOUT)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDOUT)
        os.close(nowhere)


def _flush_buffers_of_c() -> None:
    """Write what C's `printf` keeps: it would come out later, where descriptor 1 leads by then."""
    ctypes.CDLL(None).fflush(None)


def _is_the_process_own(out: object) -> bool:
    """Return whether a stream is standard output itself, and not what a test or a notebook has put in its place."""
    try:
        return isinstance(out, io.TextIOBase) and out.fileno() == STDOUT
    except (OSError, ValueError):
        return False
