"""Rows of learning on policy: all of them are searches that there are, and what is measured of one on a toy."""

import json
import os

import numpy as np
import pytest

from experiments import hypernets, on_policy
from experiments.on_policy import GROUPS, ROWS, Row


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_search_that_there_is(name):
    options = on_policy.resolved(ROWS[name], None)
    assert options["method"] == ROWS[name].options["method"]
    assert (options["steps"] == ROWS[name].steps) or ROWS[name].seconds


def test_groups_are_of_rows():
    assert set().union(*GROUPS.values()) <= ROWS.keys()


def test_a_row_is_measured_once_and_a_time_is_a_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(on_policy, "RESULTS", tmp_path / "results")
    for module in (on_policy, hypernets):
        monkeypatch.setattr(module, "EPISODES", 4)
    options = {
        "method": "hyperppo", "env": "compactrl/Target-v0", "widths": "4,8", "max_layers": 2, "num_envs": 8,
        "n_steps": 20, "batch_size": 80, "rank": 4, "graph_size": 8, "reevaluation_episodes": 2, "steps": 10**9,
        "threads": 1,
    }  # fmt: skip
    monkeypatch.setitem(ROWS, "tiny", Row(options, seconds=0.5, named=((8,),)))
    on_policy.main(["tiny"], seeds="3", steps=None, episodes=2)
    path = tmp_path / "results" / "tiny-0.5s.json"
    written = path.read_text()
    (row,) = json.loads(written)["seeds"]
    assert row["seed"] == 3
    assert row["env_steps"] < 10**6
    assert row["curve"][-1][0] <= row["env_steps"]
    found = row["architectures"]
    assert found["fresh"]["8"]["widths"] == [8]
    assert found["fresh"]["max"]["episodes"] == 4
    assert found["return_mean_of_all"] == pytest.approx(np.mean(found["return_quantiles"]), abs=3)
    on_policy.main(["tiny"], seeds="3", steps=None, episodes=2)
    assert path.read_text() == written


def test_what_was_measured_with_other_options_is_not_mixed(tmp_path, monkeypatch):
    monkeypatch.setattr(on_policy, "RESULTS", tmp_path)
    options = {**on_policy.resolved(ROWS["ppo-cheetah"], None), "gamma": 0.5}
    (tmp_path / "ppo-cheetah-1M.json").write_text(json.dumps({"options": options, "seeds": []}))
    with pytest.raises(SystemExit, match=r"other options \(gamma\)"):
        on_policy.main(["ppo-cheetah"], seeds="0", steps=None, episodes=1)
    with pytest.raises(SystemExit, match="no row ppo-cheeta"):
        on_policy.main(["ppo-cheeta"], seeds="0", steps=None, episodes=1)
