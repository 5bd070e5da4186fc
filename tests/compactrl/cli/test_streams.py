"""What standard output and error refuse never undoes what a command did."""

import errno
import io
import os
import pty
import signal
import subprocess
import sys

import pytest

from compactrl.cli import streams
from compactrl.cli.signals import Stop

SAY = "from compactrl.cli import streams; import sys; streams.prepare(); print(sys.argv[1]); "
SAY += "sys.exit(streams.flushed(int(sys.argv[2])))"


@pytest.fixture(autouse=True)
def _hangups_are_heard():
    """Under nohup they are ignored, and a search then ignores them, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def say(text, status=0, stdout=subprocess.PIPE, **variables):
    """Run a command that prints a text, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", SAY, text, str(status)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "", **variables},
        check=False,
    )


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"9.4 +- 0.7 -> 4x5 ... ?\n"),
        ("cp1252", "9.4 ± 0.7 -> 4×5 … ?\n".encode("cp1252")),
        ("utf-8", "9.4 ± 0.7 → 4×5 … ☃\n".encode()),
    ],
)
def test_what_cannot_be_encoded_is_written_as_what_is_near(encoding, expected):
    said = say("9.4 ± 0.7 → 4×5 … ☃", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (said.returncode, said.stdout, said.stderr) == (0, expected, b"")


@pytest.mark.parametrize(("status", "expected"), [(0, 1), (2, 2)])
def test_a_full_disk_is_said_and_changes_success_alone(status, expected):
    with open("/dev/full", "wb") as full:
        said = say("text", status, full)
    assert said.returncode == expected
    assert said.stderr == b"error: cannot write to standard output: No space left on device\n"


def test_a_reader_who_has_gone_ends_in_silence():
    reading, writing = os.pipe()
    os.close(reading)
    said = say("text", 0, writing)
    os.close(writing)
    assert (said.returncode, said.stderr) == (streams.ENDED_BY_READER, b"")


def test_a_reader_who_has_gone_is_told_from_other_broken_pipes():
    program = "from compactrl.cli import streams; import sys; sys.exit(streams.reader_has_gone())"
    reading, writing = os.pipe()
    there = subprocess.run([sys.executable, "-c", program], stdout=writing, stderr=writing, check=False)
    os.close(reading)
    gone = subprocess.run([sys.executable, "-c", program], stdout=writing, stderr=subprocess.DEVNULL, check=False)
    os.close(writing)
    assert (there.returncode, gone.returncode) == (0, 1)


def test_what_is_written_to_a_closed_terminal_goes_nowhere(monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(theirs, "wb"), encoding="utf-8", write_through=True))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    raw = sys.stdout
    streams.prepare()
    print("seen")
    assert os.read(ours, 100).strip() == b"seen"
    os.close(ours)
    with pytest.raises(OSError, match="Input/output error") as refused:
        os.write(theirs, b"x")
    assert refused.value.errno == errno.EIO
    print("not seen", flush=True)
    assert streams.flushed(0) == 0
    raw.close()


@pytest.fixture
def handlers():
    """Put signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_search_heeds_signals(number, capsys):
    stop = Stop()
    assert not stop()
    signal.raise_signal(number)
    assert stop()
    assert stop.signal == number
    assert capsys.readouterr().err == "stopping after this generation; once more stops at once\n"


@pytest.mark.usefixtures("handlers")
def test_a_hangup_that_comes_twice_is_one():
    stop = Stop()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)  # as from the system and from a shell; twice SIGTERM would end the process
    assert stop.signal == signal.SIGHUP


@pytest.mark.usefixtures("handlers")
def test_a_hangup_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Stop()
    signal.raise_signal(signal.SIGHUP)
    assert not stop()
