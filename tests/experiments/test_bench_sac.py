"""SAC beside other libraries: processes that are asked for steps, and what is said of those that are not there."""

import sys

import pytest
import typer

from experiments.bench import sac


def test_a_system_takes_steps_when_asked():
    rows = sac.measured({"compactrl": sys.executable}, "compactrl/Target-v0", threads=1, repeats=2, warm=8, steps=8)
    assert rows["compactrl"]["compactrl_over_it"] == 1
    assert len(rows["compactrl"]["seconds"]) == 2
    assert min(rows["compactrl"]["seconds"]) > 0


def test_what_a_python_does_not_have_is_said_and_left_out(monkeypatch, tmp_path):
    with pytest.raises(typer.BadParameter, match="expected a Python that runs"):
        sac.installed(str(tmp_path / "nowhere"))
    monkeypatch.setattr(sac, "NAMES", {"json": "JSON", "no_such_library": "None"})
    assert sac.installed(sys.executable) == ["json"]
    peer = sac.Peer("no_such_library", sys.executable, "compactrl/Target-v0", 1, 8, 8)
    with pytest.raises(RuntimeError, match="no_such_library has ended: KeyError"):
        peer.wait()
    peer.close()
