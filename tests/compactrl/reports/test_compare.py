"""Comparisons of made-up runs: by hand, with whatever is wrong with a run, and twice the same."""

import json
import os

import numpy as np
import pytest
import scipy.stats

import compactrl
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import InputError
from compactrl.reports import tables
from compactrl.reports.aggregate import aggregate
from compactrl.reports.report import compare
from compactrl.runs.run import Run

MALICE = "<script>alert('x')</script>"


@pytest.fixture
def three_configurations(make_run, tmp_path):
    """Seeds 0, 1, 2 of three configurations: returns and sizes that are easy to work out."""
    for seed, score in enumerate((100.0, 200.0, 600.0)):
        make_run(f"three-{seed}", score, seed=seed)
    for seed, score in enumerate((50.0, 60.0, 70.0)):
        make_run(f"two-{seed}", score, seed=seed, partitions=2)
    for seed, score in enumerate((40.0, 300.0, 260.0)):
        make_run(f"five-{seed}", score, seed=seed, partitions=5)
    return tmp_path


def row(report, label):
    return report.table.set_index("configuration").loc[label]


def test_one_row_per_setting_with_statistics_by_hand(three_configurations):
    report = compare(three_configurations)
    assert list(report.table["configuration"]) == [f"chromatic · latent · {n} weights" for n in (2, 3, 5)]
    three = row(report, "chromatic · latent · 3 weights")
    assert three["return"] == pytest.approx(300.0, abs=1e-9)  # the mean: of three, none is left out
    assert (three["seeds"], three["episodes"], three["return_max"], three["return_ever"]) == (3, 100, 600.0, 600.0)
    assert (three["weights"], three["parameters"], three["bits"], three["bytes"]) == (
        3,
        7,
        264,
        21,
    )  # its biases are all zero
    assert three["compression"] == pytest.approx(1 - 7 / 24, abs=1e-12)
    assert (three["architecture"], three["env"], three["method"]) == ("3–4–2", "compactrl/Target-v0", "chromatic")
    scores = np.array([100.0, 200.0, 600.0])
    expected = scipy.stats.bootstrap(
        (scores,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    np.testing.assert_allclose((three["return_low"], three["return_high"]), expected, rtol=0, atol=1e-9)


def test_bytes_are_those_of_the_summary_else_those_of_the_policy(make_run, tmp_path):
    made = [
        make_run("written", partitions=2, summary={"bytes": 1234}),
        make_run("of-before", partitions=3),
        make_run("nothing-yet", partitions=5, finished=False, summary={"bytes": None}),
    ]
    for file in ("policy.json", "policy.safetensors"):
        (made[2] / file).unlink()
    table = compare(tmp_path).table.set_index("weights")["bytes"]
    assert (table[2], table[3]) == (1234, stored_bytes(Run(made[1]).policy))
    assert np.isnan(table[5])
    assert json.loads(compare(tmp_path).to_json())["configurations"][0]["bytes"] == 1234


def test_of_equal_returns_the_smaller_policy_is_first(make_run, tmp_path):
    for weights in (5, 2, 3):
        make_run(f"w{weights}", 500.0, partitions=weights)
    report = compare(tmp_path)
    env = report.environments[0]
    assert [one.largest("weights") for one in report.ranked(env)] == [2, 3, 5]
    assert [cells[2] for cells in tables.rows(report, env)] == ["2", "3", "5"]


def test_the_smallest_with_nine_tenths_of_the_best_return_is_named(make_run, tmp_path):
    for weights, score in ((2, 80.0), (3, 91.0), (5, 95.0), (7, 100.0)):
        make_run(f"w{weights}", score, partitions=weights)
    report = compare(tmp_path)
    found = report.smallest(report.environments[0])
    assert (found.parameters, found.bytes, found.value, found.best) == (7, 21, 91.0, 100.0)
    assert (found.name, found.network) == ("chromatic · latent · 3 weights", "3–4–2")
    line = "smallest with 90 % of the best return: chromatic · latent · 3 weights (3–4–2), 7 parameters, 21 bytes"
    assert f"{line}, return 91.0 (best: 100.0)" in report.to_markdown()
    assert line in report.save(tmp_path / "page.html").read_text()
    assert json.loads(report.to_json())["smallest"][0]["parameters"] == 7
    assert report.smallest(report.environments[0], 0.99).value == 100.0


def test_returns_have_the_digits_of_a_return_and_counts_are_whole(make_run, tmp_path):
    for seed, score in enumerate((5397.83, 5300.0)):
        make_run(f"run-{seed}", score, seed=seed)
    report = compare(tmp_path)
    (row,) = tables.rows(report, "compactrl/Target-v0")
    told = dict(zip(tables.headings(report, "compactrl/Target-v0"), row, strict=True))
    assert (told["return"], told["best seed"], told["95 % interval"]) == ("5349", "5398", "5300 to 5398")
    assert (told["parameters"], told["seeds"]) == ("7", "2")


def test_two_returns_below_zero_have_nothing_between_them(make_run, tmp_path):
    make_run("w2", -80.0, partitions=2)
    make_run("w3", -20.0, partitions=3)
    assert compare(tmp_path).smallest("compactrl/Target-v0") is None
    make_run("w5", -10.0, partitions=5)
    report = compare(tmp_path)
    assert report.smallest("compactrl/Target-v0").value == -10.0  # at least -17
    assert report.smallest("compactrl/Target-v0", 0.8).value == -20.0  # at least -24


def test_every_row_of_a_front_says_of_which_environment_it_is(make_run, tmp_path):
    """A policy of one environment beats none of another."""
    make_run("one", 10.0, partitions=2)
    make_run("other", 1000.0, partitions=2, env="compactrl/Faulty-v0")
    report = compare(tmp_path)
    front = report.pareto("bits")
    assert front.columns[0] == "env"
    assert list(front["env"]) == ["compactrl/Faulty-v0", "compactrl/Target-v0"]
    assert list(report.pareto("bits", env="compactrl/Target-v0")["return"]) == [10.0]
    assert {row["env"] for row in json.loads(report.to_json())["pareto"]["bits"]} == set(report.environments)
    with pytest.raises(InputError, match=r"no run is of 'compactrl/Targte-v0'\. Did you mean 'compactrl/Target-v0'"):
        report.pareto("bits", env="compactrl/Targte-v0")


def test_what_several_runs_or_environments_have_is_said_once(make_run, tmp_path):
    for env in ("compactrl/Target-v0", "compactrl/Faulty-v0"):
        for weights in (2, 3):
            make_run(f"{env[-9:-3]}-{weights}", env=env, partitions=weights, finished=False)
    report = compare(tmp_path)
    (note,) = report.notes
    assert note.startswith("4 runs: not finished (1,200 of 1,200 environment steps)")
    assert report.warnings[1:] == ["compactrl/Faulty-v0, compactrl/Target-v0: one seed says little, no interval."]


def test_no_warning_is_longer_than_a_row(make_run, tmp_path):
    for number in range(6):
        make_run(f"run-{number}", steps=1000 + number, seed=number, env_options={"number": number}, partitions=2)
    warnings = compare(tmp_path).warnings
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "different step budgets: 1,000; 1,001; 1,002; 1,003; 1,004; 1,005.",
        "different tasks: 6 different ones.",
        "one seed says little, no interval.",
    ]


def test_a_notebook_shows_the_tables(three_configurations):
    shown = compare(three_configurations)._repr_html_()
    assert shown.count("<table") == 1
    assert "chromatic · latent · 3 weights" in shown
    assert "smallest with 90 % of the best return" in shown


def test_what_an_environment_reports_beside_the_return_is_a_column_of_its_own(make_run, tmp_path):
    """A mean over the seeds of which it is known; other environments' tables do not have it."""
    for seed, share in enumerate((0.5, 1.0, None)):
        make_run(f"goals-{seed}", seed=seed, summary={"success_mean": share})
    make_run("elsewhere", env="compactrl/Faulty-v0")
    report = compare(tmp_path)
    assert report.measures("compactrl/Target-v0") == ["success"]
    assert report.measures("compactrl/Faulty-v0") == []
    table = report.table.set_index("env")["success_mean"]
    assert table["compactrl/Target-v0"] == 0.75
    assert np.isnan(table["compactrl/Faulty-v0"])
    assert report.to_markdown().count("| success |") == 1
    assert "0.75" in report.to_markdown()
    assert report.save(tmp_path / "page.html").read_text().count(">success<") == 1


def test_of_five_seeds_the_outer_two_are_left_out(make_run, tmp_path):
    for seed, score in enumerate((0.0, 10.0, 20.0, 60.0, 1000.0)):
        make_run(f"run-{seed}", score, seed=seed)
    assert compare(tmp_path).table["return"][0] == pytest.approx(30.0, abs=1e-9)


def test_the_pareto_front_keeps_what_none_beats(three_configurations):
    report = compare(three_configurations)
    # 2 weights: 60 for 212 bits; 3: 300 for 264; 5: 200 for 348, beaten by 3 in both.
    for cost in ("bits", "parameters", "bytes", "weights"):
        front = report.pareto(cost)
        assert list(front["configuration"]) == ["chromatic · latent · 2 weights", "chromatic · latent · 3 weights"]
    with pytest.raises(InputError, match=r"unknown cost 'bit' for a Pareto front\. Did you mean 'bits'"):
        report.pareto("bit")


def test_settings_are_compared_seed_by_seed(three_configurations):
    report = compare(three_configurations)
    improvements = {
        (one.label[-9:], other.label[-9:]): result for one, other, result in report.improvements(report.environments[0])
    }
    result = improvements["3 weights", "5 weights"]
    assert result.paired
    assert result.probability == pytest.approx(2 / 3, abs=1e-12)  # 100 > 40, 200 < 300, 600 > 260
    assert result.difference == pytest.approx(100.0, abs=1e-9)


def test_paths_globs_and_runs_are_taken_once_each(three_configurations):
    run = Run(three_configurations / "two-0")
    report = compactrl.compare(
        [str(three_configurations / "t*-?"), three_configurations / "two-0", run, str(three_configurations)]
    )
    assert len(report.records) == 9
    assert repr(report) == "Report(3 configurations, 9 runs)"
    assert len(compactrl.compare(run).records) == 1


def test_one_seed_gets_no_interval_and_a_warning(make_run):
    report = compare(make_run("run"))
    assert np.isnan(report.table["return_low"][0])
    assert report.warnings == ["compactrl/Target-v0: one seed says little, no interval."]
    assert "–" in report.to_markdown()


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ({"steps": 2400}, "different step budgets"),
        ({"mujoco": "4.0.0"}, "different MuJoCo versions"),
        ({"max_episode_steps": 5}, "different tasks"),
        ({"env": "compactrl/Faulty-v0"}, "2 environments: returns are not comparable"),
    ],
)
def test_what_cannot_be_compared_is_warned_of(make_run, tmp_path, difference, expected):
    for seed in (0, 1):
        make_run(f"one-{seed}", seed=seed)
        make_run(f"other-{seed}", seed=seed, **difference)
    report = compare(tmp_path)
    assert list(report.table["seeds"]) == [2, 2]
    assert report.table["configuration"].nunique() + report.table["env"].nunique() == 3
    (warning,) = report.warnings
    assert expected in warning
    assert expected[1:] in report.save(tmp_path / "page.html").read_text()  # there it begins with a capital
    assert expected in report.to_markdown()
    assert expected in report.to_latex()
    assert expected in json.loads(report.to_json())["warnings"][0]


