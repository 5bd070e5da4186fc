"""Rows of learning on policy: all of them are searches that there are, and what is measured of one on a toy."""

import json
import os

import numpy as np
import pytest

from compactrl.envs.engines import ENGINES
from experiments import hypernets, on_policy, on_policy_figures, on_policy_table
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


def made_up(name, seeds):
    """A result file of a row, as `experiments.on_policy` writes it, of these seeds."""
    row = ROWS[name]
    path = on_policy_table.RESULTS / f"{name}-{on_policy.budget_of(row)}.json"
    path.write_text(
        json.dumps({"command": "", "options": on_policy.resolved(row, None), "versions": {}, "seeds": seeds})
    )


def seed_of(number, returns, curve=(), ships=0.0):
    found = {"max": {"widths": [8], "parameters": 9, "return_mean": max(returns)}}
    found["64"] = {"widths": [64], "parameters": 99, "return_mean": min(returns)}
    of_all = {"fresh": found, "return_mean_of_all": float(np.mean(returns))}
    of_all["return_quantiles"] = list(np.quantile(returns, np.arange(21) / 20))
    return {
        "seed": number, "env_steps": 2_000_000, "seconds": 1800, "return_mean": ships, "return_std": 1.0,
        "curve": [list(row) for row in curve], "architectures": of_all,
    }  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    for module in (on_policy_table, on_policy_figures):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    return tmp_path


def test_the_share_of_architectures_above_a_return_is_that_of_all_of_them():
    returns = np.random.default_rng(0).gamma(2.0, 500.0, 2800)
    quantiles = np.quantile(returns, np.arange(21) / 20)
    asked = np.array([-10.0, 200.0, 900.0, 1500.0, 1e9])
    expected = [(returns > value).mean() for value in asked]
    np.testing.assert_allclose(on_policy_figures.above(quantiles, asked), expected, atol=0.02)


def test_scaling_is_a_table_and_a_figure_of_the_rows_that_there_are(results, capsys):
    assert on_policy_table.lanes_table().startswith("No results yet")
    with pytest.raises(SystemExit, match="no results in"):
        on_policy_figures.main()
    made_up("hyperppo-16-lanes", [seed_of(0, np.linspace(0, 100, 50)), seed_of(1, np.linspace(100, 200, 50))])
    made_up("hyperppo-256-lanes", [seed_of(0, np.linspace(0, 1000, 50))])
    rows = on_policy_table.lanes_table().splitlines()
    assert rows[2] == "| 16 | 2.0 M, 2.0 M | 60.0 | 75.0 | 100.0 | 125.0 | 140.0 | 150.0 |"
    assert rows[3].startswith("| 256 | 2.0 M | 100.0 | 250.0 | 500.0")
    assert len(rows) == 4
    on_policy_figures.main()
    drawn = (results / "scaling.svg").read_text()
    assert "</svg>" in drawn
    assert "16, 256 lanes" in capsys.readouterr().err
    assert on_policy_table.lanes_table().endswith("scaling.svg)")
    figure = on_policy_figures.scaling(on_policy_figures.distributions(results))
    lines = figure.axes[0].lines
    assert [line.get_label().split(",")[0] for line in lines] == ["16 lanes", "256 lanes"]
    for line, returns in zip(lines, (np.linspace(0, 200, 101), np.linspace(0, 1000, 101)), strict=True):
        at, shares = line.get_data()
        np.testing.assert_allclose(shares, [100 * (returns > value).mean() for value in at], atol=2.5)


@pytest.mark.usefixtures("results")
def test_the_hour_says_who_is_ahead_when():
    assert on_policy_table.hour_table().startswith("No results yet")
    early = [[1e5, 50, 10.0], [2e5, 110, 30.0], [9e5, 3590, 50.0]]
    late = [[1e4, 90, 10.0], [2e4, 115, 20.0], [9e4, 3590, 90.0]]
    made_up("hyperppo-hour", [seed_of(0, [1.0, 5.0], early, 100.0)])
    assert on_policy_table.hour_table().startswith("No results yet")
    made_up("ghp-hour", [seed_of(0, [1.0, 9.0], late, 80.0), seed_of(1, [3.0, 9.0], late, 90.0)])
    table = on_policy_table.hour_table()
    assert "| while training, after 2 minutes | 30.0 | 15.0 | `hyperppo` |" in table
    assert "| while training, after 60 minutes | 50.0 | 90.0 | `ghp` |" in table
    assert "| of what ships | 100.0 | 85.0 | `hyperppo` |" in table
    assert "| best of all | 5.00 | 9.00 | `ghp` |" in table
    assert "2 seeds" in table


def test_the_return_at_a_moment_is_of_the_minute_before_else_the_last_one():
    curve = [[1, 10, 1.0], [2, 50, 3.0], [3, 300, 7.0]]
    assert on_policy_table.return_at(curve, 60) == 2.0
    assert on_policy_table.return_at(curve, 200) == 3.0
    assert np.isnan(on_policy_table.return_at(curve, 5))


def test_every_row_names_the_engine_that_it_is_measured_on():
    assert all(row.options["engine"] in ENGINES for row in ROWS.values())
