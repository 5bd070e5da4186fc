"""Searches that end before their budget is spent: they leave what a whole one leaves, and go on as if they had not."""

import os

import numpy as np
import pytest

from compactrl.errors import InputError
from compactrl.runs.run import Run
from compactrl.searches import api
from compactrl.searches.api import finish, reopen, resume, search, start

OPTIONS = {
    "env": "compactrl/Target-v0",
    "method": "linear",
    "population": 8,
    "steps": 2400,
    "reevaluations": 3,
    "reevaluation_episodes": 2,
    "threads": 1,
    "seed": 3,
}
COLORED = {**OPTIONS, "method": "chromatic", "partitions": 3, "hidden": (4,), "steps": 4000}


@pytest.fixture(autouse=True)
def _light(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(api, "FINAL_EPISODES", 20)


def steady(run):
    """What must be the same: metrics without times, the summary without its, and the policy."""
    records = [{key: each[key] for key in each if not key.startswith("seconds")} for each in run.metrics]
    summary = {key: value for key, value in run.summary.items() if key != "seconds"}
    return records, summary, run.policy.theta.tolist(), run.policy.normalizer.mean.tolist()


def after(generations):
    """A callback that ends the search after so many generations."""
    return lambda record: record["iteration"] < generations


@pytest.mark.parametrize(
    "options", [OPTIONS, COLORED, {**COLORED, "controller": "pointer"}], ids=["linear", "latent", "pointer"]
)
@pytest.mark.parametrize("generations", [1, 6])
def test_a_callback_ends_a_search_which_then_goes_on_as_if_it_had_not(tmp_path, options, generations):
    whole = search(out=tmp_path / "whole", **options)
    run = search(out=tmp_path / "run", callback=after(generations), **options)
    summary = run.summary
    assert (summary["stopped_by"], summary["finished"], summary["episodes"]) == ("callback", True, 20)
    assert len(run.metrics) == generations
    assert summary["env_steps"] > run.metrics[-1]["env_steps"]  # what ships was chosen after that
    assert run.policy(np.zeros(3)).shape == (2,)
    assert steady(resume(run.path)) == steady(whole)
    assert whole.summary["stopped_by"] == "steps"


def test_the_false_of_numpy_ends_a_search_too(tmp_path):
    run = search(out=tmp_path / "run", callback=lambda record: np.array([record["iteration"]])[0] < 2, **OPTIONS)
    assert (len(run.metrics), run.summary["stopped_by"]) == (2, "callback")


def test_a_mask_that_a_callback_ends_early_is_no_larger_than_asked_for(tmp_path):
    masked = {**OPTIONS, "method": "masked", "hidden": (6,), "kept_weights": 5}
    run = search(out=tmp_path / "run", callback=after(2), **masked)
    assert run.summary["weights"] <= 5


def test_a_callback_sees_every_generation_and_what_would_ship_so_far(tmp_path):
    seen = []
    run = search(out=tmp_path / "run", callback=seen.append, **OPTIONS)  # returns None, which is not False
    assert [record["iteration"] for record in seen] == [record["iteration"] for record in run.metrics]
    known = np.isfinite([record["shipped_return_mean"] for record in seen])
    assert not known[0]
    assert known[-1]
    assert (np.diff(known.astype(int)) >= 0).all()
    assert seen[-1]["shipped_return_mean"] == run.metrics[-1]["shipped_return_mean"]


@pytest.mark.parametrize("options", [OPTIONS, COLORED], ids=["nothing to settle", "a design to settle"])
def test_a_return_that_is_reached_ends_a_search_and_interruptions_change_nothing(tmp_path, options):
    options = {**options, "steps": 20_000, "stop_at": -9.0}  # doing nothing gets -11
    whole = search(out=tmp_path / "whole", **options)
    assert whole.summary["stopped_by"] == "stop_at"
    assert whole.summary["env_steps"] < 20_000
    assert whole.metrics[-1]["settled"] == ("partitions" in options)
    assert whole.metrics[-1]["shipped_return_mean"] >= -9.0 - 2.0  # of all its episodes; the last alone were enough
    going = start(options, tmp_path / "pieces")
    for _ in range(200):
        last = going.iteration + 3
        finish(going, should_stop=lambda going=going, last=last: going.iteration >= last)
        if Run(tmp_path / "pieces").summary["finished"]:
            break
        going = reopen(tmp_path / "pieces")
    assert steady(Run(tmp_path / "pieces")) == steady(whole)


def test_a_search_that_a_rule_has_ended_says_so_and_goes_on_where_the_rule_is_changed(tmp_path):
    run = search(out=tmp_path / "run", **{**OPTIONS, "stop_at": -15.0})
    assert run.summary["stopped_by"] == "stop_at"
    with pytest.raises(InputError, match=r"has ended: its final policy reached --stop-at -15. .* --stop-at none"):
        resume(run.path)
    on = resume(run.path, stop_at="none")
    assert (on.summary["stopped_by"], on.config["stop_at"]) == ("steps", None)
    assert on.summary["env_steps"] >= 2400


def test_patience_ends_a_search_in_which_nothing_improves(tmp_path):
    constant = {"env": "compactrl/Faulty-v0", "env_options": {"fault": "none"}, "max_episode_steps": 20}
    options = {**OPTIONS, **constant, "steps": 20_000, "reevaluations": 10, "patience": 0.2}
    run = search(out=tmp_path / "run", **options)
    assert run.summary["stopped_by"] == "patience"
    assert 4000 <= run.summary["env_steps"] <= 8000
    assert run.summary["return_mean"] == 20.0
    with pytest.raises(InputError, match=r"nothing improved for --patience 0.2 of its budget.*--patience 0"):
        resume(run.path)
    same = {name: options[name] for name in ("steps", "patience")}
    with pytest.raises(InputError, match="has ended"):
        resume(run.path, **same)
    going = start(options, tmp_path / "pieces")
    for _ in range(100):  # such as by a script that always says the same
        last = going.iteration + 5
        finish(going, should_stop=lambda going=going, last=last: going.iteration >= last)
        if Run(tmp_path / "pieces").summary["finished"]:
            break
        going = reopen(tmp_path / "pieces", **same)
    assert steady(Run(tmp_path / "pieces")) == steady(run)


def test_a_rule_that_is_met_first_settles_the_design(tmp_path):
    constant = {"env": "compactrl/Faulty-v0", "env_options": {"fault": "none"}, "max_episode_steps": 20}
    run = search(out=tmp_path / "run", **{**COLORED, **constant, "steps": 20_000, "patience": 0.2})
    settled = next(record["env_steps"] for record in run.metrics if record["settled"])
    assert run.summary["stopped_by"] == "patience"
    assert settled < 0.8 * 20_000  # it would have been settled then
    assert run.summary["env_steps"] - settled >= 0.9 * 0.2 * 20_000


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"stop_at": "high"}, "--stop-at high"), ({"patience": 1}, "--patience 1"), ({"patience": -0.1}, "--patience")],
)
def test_rules_out_of_range_are_refused(tmp_path, given, expected):
    with pytest.raises(InputError, match=expected):
        search(out=tmp_path / "run", **{**OPTIONS, **given})
    assert not (tmp_path / "run").exists()
