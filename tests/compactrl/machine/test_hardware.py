"""What a machine has, as it is seen from a container."""

import pytest

from compactrl.machine import hardware
from compactrl.machine.hardware import memory


def test_a_container_has_no_more_memory_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "CGROUP", tmp_path)
    of_machine = memory().total
    (tmp_path / "memory.current").write_text(f"{3 * 2**27}\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory().total == of_machine
    (tmp_path / "memory.max").write_text(f"{2**29}\n")
    assert memory() == (pytest.approx(0.125), 0.5)
    (tmp_path / "memory.max").write_text(f"{2**28}\n")
    assert memory() == (0.0, 0.25)