def test_policies_for_different_tasks_of_a_family_are_not_comparable(make_run, tmp_path):
    for name, options, context in (("slow", {}, [0.5]), ("fast", {"controller": "pointer"}, [3.0])):
        for seed in (0, 1):
            summary = make_run(f"{name}-{seed}", seed=seed, **options) / "summary.json"
            told = {**json.loads(summary.read_text(encoding="utf-8")), "context": context}
            summary.write_text(json.dumps(told), encoding="utf-8")
    (warning,) = compare(tmp_path).warnings
    assert "different tasks: " in warning
    for name in ("slow-0", "slow-1"):
        (tmp_path / name / "summary.json").write_text(summary.read_text(encoding="utf-8"), encoding="utf-8")
    assert not compare(tmp_path).warnings


def test_missing_seeds_are_warned_of(three_configurations):
    (three_configurations / "two-1").rename(three_configurations.parent / "gone")
    (warning,) = compare(three_configurations).warnings
    assert "compactrl/Target-v0: different seeds, compared unpaired: " in warning


def test_settings_have_short_names(make_run, tmp_path):
    make_run("plain")
    make_run("pointer", controller="pointer")
    make_run("paper", controller="pointer", preset="paper")
    make_run("cem", es="cem")
    make_run("settling", settle=0.5, steps=2400)
    make_run("settling-longer", settle=0.5)
    labels = compare(tmp_path).table["configuration"]
    assert len(labels) == 6
    assert set(labels) == {
        "chromatic · latent · 3 weights · es cem",
        "chromatic · latent · 3 weights",
        "chromatic · latent · 3 weights · fine tune share 0.5 · 1200 steps",
        "chromatic · latent · 3 weights · fine tune share 0.5 · 2400 steps",
        "chromatic · pointer · 3 weights",
        "chromatic · pointer · 3 weights · preset paper",
    }


