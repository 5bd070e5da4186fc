"""Resuming a run of a moment ago: one line on what is the matter and what to do."""

import os

import pytest

from compactrl.errors import CompactrlError, InputError
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, resume, search, start

TINY = {
    "env": "compactrl/Target-v0", "method": "linear", "population": 8, "steps": 1200, "threads": 1, "selections": 1,
    "selection_episodes": 2, "seed": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def test_a_run_that_is_running_is_waited_for(tmp_path):
    running = start(TINY, tmp_path / "run")
    with pytest.raises(InputError, match="is still running, and has not saved anything yet: wait for its end, or stop"):
        reopen(tmp_path / "run")
    with pytest.raises(CompactrlError, match="its search is running and has saved nothing so far; wait a little"):
        Run(tmp_path / "run").evaluate(2)
    running.save()
    with pytest.raises(InputError, match="is still running: wait for its end"):
        reopen(tmp_path / "run")
    running.close()
    assert not Run(tmp_path / "run").running


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew_and_says_so(tmp_path):
    whole = search(out=tmp_path / "whole", **TINY)
    killed = start(TINY, tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        finish(killed, on_iteration=interrupt)
    with pytest.warns(UserWarning, match=r"before its first checkpoint, after \d+ environment steps: it begins anew"):
        again = resume(tmp_path / "run")
    assert [record["return_mean"] for record in again.metrics] == [record["return_mean"] for record in whole.metrics]


def interrupt(record, search):  # noqa: ARG001
    raise KeyboardInterrupt


def test_a_folder_that_a_search_had_only_begun_is_told(tmp_path):
    start(TINY, tmp_path / "run").close()
    (tmp_path / "run" / "config.json").unlink()
    with pytest.raises(InputError, match=r"holds no run yet: its search ended as it began.*delete the folder"):
        reopen(tmp_path / "run")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"stepz": 5}, "unknown option stepz. Did you mean 'steps'"),
        ({"seed": 5}, "seed cannot change in a run: only"),
    ],
)
def test_what_cannot_change_is_told(tmp_path, changed, expected):
    start(TINY, tmp_path / "run").close()
    with pytest.raises(InputError) as caught:
        resume(tmp_path / "run", **changed)
    assert expected in str(caught.value)
