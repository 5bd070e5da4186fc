"""An end that is asked for by a signal: what works saves, and ends soon; asked for twice, at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


class Stop:
    """Asked for by SIGINT, SIGTERM or SIGHUP: the search ends after this generation, saved.

    SIGHUP says that the terminal was closed. Where it is ignored, as under `nohup`, it stays so.

    Args:
        words: what is said then.
    """

    def __init__(self, words: str = "stopping after this generation; once more stops at once") -> None:
        self.signal, self._words = 0, words
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.signal and number == signal.SIGHUP:  # a shell passes on what the system has sent already
            return
        if self.signal:  # asked twice: at once, without waiting for threads; files are whole at any moment
            show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
            print(f"{show_cursor}stopped; what was saved last is good", file=sys.stderr, flush=True)
            os._exit(128 + number)
        self.signal = number
        print(self._words, file=sys.stderr, flush=True)

    def __call__(self) -> bool:
        """Return whether an end was asked for."""
        return self.signal != 0
