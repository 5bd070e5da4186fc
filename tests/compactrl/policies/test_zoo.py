"""The policies that ship: each opens as a run, does what its summary says, and is called by its name."""

import pytest

import compactrl
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import InputError
from compactrl.policies.zoo import FOLDER, PREFIX, bytes_of, names
from compactrl.runs.run import Run

QUICK = [name for name in names() if name.startswith("CartPole-v1")]
every_one = pytest.mark.parametrize("name", names())


def test_there_are_some():
    assert QUICK


@every_one
def test_it_takes_no_more_than_its_name_says_and_tells_no_place_of_another_machine(name):
    run = compactrl.load(PREFIX + name)
    env, _, size = name.rpartition("/")
    assert run.summary["bytes"] == stored_bytes(run.policy) <= bytes_of(size)
    assert run.policy.env == env == run.config["env"]
    assert "/" not in "".join(str(run.config.get(option, "")) for option in ("teacher", "start_from", "env_module"))
    assert run.summary["episodes"] == 100


@pytest.mark.parametrize("name", QUICK[:1])
def test_it_does_what_its_summary_says(name):
    run = Run(PREFIX + name)
    assert run.evaluate_for_summary(20, 1).mean_return == pytest.approx(run.summary["return_mean"], rel=0.05)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPol-v1/64B", "zoo:CartPol-v1/64B: no such policy ships. Did you mean 'zoo:CartPole-v1/"),
        ("CartPole-v1", "There are: CartPole-v1/"),
        ("../policies", "no such policy ships"),
    ],
)
def test_a_name_that_is_not_there_is_told(name, message):
    with pytest.raises(InputError, match="ships") as caught:
        compactrl.load(PREFIX + name)
    assert message in str(caught.value)


def test_its_policy_is_read_by_its_name():
    name = PREFIX + QUICK[0]
    assert compactrl.load_policy(name).size == Run(name).policy.size
    with pytest.raises(InputError, match=r"no such policy ships\. Did you mean"):
        compactrl.load_policy(name.replace("Pole", "Pol"))


def test_python_lists_what_the_command_line_does():
    listed = compactrl.zoo()
    assert [policy.name for policy in listed] == [PREFIX + name for name in names()]
    for policy in compactrl.zoo("CARTPOLE"):
        summary = Run(policy.name).summary
        assert (policy.bytes, policy.return_mean) == (summary["bytes"], summary["return_mean"])
    with pytest.raises(InputError, match="no policy that ships has 'nothing' in its name"):
        compactrl.zoo("nothing")


def test_its_search_does_not_go_on():
    with pytest.raises(InputError, match="ships in the package, where no search goes on: begin one from it"):
        compactrl.resume(PREFIX + QUICK[0])


def test_nothing_is_written_to_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(FOLDER.rglob("*"))
    played = compactrl.play(PREFIX + QUICK[0])
    assert played.path is None or played.path.resolve().parent == tmp_path
    assert sorted(FOLDER.rglob("*")) == before


def test_a_student_may_have_a_teacher_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"method": "shared", "start_from": PREFIX + QUICK[0], "partitions": 2, "steps": 5000, "threads": 1}
    run = compactrl.search(out="run", **options)
    assert run.config["start_from"] == PREFIX + QUICK[0]
    assert FOLDER.is_dir()
