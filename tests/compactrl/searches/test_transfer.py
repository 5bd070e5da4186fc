"""Colourings that one search found, for another: the best ones, copied, checked."""

import shutil

import numpy as np
import pytest

from compactrl.errors import InputError
from compactrl.runs.history import load_trace
from compactrl.runs.run import Run
from compactrl.searches.api import finish, reopen, search, start
from compactrl.searches.transfer import best_colorings

TINY = {
    "env": "compactrl/Target-v0", "population": 8, "steps": 2400, "selections": 2, "selection_episodes": 2,
    "threads": 1, "hidden": (4,), "partitions": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return search(out=tmp_path_factory.mktemp("source") / "run", controller="random", **TINY)


def rows(run):
    return np.array([row.split() for row in run.config["controller_designs"]], int)


def test_what_ships_comes_first_then_what_led_by_return(source):
    found = best_colorings(source, 4)
    trace = load_trace(source.path)
    np.testing.assert_array_equal(found[0], source.policy.design)
    best = trace.designs[np.argmax(trace.returns)]
    assert (found == best).all(axis=1).any()
    assert len(np.unique(found, axis=0)) == 4
    np.testing.assert_array_equal(best_colorings(source, 1), found[:1])


def test_every_colouring_that_is_tried_is_one_of_those_taken_over(source, tmp_path):
    tried = []

    def note(_, going):
        if not going.settled:
            tried.append(going.controller.propose(6))

    given = {**TINY, "seed": 5, "colorings_from": str(source.path), "top": 3, "settle": 0.2}
    del given["partitions"], given["hidden"]  # those of the source
    run = finish(start(given, tmp_path / "run"), note)
    taken = best_colorings(source, 3)
    assert run.config["controller"] == "transfer"
    assert (run.config["partitions"], run.config["hidden"]) == (3, [4])
    np.testing.assert_array_equal(rows(run), taken)
    allowed = {row.tobytes() for row in taken}
    assert {row.tobytes() for designs in tried for row in designs} == allowed
    assert run.policy.design.tobytes() in allowed
    assert not np.isin(run.policy.theta[:3], source.policy.theta[:3]).any()  # weights are fresh


def test_a_resume_needs_nothing_of_the_other_run(source, tmp_path):
    copy = tmp_path / "source"
    shutil.copytree(source.path, copy)
    going = start({**TINY, "colorings_from": str(copy)}, tmp_path / "run")
    going.close()
    shutil.rmtree(copy)
    going = reopen(tmp_path / "run")
    np.testing.assert_array_equal(
        np.unique(going.controller.propose(5), axis=0), np.unique(rows(Run(going.writer.path)), axis=0)
    )
    going.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hidden": (5,)}, "its colourings have 20 edges, and compactrl/Target-v0 with this network (3-5-2) has 25"),
        ({"partitions": 2}, "its colourings have 3 colours: give --partitions 3, or none"),
        ({"top": 0}, "--top 0: "),
        ({"controller": "pointer"}, "--colorings-from belongs to --method chromatic --controller transfer"),
        ({"colorings_from": "nowhere"}, "nowhere holds no run"),
        ({"colorings_from": "", "controller": "transfer"}, "--controller transfer needs --colorings-from"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(source, tmp_path, given, message):
    with pytest.raises(InputError) as caught:
        start({**TINY, "colorings_from": str(source.path), **given}, tmp_path / "run")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_colourings_come_from_chromatic_runs_only(tmp_path):
    other = search(out=tmp_path / "masked", **{**TINY, "method": "masked", "partitions": None})
    with pytest.raises(InputError, match="expected a run of --method chromatic, this one is masked"):
        start({**TINY, "colorings_from": str(other.path)}, tmp_path / "run")


def test_fewer_than_asked_for_is_said(source, tmp_path):
    with pytest.warns(UserWarning, match="different colourings, fewer than --top 500"):
        start({**TINY, "colorings_from": str(source.path), "top": 500}, tmp_path / "run").close()
