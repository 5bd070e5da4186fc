"""A process that Ray ends without a word says why nonetheless."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

ENDING = """
import os, subprocess, sys
from compactrl.evaluation.ray.last_words import LastWords

other = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
words = LastWords(other.pid if sys.argv[1] != "unknown" else 0)
if sys.argv[1] in ("dead", "well"):
    other.kill()
    other.wait()
if sys.argv[1] == "well":
    words.close()
sys.stdout.write(str(other.pid))
sys.stdout.flush()
os._exit(1)
"""


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("dead", "Ray's raylet on this machine has died"),
        ("unknown", "the search's process has ended without a word"),
        ("alive", ""),
        ("well", ""),
    ],
)
def test_a_sudden_end_is_explained_where_nobody_else_can(how, expected):
    ended = subprocess.run([sys.executable, "-c", ENDING, how], capture_output=True, text=True, timeout=30)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(ended.stdout), signal.SIGKILL)
    assert ended.returncode == 1
    assert expected in ended.stderr if expected else not ended.stderr
