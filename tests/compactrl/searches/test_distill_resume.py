"""A distillation is resumed with its own copy of the teacher, wherever the teacher's run is by then."""

import os
import shutil

import numpy as np
import pytest

from compactrl.errors import InputError
from compactrl.policies.files import load_policy
from compactrl.runs.run import TEACHER, Run
from compactrl.searches.api import finish, reopen, resume, search, start
from compactrl.storage.files import load_state

TOY = {"env": "compactrl/Target-v0", "threads": 1, "selections": 2, "selection_episodes": 2}
STUDENT = {
    **TOY,
    "method": "distill",
    "hidden": (4,),
    "steps": 1000,
    "iteration_steps": 160,
    "replay_size": 400,
    "batch_size": 16,
    "updates_per_step": 0.1,
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run to imitate; each test has a copy to move or delete."""
    path = tmp_path_factory.mktemp("original") / "run"
    search(out=path, method="linear", population=8, steps=1200, **TOY)
    return path


@pytest.fixture
def teacher(tmp_path, original):
    return shutil.copytree(original, tmp_path / "teacher")


def interrupted(path, teacher):
    """A distillation that ended after two iterations."""
    running = start({**STUDENT, "teacher": str(teacher)}, path)
    finish(running, should_stop=lambda: running.iteration == 2)
    return path


def without_seconds(record):
    return {key: value for key, value in record.items() if not key.startswith("seconds")}


def assert_same_run(one, other):
    assert [without_seconds(record) for record in one.metrics] == [without_seconds(record) for record in other.metrics]
    assert without_seconds(one.summary) == without_seconds(other.summary)
    for name in ("policy.safetensors", "policy.json"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_the_run_has_the_teachers_policy(tmp_path, teacher):
    run = search(out=tmp_path / "student", teacher=str(teacher), **STUDENT)
    observations = np.random.default_rng(0).standard_normal((20, 3))
    copy = load_policy(run.path / TEACHER)
    np.testing.assert_array_equal(copy(observations), Run(teacher).policy(observations))
    assert str(teacher) == run.config["teacher"]


@pytest.mark.parametrize("fate", ["moved", "deleted", "replaced"])
def test_a_distillation_resumes_bit_for_bit_whatever_became_of_its_teacher(tmp_path, teacher, fate):
    whole = search(out=tmp_path / "whole", teacher=str(teacher), **STUDENT)
    assert len(whole.metrics) > 4
    path = interrupted(tmp_path / "pieces", teacher)
    if fate == "moved":
        shutil.move(teacher, tmp_path / "elsewhere")
    else:
        shutil.rmtree(teacher)
    if fate == "replaced":
        search(out=teacher, method="linear", population=8, steps=600, **{**TOY, "seed": 9})
    assert_same_run(resume(path), whole)


def delete_copy(path):
    """Make a run as earlier versions wrote it: without a copy of its teacher."""
    for file in path.glob(f"{TEACHER}.*"):
        file.unlink()


def test_an_earlier_run_without_a_copy_resumes_bit_for_bit_while_its_teacher_is_there(tmp_path, teacher):
    whole = search(out=tmp_path / "whole", teacher=str(teacher), **STUDENT)
    path = interrupted(tmp_path / "pieces", teacher)
    delete_copy(path)
    assert_same_run(resume(path), whole)


def test_an_earlier_run_without_a_copy_says_which_teacher_is_missing(tmp_path, teacher):
    path = interrupted(tmp_path / "pieces", teacher)
    delete_copy(path)
    shutil.rmtree(teacher)
    with pytest.raises(InputError, match=f"{teacher} holds no run"):
        reopen(path)
    assert load_state(path / "checkpoints" / "00000002" / "state")["iteration"] == 2


def test_a_student_learns_where_its_teacher_did_unless_told_otherwise(tmp_path):
    made = {"env": "compactrl/Faulty-v0", "env_options": {"fault": "none"}, "max_episode_steps": 12}
    teacher = start({**TOY, **made, "method": "linear", "population": 8, "steps": 400}, tmp_path / "teacher")
    finish(teacher)
    student = {name: value for name, value in STUDENT.items() if name != "env"} | {"teacher": str(tmp_path / "teacher")}

    def environment_of(**more):
        search = start({**student, **more}, tmp_path / f"student-{len(list(tmp_path.iterdir()))}")
        search.close()
        return {name: search.settings.flat()[name] for name in made}

    assert environment_of() == environment_of(env=made["env"]) == made
    assert environment_of(max_episode_steps=7) == {**made, "max_episode_steps": 7}
    target = {"env": "compactrl/Target-v0", "env_options": {}, "max_episode_steps": 20}
    assert environment_of(env="compactrl/Target-v0") == target
    with pytest.raises(InputError, match=r"PointMass-v0 has 4 and 2. Leave --env out"):
        environment_of(env="compactrl/PointMass-v0")
    with pytest.raises(InputError, match="nowhere holds no run"):
        environment_of(teacher=str(tmp_path / "nowhere"))