def test_a_run_of_an_older_version_lacks_options_and_is_of_the_same_configuration(make_run, tmp_path):
    make_run("new", seed=0)
    path = make_run("old", seed=1)
    config = json.loads((path / "config.json").read_text())
    del config["options"]["normalize_rewards"], config["options"]["fine_tune_es"]
    config["options"] |= {"engine": "auto", "max_episode_steps": 0, "alive_bonus": None}  # not filled in
    config["options"]["settle"] = config["options"].pop("fine_tune_share")  # its name of then
    (path / "config.json").write_text(json.dumps(config))
    assert list(compare(tmp_path).table["seeds"]) == [2]
    make_run("shorter", seed=0, max_episode_steps=5)  # now it may be of either
    assert list(compare(tmp_path).table["seeds"]) == [1, 1, 1]


def test_a_seed_that_is_there_twice_counts_once(make_run, tmp_path):
    make_run("one")
    make_run("two")
    report = compare(tmp_path)
    assert report.table["seeds"][0] == 1
    assert "one of them is enough" in report.notes[0]


def test_an_unfinished_run_has_a_row_of_its_own_and_is_not_ranked(make_run, tmp_path):
    for seed in (0, 1):
        make_run(f"done-{seed}", 10.0, seed=seed)
    make_run("going-2", 1e6, seed=2, finished=False)
    report = compare(tmp_path)
    assert list(report.table["configuration"]) == [
        "chromatic · latent · 3 weights",
        "chromatic · latent · 3 weights (not finished)",
    ]
    assert list(report.table["return"]) == [10.0, 1e6]
    assert list(report.pareto("bits")["return"]) == [10.0]
    assert any("not finished (1,200 of 1,200 environment steps)" in note for note in report.notes)
    assert "not finished" in report.save(tmp_path / "page.html").read_text()


