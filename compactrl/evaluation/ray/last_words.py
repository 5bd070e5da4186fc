"""What is said when Ray ends this process without a word, as it does where its own raylet has died.

A shell waits beside the search. It is told when all is well; if the search's end of the pipe closes before, and the
raylet is gone too, it says so: nothing in this process can.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import IO

DIED = (
    "error: Ray's raylet on this machine has died (killed, or out of memory), and has ended the search with it. The "
    "run's last checkpoint is good: `compactrl resume` goes on from it"
)
ENDED = (
    "error: the search's process has ended without a word: killed, or ended by Ray, as it is where the raylet on this "
    "machine dies. The run's last checkpoint is good: `compactrl resume` goes on from it"
)
"""What is said where the raylet is another's, whose process is not known."""
WAIT = (
    'read -r well && exit; [ -z "$1" ] || case "$(ps -o stat= -p "$1" 2>/dev/null)" in ""|Z*) ;; *) exit ;; esac; '
    'echo "$0" >&2'
)
"""Where the other process, `$1`, is alive, somebody has stopped this one, who needs no telling."""


class LastWords:
    """Says on standard error that the raylet has died, should it end this process.

    Args:
        raylet: its process; 0 where that is not known, and something is said whatever ends this one.
    """

    def __init__(self, raylet: int) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):  # no shell, no words
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", WAIT, DIED if raylet else ENDED, str(raylet or "")],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the search
            )

    def close(self) -> None:
        """Say that all is well."""
        if self._shell is None:
            return
        pipe: IO[bytes] | None = self._shell.stdin
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.write(b"well\n")
                pipe.close()
            self._shell.wait(5)
        self._shell = None
