"""What a stage gets: an annealed search ends with its grant, wherever it was stopped before."""

from types import SimpleNamespace

import pytest

from compactrl.fits import stages
from compactrl.fits.stages import Amount, Grant, StoppedError, Watch, advance

PACE = 1000
"""Steps a second of the searches here, whose clock is their own."""


class Record:
    """A ledger in memory."""

    def __init__(self):
        self.steps = {}

    def known(self, key):
        return self.steps.get(key)

    def once(self, key, do):
        return self.steps.setdefault(key, self.steps[key] if key in self.steps else do())

    def note(self, key, result, spent=0.0):  # noqa: ARG002
        self.steps[key] = result


@pytest.fixture
def saved(monkeypatch):
    """Let searches take a second for an iteration, save each, and be stopped once `saved.stop` seconds are over."""
    saved = SimpleNamespace(seconds=0.0, env_steps=0, stop=None, opening=0.0)

    def opened(path, options, steps):  # noqa: ARG001
        search = SimpleNamespace(
            seconds=saved.seconds, env_steps=saved.env_steps, underway=0, stopped_by="", steps=steps
        )
        search.close = lambda: None
        saved.clock += saved.opening
        return search

    def run(search, watch, enough, path):  # noqa: ARG001
        while not enough() and (search.steps is None or search.env_steps < search.steps):
            if saved.stop is not None and search.seconds >= saved.stop:
                raise StoppedError
            search.seconds, search.env_steps = search.seconds + 1, search.env_steps + PACE
            saved.seconds, saved.env_steps = search.seconds, search.env_steps

    saved.clock = 0.0
    monkeypatch.setattr(stages, "_opened", opened)
    monkeypatch.setattr(stages, "_run", run)
    monkeypatch.setattr(stages, "has_reached", lambda _: False)
    monkeypatch.setattr(stages, "Run", lambda _: None)
    monkeypatch.setattr(stages.time, "monotonic", lambda: saved.clock)
    return saved


def grant(tmp_path, seconds=100.0):
    return Grant("a", tmp_path / "a", {}, Amount(seconds, seconds=True), "a", cost=3, anneals=True)


@pytest.mark.parametrize("stop", [None, 1, 5, 15, 19, 50])
def test_an_annealed_search_takes_its_grant_wherever_it_was_stopped(saved, tmp_path, stop):
    record, saved.stop = Record(), stop
    if stop is not None:
        with pytest.raises(StoppedError):
            advance(grant(tmp_path), record, Watch())
        saved.stop = None
    advance(grant(tmp_path), record, Watch())
    assert saved.seconds == pytest.approx(100, abs=2)


def test_one_that_was_killed_before_its_steps_were_written_down_goes_on_to_the_same_end(saved, tmp_path):
    record = Record()
    record.note("a: from", [0.0, 0])
    saved.seconds, saved.env_steps = 20.0, 20 * PACE  # as it was saved at the end of the part that finds its pace
    advance(grant(tmp_path), record, Watch())
    assert saved.seconds == pytest.approx(100, abs=2)


def test_one_that_takes_long_to_open_has_a_pace_all_the_same(saved, tmp_path):
    saved.opening = 3.0
    advance(grant(tmp_path, 8.0), Record(), Watch())
    assert saved.env_steps >= 3 * PACE