def test_a_run_that_has_just_begun_is_shown(make_run, tmp_path):
    path = make_run("begun")
    for name in ("summary.json", "policy.json", "policy.safetensors", "metrics.jsonl"):
        (path / name).unlink()
    (path / "metrics.jsonl").touch()
    report = compare(path)
    assert np.isnan(report.table["return"][0])
    assert report.table["architecture"][0] == "…–4–…"
    page = report.save(tmp_path / "page.html").read_text()
    assert "nothing has been saved yet" in page
    assert report.to_markdown()
    assert report.to_latex()
    assert json.loads(report.to_json())["configurations"][0]["return"] is None


def spoil_metrics(path):
    lines = (path / "metrics.jsonl").read_text().splitlines()
    lines[2], lines[5] = '{"iteration": 3, "env', "[]"
    (path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"iteration": 13, "env_st')


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (spoil_metrics, "metrics.jsonl: 2 of 13 lines are damaged and left out"),
        (lambda path: (path / "metrics.jsonl").write_bytes(os.urandom(1000)), "lines are damaged"),
        (lambda path: (path / "metrics.jsonl").unlink(), "metrics.jsonl cannot be read: No such file"),
        (
            lambda path: (path / "metrics.jsonl").write_text('{"env_steps": "many"}\n' * 2),
            "something else than numbers",
        ),
        (lambda path: (path / "summary.json").write_text("{"), "summary.json is not JSON"),
        (lambda path: (path / "summary.json").write_text("[]"), "summary.json is no JSON object"),
        (lambda path: (path / "versions.json").unlink(), "versions.json is missing"),
        (lambda path: (path / "config.json").write_text("{}"), "not the record of a compactrl run"),
        (lambda path: (path / "policy.safetensors").write_bytes(b"x"), "does not have the content that was saved"),
        (lambda path: (path / "designs.safetensors").write_bytes(b"x"), "does not have the content that was saved"),
        (lambda path: (path / "architectures.json").write_text("{}"), "is no table of architectures"),
    ],
)
def test_a_damaged_run_is_noted_and_the_rest_is_reported(make_run, tmp_path, spoil, note):
    make_run("good", 20.0, seed=0)
    spoil(make_run("bad", 30.0, seed=1))
    report = compare(tmp_path)
    page = report.save(tmp_path / "page.html").read_text()
    assert any(note in line for line in report.notes), report.notes
    assert "compactrl/Target-v0" in page
    assert 20.0 <= report.table["return"].max() <= 30.0


