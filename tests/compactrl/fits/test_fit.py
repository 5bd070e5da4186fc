"""Fits on toys: what ships, that a stop changes nothing, what is written, and what is refused."""

import json
import os
import shutil
from dataclasses import replace

import pytest

import compactrl
from compactrl.envs import registry
from compactrl.envs.engines import ENGINES
from compactrl.errors import CompactrlError, FaultError, InputError
from compactrl.fits import api, crew, entrants, judging, portfolio, race, school, shipping
from compactrl.fits.api import Fit, fit, options_in, run_fit
from compactrl.fits.field import Field
from compactrl.fits.portfolio import APPRENTICES, EVOLVERS, SHARES, STUDENTS, TEACHERS, TUNING, Row, Teacher
from compactrl.fits.stages import StoppedError
from compactrl.fits.story import story_of
from compactrl.runs.evaluation import run_episodes
from compactrl.runs.run import Run
from compactrl.storage.files import read_json

TOY = "compactrl/Target-v0"
EVOLVER = next(row for row in EVOLVERS if row.name == "latent")
COST = 10
"""Of steps with updates: what they are charged would leave a small budget nothing for evolution."""
STUDENT = next(row for row in STUDENTS if row.name == "shared-16-8b")
LEARNING = {"iteration_steps": 100, "batch_size": 16}
TEACHER = Teacher(
    "teacher",
    {"method": "sac", "hidden": (24, 8), "steps": 10**9, "reevaluations": 1, "learning_starts": 50, **LEARNING},
    cost=COST,
    share=0.35,
    least_episodes=1,
)
ON_POLICY = next(row for row in TEACHERS if row.name == "teacher-ppo")
SMALL_STEPS = {"n_steps": 16, "batch_size": 64, "reevaluations": 1}
APPRENTICE = next(row for row in APPRENTICES if row.imitates["hidden"] == (16, 8))
OPTIONS = {"max_bytes": (60, 120), "steps": "80k", "seed": 3, "threads": 1}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """No waiting for the disk, few episodes, and of each kind of row one."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(shipping, "FINAL_EPISODES", 10)
    monkeypatch.setattr(race, "EVOLVERS", (EVOLVER, next(row for row in EVOLVERS if row.name == "linear")))
    monkeypatch.setattr(school, "STUDENTS", (replace(STUDENT, options={**STUDENT.options, **LEARNING}, cost=COST),))
    monkeypatch.setattr(portfolio, "UPDATE_COST", COST)
    monkeypatch.setattr(entrants, "LEAST_IMITATION", 1)
    monkeypatch.setattr(school, "TEACHERS", (TEACHER,))
    smaller = {**APPRENTICE.options, **SMALL_STEPS}
    apprentice = replace(APPRENTICE, options=smaller, imitates={**APPRENTICE.imitates, **LEARNING}, least_episodes=1)
    monkeypatch.setattr(school, "APPRENTICES", (apprentice,))
    monkeypatch.setattr(school, "TUNING", replace(TUNING, options={**TUNING.options, **SMALL_STEPS}))
    monkeypatch.setattr(entrants, "LEAST_TUNING", 1)
    monkeypatch.setattr(entrants, "KEEPS_UP", 1e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fit") / "whole"


@pytest.fixture
def whole(folder):
    """A fit with a teacher, students and evolvers, made once."""
    return Fit(folder) if (folder / "front.json").exists() else fit(TOY, out=folder, **OPTIONS)


def test_every_budget_gets_a_policy_that_fits_and_opens_as_a_run(whole):
    assert whole.finished
    assert set(whole.runs) == {60, 120}
    for most, run in whole.runs.items():
        assert run.summary["bytes"] <= most
        assert run.summary["episodes"] == 10
        report = run.report(run.evaluate(5, 1))
        assert report["bytes"] == run.summary["bytes"]
    assert whole.run.path == whole.path
    assert (whole.bytes, whole.return_mean) == (whole.run.summary["bytes"], whole.run.summary["return_mean"])
    assert compactrl.load(whole.path).policy.env == TOY


@pytest.mark.parametrize("place", ["crew.advance", "judging.run_episodes"])
def test_a_fault_of_the_environment_s_code_ends_a_fit_and_leaves_no_mark(tmp_path, monkeypatch, place):
    def wrong(*_, **__):
        raise FaultError("the reward has another shape")

    monkeypatch.setattr(f"compactrl.fits.{place}", wrong)
    with pytest.raises(FaultError):
        fit(TOY, out=tmp_path / "fit", **{**OPTIONS, "steps": 4000})
    assert "failed" not in (tmp_path / "fit/fit.json").read_text(encoding="utf-8")


def test_the_return_that_is_quoted_is_of_episodes_that_no_choice_was_based_on(whole):
    evaluation = whole.run.evaluate_for_summary(10, 1)
    assert evaluation.mean_return == whole.return_mean


def test_a_student_of_the_teacher_goes_on_by_evolution(whole):
    stages = {path.name: Run(path).config for path in (whole.path / "stages").iterdir()}
    students = [name for name in stages if name.endswith("-student")]
    assert students
    for name in students:
        assert stages[name]["learner"] == "distill"
        assert stages[name]["actor_learning_rate_decay"] < 1
        assert Run(whole.path / "stages" / name).summary["env_steps"] >= stages[name]["steps"]
    followers = [config for config in stages.values() if config.get("start_from") and config["learner"] == "evolution"]
    assert followers
    assert {config["hidden"] == [16, 8] for config in followers} == {True}


def test_the_front_has_all_that_was_tried_and_the_picture_shows_it(whole):
    front = read_json(whole.path / "front.json")
    assert front == whole.front
    names = {row["name"] for row in front["candidates"]}
    assert {"teacher", "linear"} <= names
    assert len(names) >= 4
    assert [row["max_bytes"] for row in front["shipped"]] == [60, 120]
    assert "<svg" in (whole.path / "front.svg").read_text(encoding="utf-8")


def test_a_fit_that_was_stopped_again_and_again_comes_to_the_same(whole, tmp_path):
    _stopped_again_and_again(whole, tmp_path / "pieces")


def _stopped_again_and_again(whole, path):
    options = options_in(whole.path)
    stops, found = 0, None
    while found is None or not found.finished:
        asked = iter(range(10**9))
        try:
            found = run_fit(options, path, 1, should_stop=lambda asked=asked: next(asked) > 5)
        except CompactrlError as error:
            if "has no policy" not in str(error):  # there is nothing to ship yet
                raise
        stops += 1
    assert stops >= 2
    for name in ("policy.safetensors", "policy.json"):
        assert (path / name).read_bytes() == (whole.path / name).read_bytes()
    assert found.front == whole.front


def test_a_fit_whose_searches_run_side_by_side_comes_to_the_same(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(crew, "MEMORY", 1e-3)  # however little is free
    found = fit(TOY, out=tmp_path / "fit", **{**OPTIONS, "threads": 2})
    assert found.front == whole.front
    for name in ("policy.safetensors", "policy.json"):
        assert (found.path / name).read_bytes() == (whole.path / name).read_bytes()
    spent, before = (read_json(path / "fit.json")["spent"] for path in (found.path, whole.path))
    assert spent == before
    assert [run.config["threads"] for run in found.runs.values()] == [2, 2]


@pytest.mark.parametrize("version", ["this", "earlier"])
def test_a_fit_keeps_the_engine_it_was_begun_with_whatever_auto_means_by_now(tmp_path, monkeypatch, version):
    monkeypatch.setattr(school, "TEACHERS", ())
    options = {"max_bytes": 400, "steps": "12k", "threads": 1, "max_episode_steps": 20, "out": tmp_path / "fit"}
    before = sorted(ENGINES.values(), key=lambda kind: kind.name != "gymnasium")
    with monkeypatch.context() as begun:
        begun.setattr(registry, "preferred", lambda _: before)
        begun.setattr(Field, "compare", _stop)
        begun.setattr(race, "EVOLVERS", race.EVOLVERS[1:])
        assert not fit("CartPole-v1", **options).finished
    assert registry.describe("CartPole-v1").engine != "gymnasium"
    record = read_json(tmp_path / "fit/fit.json")
    assert (record["options"]["engine"], record["engine"]) == ("auto", "gymnasium")
    if version == "earlier":
        del record["engine"], record["options"]["stop_at"]  # which were not there yet
        (tmp_path / "fit/fit.json").write_text(json.dumps(record))
    begun_with = set((tmp_path / "fit/stages").iterdir())
    judged = []
    monkeypatch.setattr(judging, "run_episodes", lambda *given: judged.append(given[1].engine) or run_episodes(*given))
    assert fit("CartPole-v1", **options).finished
    stages = set((tmp_path / "fit/stages").iterdir())
    assert stages > begun_with
    assert {Run(path).config["engine"] for path in stages} == {*judged} == {"gymnasium"}
    assert read_json(tmp_path / "fit/fit.json")["engine"] == "gymnasium"


def _stop(*_):
    raise StoppedError


def test_a_fit_that_has_ended_is_opened(whole, monkeypatch):
    monkeypatch.setattr(api, "Race", None)
    assert fit(TOY, out=whole.path, **OPTIONS).front == whole.front


def test_other_options_in_the_same_folder_are_refused(whole):
    with pytest.raises(InputError, match="holds a fit with another seed, 3: go on with the same options"):
        fit(TOY, out=whole.path, **{**OPTIONS, "seed": 4})


def test_a_teacher_is_a_candidate_in_int8_too(whole):
    rows = {row["name"]: row for row in whole.front["candidates"]}
    assert rows["teacher-int8"]["bytes"] < rows["teacher"]["bytes"] / 2
    assert rows["teacher-int8"]["return_mean"] == pytest.approx(rows["teacher"]["return_mean"], rel=0.05)
    assert not (whole.path / "stages/teacher-int8").exists()  # it is the teacher's run


def test_a_fit_that_an_earlier_version_began_keeps_what_it_has(whole, tmp_path):
    copy = shutil.copytree(whole.path, tmp_path / "copy")
    record = read_json(copy / "fit.json")
    del record["portfolio"]
    (copy / "fit.json").write_text(json.dumps(record))
    assert fit(TOY, out=copy, **OPTIONS).front == whole.front
    record["finished"] = False
    (copy / "fit.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="begun by an earlier version, which tries other candidates"):
        fit(TOY, out=copy, **OPTIONS)
    assert Run(copy).policy.size == whole.run.policy.size


def test_an_apprentice_begins_from_the_best_policy_and_students_from_the_apprentice_and_are_tuned(whole):
    configurations = {path.name: Run(path).config for path in (whole.path / "stages").iterdir()}
    apprentice = configurations["apprentice-16-8"]
    assert apprentice["method"] == "ppo"
    assert apprentice["start_from"].endswith("apprentice-16-8-student")
    assert configurations["apprentice-16-8-student"]["method"] == "distill"
    assert sum(read_json(whole.path / "fit.json")["spent"].values()) < 1.3 * 80_000
    for name, each in configurations.items():
        assert Run(whole.path / "stages" / name).summary["env_steps"] > 0, (name, each["method"])
    students = {name: each for name, each in configurations.items() if name.startswith("shared-")}
    imitating = [each for name, each in students.items() if name.endswith("-student")]
    tuned = [each for name, each in students.items() if name.endswith("-tuned")]
    evolving = [each for name, each in students.items() if not name.endswith(("-student", "-tuned"))]
    assert {each["normalizer"] for each in imitating} == {"bytes"}
    assert len(imitating) == len(tuned) >= len(evolving) >= 1
    for each in tuned:
        assert (each["learner"], each["start_from"].rpartition("-")[2]) == ("ppo", "student")
    kept = {
        name
        for key in read_json(whole.path / "fit.json")["steps"]
        if (name := key.removeprefix("kept: tuned: ")) != key
    }
    for name, each in students.items():
        if not name.endswith(("-student", "-tuned")):
            assert each["start_from"].endswith(f"{name}-tuned" if name in kept else f"{name}-student")


def test_tuning_has_the_time_of_apprentices_where_there_are_none(whole, tmp_path, monkeypatch):
    def of_all(found):
        steps = read_json(found.path / "fit.json")["steps"]
        return steps["tuned: share"] * len(steps["tuned: who"]) / 80_000

    monkeypatch.setattr(school, "APPRENTICES", ())
    alone = fit(TOY, out=tmp_path / "fit", **OPTIONS)
    assert of_all(whole) == pytest.approx(SHARES.tuning)
    assert of_all(alone) == pytest.approx(SHARES.tuning + SHARES.apprentices + SHARES.apprenticeship)


def test_the_story_has_every_comparison_and_says_who_was_left_when(whole):
    story = story_of(whole.path)
    names = [stage.name for stage in story.stages]
    assert names[:6] == ["evolvers", "teachers", "imitations", "apprentices", "students", "tuned"]
    assert names[-2:] == ["last meeting", "last meeting"]
    assert story.total == sum(read_json(whole.path / "fit.json")["spent"].values())
    rungs = [stage for stage in story.stages if not stage.last]
    left = [name for stage in rungs for name in stage.left]
    assert len(left) == len(set(left))
    for place, stage in enumerate(rungs):
        assert list(stage.returns.values()) == sorted(stage.returns.values(), reverse=True)
        assert not any(name in later.returns for name in stage.left for later in rungs[place + 1 :])
    assert {row["name"] for row in whole.front["candidates"]} == {name for stage in rungs for name in stage.returns}


def test_a_fit_is_told_on_a_page_that_needs_nothing_else(whole, tmp_path):
    page = whole.save(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert page == whole.save(tmp_path / "again.html").read_text(encoding="utf-8")
    for row in whole.front["candidates"]:
        assert f">{row['name']}</td>" in page
    assert page.count("<svg") == 2
    assert page.count("last meeting, of at most") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_budget_of_parameters_is_met_and_recorded(tmp_path):
    found = fit(TOY, max_parameters=(2, 12), steps="10k", out=tmp_path / "fit", threads=1, seed=1)
    assert [row["max_parameters"] for row in found.front["shipped"]] == [2, 12]
    for most, run in found.runs.items():
        assert run.policy.size.parameters == run.summary["parameters"] <= most
    assert fit(TOY, max_parameters=(2, 12), steps="10k", out=found.path, threads=1, seed=1).front == found.front
    with pytest.raises(InputError, match="holds a fit without max_bytes: go on with the same options"):
        fit(TOY, max_bytes=100, steps="10k", out=found.path, seed=1)


def test_a_return_that_is_enough_ends_it(tmp_path):
    found = fit(TOY, max_bytes=60, steps="200k", stop_at=-1000, out=tmp_path / "fit", threads=1, seed=1)
    assert found.finished
    assert found.run.summary["env_steps"] < 50_000


def test_discrete_actions_have_a_teacher_on_policy_and_a_student_that_evolution_goes_on_from(tmp_path, monkeypatch):
    small = {**ON_POLICY.options, "hidden": (16, 8), **SMALL_STEPS}
    monkeypatch.setattr(school, "TEACHERS", (TEACHER, replace(ON_POLICY, options=small, least_episodes=1)))
    monkeypatch.setattr(school, "APPRENTICES", ())
    found = fit("CartPole-v1", max_bytes=160, steps="70k", out=tmp_path / "fit", threads=1, max_episode_steps=50)
    assert found.bytes <= 160
    stages = {path.name: Run(path) for path in (found.path / "stages").iterdir()}
    assert "teacher" not in stages  # which learns no discrete actions
    granted = 70_000 * ON_POLICY.share / ON_POLICY.cost
    assert stages["teacher-ppo"].summary["env_steps"] == pytest.approx(granted, rel=0.25)
    students = [run for name, run in stages.items() if name.endswith("-student")]
    assert {run.config["learner"] for run in students} == {"distill"}
    assert [run.config["learner"] for run in stages.values() if run.config.get("start_from")].count("evolution") == 1


def test_an_apprentice_goes_on_from_a_teacher_with_its_network_also_where_actions_are_discrete(tmp_path, monkeypatch):
    small = {**ON_POLICY.options, "hidden": (16, 8), **SMALL_STEPS}
    monkeypatch.setattr(school, "TEACHERS", (replace(ON_POLICY, options=small, least_episodes=1),))
    monkeypatch.setattr(race, "EVOLVERS", (EVOLVER,))
    found = fit("CartPole-v1", max_bytes=160, steps="70k", out=tmp_path / "fit", threads=1, max_episode_steps=50)
    assert found.finished
    stages = {path.name: Run(path) for path in (found.path / "stages").iterdir()}
    assert stages["apprentice-16-8"].config["start_from"].endswith("/teacher-ppo")
    assert "apprentice-16-8-student" not in stages
    assert "imitations" not in [stage.name for stage in story_of(found.path).stages]


def test_where_evolution_keeps_up_with_teachers_what_is_left_is_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(entrants, "KEEPS_UP", 0.0)
    found = fit(TOY, out=tmp_path / "fit", **OPTIONS)
    names = [stage.name for stage in story_of(found.path).stages]
    assert names[:2] == ["evolvers", "teachers"]
    assert story_of(found.path).stages[1].title.endswith("evolution keeps up with them, and what is left is its own")
    assert all(name.startswith("rung") or name == "last meeting" for name in names[2:])
    runs = {path.name for path in (found.path / "stages").iterdir()}
    assert {name for name in runs if not name.startswith("latent")} == {"teacher", "linear"}
    _stopped_again_and_again(found, tmp_path / "pieces")


def test_enough_ends_it_before_apprentices_and_students(tmp_path, monkeypatch):
    small = {**ON_POLICY.options, "hidden": (16, 8), **SMALL_STEPS}
    monkeypatch.setattr(school, "TEACHERS", (replace(ON_POLICY, options=small, least_episodes=1),))
    options = {"max_bytes": 9000, "steps": "70k", "threads": 1, "max_episode_steps": 50}
    monkeypatch.setattr(race, "EVOLVERS", ())
    found = fit("CartPole-v1", stop_at=10, out=tmp_path / "fit", **options)
    assert found.finished
    assert {path.name for path in (found.path / "stages").iterdir()} == {"teacher-ppo"}


@pytest.mark.parametrize("search", ["apprentice-16-8-student", "apprentice-16-8", "-student", "-tuned"])
def test_who_learns_and_cannot_go_on_loses_nothing_but_that(tmp_path, monkeypatch, search):
    def failing(grant, *given):
        of_student = search.startswith("-") and grant.name.startswith("shared") and grant.name.endswith(search)
        if grant.name == search or of_student:
            raise CompactrlError("it has diverged")
        return advance(grant, *given)

    advance = crew.advance
    monkeypatch.setattr(crew, "advance", failing)
    with pytest.warns(UserWarning, match="is out of the race: it has diverged"):
        found = fit(TOY, out=tmp_path / "fit", **OPTIONS)
    assert found.finished
    names = {row["name"] for row in found.front["candidates"]}
    assert not any(name.endswith(("-student", "-tuned")) for name in names)
    assert ("apprentice-16-8" in names) == (search != "apprentice-16-8-student")
    assert any(name.startswith("shared-") for name in names) == (search != "-student")
    again = fit(TOY, out=tmp_path / "fit", **OPTIONS)
    assert again.front == found.front


def test_a_candidate_that_cannot_go_on_is_out_and_the_others_go_on(tmp_path, monkeypatch):
    wrong = Row("wrong", {"method": "chromatic", "population": 3, "steps": 10**9})  # mirrored pairs are even
    monkeypatch.setattr(race, "EVOLVERS", (wrong, EVOLVER))
    with pytest.warns(UserWarning, match="wrong is out of the race"):
        found = fit("CartPole-v1", max_bytes=2000, steps="20k", out=tmp_path / "fit", threads=1, max_episode_steps=50)
    assert [row["candidate"] for row in found.front["shipped"]] != ["wrong"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a fit needs --max-bytes"),
        ({"max_bytes": 0}, "--max-bytes 0: expected at least 1"),
        ({"max_bytes": "-5"}, "--max-bytes -5: expected at least 1"),
        ({"max_bytes": "1 furlong"}, "--max-bytes 1 furlong: expected a whole number of bytes"),
        ({"max_bytes": "256,"}, "--max-bytes 256,: expected sizes with commas between them"),
        ({"max_bytes": 64.5}, r"--max-bytes 64\.5: expected a whole number of bytes"),
        ({"max_bytes": 99, "stop_at": "high"}, "--stop-at high: expected a number"),
        ({"max_bytes": 99, "stop_at": float("nan")}, "--stop-at nan: expected a number"),
        ({"max_bytes": 3}, r"--max-bytes 3: no policy for compactrl/Target-v0 fits; the smallest possible takes \d+"),
        ({"max_bytes": 99, "time": "1h", "steps": 5}, "--time and --steps contradict each other"),
        ({"max_bytes": 99, "time": "soon"}, "--time soon: expected a time, such as 90s, 15min or 2h"),
        ({"max_bytes": 99, "time": 0}, "--time 0: expected at least 1 second"),
        ({"max_bytes": 99, "max_parameters": 9}, "--max-bytes and --max-parameters: a fit has one kind of budget"),
        ({"max_parameters": 1}, r"--max-parameters 1: no policy .* fits; the smallest possible takes \d+ parameters"),
        ({"max_bytes": 99, "target": "arduino"}, "--target arduino is for code: it goes with --max-flash or --max-i"),
        ({"max_flash": 4000, "target": "arduin"}, "unknown --target 'arduin'. Did you mean 'arduino'"),
        ({"max_bytes": 99, "steps": -1}, "--steps -1: expected at least 1"),
    ],
    ids=str,
)
def test_what_will_not_do_is_told_and_nothing_is_written(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        fit(TOY, out=tmp_path / "fit", **options)
    assert not (tmp_path / "fit").exists()


def test_an_environment_is_needed_and_a_folder_of_other_things_is_left_alone(tmp_path):
    with pytest.raises(InputError, match="a fit needs an environment"):
        fit(max_bytes=99)
    with pytest.raises(InputError, match="Did you mean 'CartPole-v1'"):
        fit("CartPol-v1", max_bytes=99, out=tmp_path / "fit")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no fit"):
        fit(TOY, max_bytes=99, steps=100, out=tmp_path)
    with pytest.raises(InputError, match=r"holds no fit: there is no fit\.json"):
        Fit(tmp_path)


def test_a_damaged_record_is_told(tmp_path, whole):
    copy = shutil.copytree(whole.path, tmp_path / "copy")
    (copy / "fit.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(CompactrlError, match="is not the record of a fit"):
        fit(TOY, out=copy, **OPTIONS)


def test_a_fit_ends_as_soon_as_what_fits_its_smallest_budget_is_good_enough(tmp_path):
    found = fit(TOY, out=tmp_path / "fit", **{**OPTIONS, "steps": "10M", "stop_at": -1e6})
    assert found.finished
    assert sum(1 for _ in (tmp_path / "fit/stages").iterdir()) == 1
    assert sum(Run(path).summary["env_steps"] for path in (tmp_path / "fit/stages").iterdir()) < 40_000
    assert set(found.runs) == {60, 120}


@pytest.mark.parametrize("wrong", [{"max_episode_steps": -3}, {"seed": -1}, {"threads": -2}])
def test_options_of_searches_are_checked_before_anything_is_begun(tmp_path, wrong):
    with pytest.raises(InputError, match=f"--{next(iter(wrong)).replace('_', '-')} {next(iter(wrong.values()))}"):
        fit(TOY, out=tmp_path / "fit", **{**OPTIONS, **wrong})
    assert not (tmp_path / "fit").exists()
