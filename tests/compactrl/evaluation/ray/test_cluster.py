"""Ray of our own on this machine: what is said before it begins."""

from types import SimpleNamespace

import pytest

from compactrl.errors import CompactrlError
from compactrl.evaluation.ray import cluster


@pytest.mark.parametrize(("cores", "said"), [(1, "3 workers share 1 core:"), (2, "3 workers share 2 cores:")])
def test_more_workers_than_cores_are_warned_of(monkeypatch, cores, said):
    def init(**_):
        raise RuntimeError("not here")

    monkeypatch.setattr(cluster.os, "sched_getaffinity", lambda _: range(cores))
    with pytest.warns(UserWarning, match=said), pytest.raises(CompactrlError, match="Ray does not begin"):
        cluster._begin(SimpleNamespace(init=init), 3)