def test_no_runs_is_an_error_that_says_what_to_give(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        compare(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no run there"):
        compare([tmp_path])
    with pytest.raises(InputError, match="nothing was given"):
        compare([])


def test_names_with_html_in_them_are_text(make_run, tmp_path):
    path = make_run(f"a{MALICE.replace('/', '')}", finished=False)
    config = json.loads((path / "config.json").read_text())
    config["options"] |= {"env": MALICE, "method": MALICE, "controller": MALICE}
    (path / "config.json").write_text(json.dumps(config))
    report = compare(path)
    page = report.save(tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in report._repr_html_()
    assert "<script" not in report.to_markdown()


def test_the_same_runs_give_the_same_page_byte_for_byte(make_run, tmp_path):
    make_run("three")
    make_run("two", partitions=2, seed=1)
    first = compare(tmp_path).save(tmp_path / "a.html").read_bytes()
    assert compare(tmp_path).save(tmp_path / "b.html").read_bytes() == first
    assert b"http-equiv" not in first
    watched = compare(tmp_path / "three").save(tmp_path / "c.html", refresh=5).read_bytes()
    assert b'http-equiv="refresh" content="5"' in watched


def test_latex_has_special_characters_escaped(make_run):
    text = compare(make_run("run")).to_latex()
    assert r"71 \%" in text
    assert r"\toprule" in text


def test_a_place_that_cannot_be_written_is_named(make_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        compare(make_run("run")).save(tmp_path / "file" / "page.html")


def test_over_several_environments_returns_are_normalised_by_hand(make_run, tmp_path):
    for env, scale in (("compactrl/Target-v0", 1.0), ("compactrl/Faulty-v0", 1000.0)):
        for seed in (0, 1):
            make_run(f"three-{scale}-{seed}", scale * (3 + seed), env=env, seed=seed)
            make_run(f"two-{scale}-{seed}", scale * (1 + seed), env=env, seed=seed, partitions=2)
    best, second = aggregate(compare(tmp_path))
    # In each environment returns are 1, 2 | 3, 4: normalised 0, 1/3 | 2/3, 1; of four, one at each end is left out.
    assert best.label.endswith("3 weights")
    assert best.score == pytest.approx((2 / 3 + 1) / 2, abs=1e-9)
    assert second.score == pytest.approx((0 + 1 / 3) / 2, abs=1e-9)
    assert (best.environments, best.seeds) == (2, 4)
    assert "All environments together" in compare(tmp_path).to_markdown()


def test_a_search_of_a_fit_has_no_budget_of_steps_of_its_own(make_run, tmp_path):
    make_run("alone", steps=1200)
    make_run("of-a-fit", partitions=2, steps=10**15, summary={"stopped_by": "fit"})
    (warning,) = [text for text in compare(tmp_path).warnings if "step budgets" in text]
    assert "what a fit gave" in warning
    assert "1,000,000,000" not in warning


@pytest.mark.parametrize(("episodes", "said"), [(0, "has no return"), (7, "over 7 episodes by which")])
def test_of_a_search_that_is_not_finished_it_is_said_what_its_return_is(make_run, episodes, said):
    record = compare(make_run("run", finished=False, summary={"episodes": episodes})).records[0]
    assert [said in note for note in record.notes] == [True]
