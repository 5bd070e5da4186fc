"""A run's directory: begun once, written by one search, readable after whatever happened to it."""

import errno
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from compactrl.errors import CompactrlError, DamagedFileError, InputError
from compactrl.methods.settings import resolve
from compactrl.policies.actions import ActionSpec
from compactrl.policies.files import load_policy, save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.checkpoints import KEPT_CHECKPOINTS
from compactrl.runs.run import Run
from compactrl.runs.writer import RunWriter
from compactrl.storage.files import save_state
from compactrl.types import Normalizer, Size

OPTIONS = resolve({"method": "linear", "env": "compactrl/Target-v0"}).flat()


@pytest.fixture
def writer(tmp_path):
    writer = RunWriter.create(tmp_path / "run", OPTIONS)
    yield writer
    writer.close()


def contents(path):
    return {place.relative_to(path): place.read_bytes() for place in path.rglob("*") if place.is_file()}


def test_a_new_run_knows_its_options_and_versions(writer):
    run = Run(writer.path)
    assert run.config == json.loads(json.dumps(OPTIONS))
    assert run.metrics == []
    assert {"python", "numpy", "mujoco", "envpool"} <= json.loads((writer.path / "versions.json").read_text()).keys()
    assert repr(run) == f"Run({str(writer.path)!r})"


@pytest.mark.parametrize(("env", "engine"), [("HalfCheetah-v5", "envpool"), ("compactrl/Target-v0", "auto")])
def test_a_record_without_an_engine_has_the_one_of_its_version(tmp_path, env, engine):
    options = {name: value for name, value in OPTIONS.items() if name != "engine"}
    RunWriter.create(tmp_path / "run", {**options, "env": env}).close()
    assert Run(tmp_path / "run").config["engine"] == engine


def test_folders_on_the_way_are_made(tmp_path):
    RunWriter.create(tmp_path / "a" / "b" / "run", OPTIONS).close()
    assert Run(tmp_path / "a" / "b" / "run").config


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "run").mkdir()
    RunWriter.create(tmp_path / "run", OPTIONS).close()


def test_a_run_is_not_begun_over_another(writer):
    before = contents(writer.path)
    with pytest.raises(InputError, match="already holds a run: `compactrl resume"):
        RunWriter.create(writer.path, OPTIONS)
    assert contents(writer.path) == before


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"not empty and holds no run: .* nothing there was touched"):
        RunWriter.create(tmp_path, OPTIONS)
    assert contents(tmp_path) == {(tmp_path / "thesis.txt").relative_to(tmp_path): b"years of work"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out .*file is a file: give a folder"):
        RunWriter.create(tmp_path / "file", OPTIONS)


@pytest.mark.parametrize("place", ["file/run", "/proc/run"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out: cannot write to .*run: .*\. Choose another place"):
        RunWriter.create(tmp_path / place, OPTIONS)


def test_two_searches_do_not_write_one_run(writer):
    with pytest.raises(InputError, match="is being written by another search"):
        RunWriter(writer.path)
    writer.close()
    RunWriter(writer.path).close()


@pytest.mark.parametrize("content", ["{}", "[]", '{"format": "other", "options": {}}', '{"format": "compactrl-run-1"}'])
def test_a_foreign_record_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DamagedFileError, match="not the record of a compactrl run"):
        Run(tmp_path)


def test_a_folder_without_a_run_says_so(tmp_path):
    for path, missing in ((tmp_path, r"config\.json"), (tmp_path / "nowhere", "such folder")):
        with pytest.raises(InputError, match=f"holds no run: there is no {missing}"):
            Run(path)


def test_metrics_are_lines_of_json_and_unknown_numbers_are_null(writer):
    writer.append_metrics({"iteration": 1, "return_mean": 2.5})
    writer.append_metrics({"iteration": 2, "return_mean": float("nan"), "other": float("-inf")})
    assert Run(writer.path).metrics == [
        {"iteration": 1, "return_mean": 2.5},
        {"iteration": 2, "return_mean": None, "other": None},
    ]


def test_a_line_cut_short_is_left_out_and_later_ones_are_dropped_for_a_resume(writer):
    for iteration in (1, 2, 3):
        writer.append_metrics({"iteration": iteration})
    with open(writer.path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 4, "ret')
    assert [record["iteration"] for record in Run(writer.path).metrics] == [1, 2, 3]
    writer.cut_metrics(2)
    assert (writer.path / "metrics.jsonl").read_text() == '{"iteration": 1}\n{"iteration": 2}\n'


def test_the_newest_checkpoints_are_kept_and_the_newest_is_loaded(writer):
    assert writer.load_checkpoint() is None
    for iteration in (1, 5, 9, 10, 100):
        writer.save_checkpoint(iteration, {"iteration": iteration, "theta": np.full(3, iteration)})
    kept = sorted(int(place.name) for place in (writer.path / "checkpoints").iterdir())
    assert len(kept) == KEPT_CHECKPOINTS == 3
    assert kept == [9, 10, 100]
    iteration, state = writer.load_checkpoint()
    assert iteration == state["iteration"] == 100
    np.testing.assert_array_equal(state["theta"], [100, 100, 100])


def test_a_checkpoint_may_be_written_again(writer):
    for theta in (1.0, 2.0):
        writer.save_checkpoint(7, {"theta": theta})
    assert writer.load_checkpoint() == (7, {"theta": 2.0})


def test_a_checkpoint_that_was_not_finished_is_not_seen(writer):
    writer.save_checkpoint(1, {"theta": 1.0})
    unfinished = writer.path / "checkpoints" / ".00000002"
    unfinished.mkdir()
    (unfinished / "state.safetensors").write_bytes(b"half")
    assert writer.load_checkpoint() == (1, {"theta": 1.0})
    writer.save_checkpoint(2, {"theta": 2.0})
    assert writer.load_checkpoint() == (2, {"theta": 2.0})


def spoil(place):
    content = (place / "state.safetensors").read_bytes()
    (place / "state.safetensors").write_bytes(content[:-3])


def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_warning(writer):
    for iteration in (1, 2, 3):
        writer.save_checkpoint(iteration, {"theta": np.full(2, iteration)})
    spoil(writer.path / "checkpoints" / "00000003")
    with pytest.warns(UserWarning, match=r"00000003.* going on from the one before, 00000002"):
        iteration, state = writer.load_checkpoint()
    assert iteration == 2
    np.testing.assert_array_equal(state["theta"], [2, 2])


def test_where_all_checkpoints_are_damaged_nothing_is_made_up(writer):
    for iteration in (1, 2):
        writer.save_checkpoint(iteration, {"theta": np.full(2, iteration)})
        spoil(writer.path / "checkpoints" / f"{iteration:08d}")
    with pytest.raises(DamagedFileError, match=r"no checkpoint of .* can be read"):
        writer.load_checkpoint()


def make_policy(action):
    generator = np.random.default_rng(0)
    normalizer = Normalizer(generator.standard_normal(5), generator.uniform(0.5, 2, 5))
    size = Size(weights=4, biases=7, parameters=11, compression=0.8, bits=123)
    design, weights, biases = np.arange(56) % 4, generator.standard_normal(4), generator.standard_normal(7)
    skeleton = Skeleton.tanh((5, 7, 3))
    return Policy(skeleton, weights, design, None, biases, normalizer, action, "Some-v0", "chromatic", size, design)


@pytest.mark.parametrize(
    "action",
    [
        ActionSpec("box", (-1.0, 0.1, -3.0), (1.0, 0.7, 1 / 3)),
        ActionSpec("box", (-np.inf,) * 3, (np.inf,) * 3),
        ActionSpec("discrete", choices=3, start=-1),
    ],
    ids=["bounded", "unbounded", "discrete"],
)
def test_a_saved_policy_acts_and_is_the_same(tmp_path, action):
    policy = make_policy(action)
    save_policy(tmp_path / "policy", policy)
    loaded = load_policy(tmp_path / "policy")
    observations = np.random.default_rng(1).standard_normal((50, 5))
    np.testing.assert_array_equal(loaded(observations), policy(observations))
    for mine, theirs in zip(loaded.layers, policy.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)
    assert loaded.layers[0].weight.dtype == np.float32
    assert loaded.layers[1].bias is None
    assert (loaded.action, loaded.size, loaded.env, loaded.method) == (action, policy.size, policy.env, policy.method)
    np.testing.assert_array_equal(loaded.design, policy.design)
    np.testing.assert_array_equal(loaded.theta, policy.theta)


def test_a_file_that_is_no_policy_is_refused(tmp_path):
    save_state(tmp_path / "policy", {"theta": np.zeros(3)})
    with pytest.raises(DamagedFileError, match="is not a policy"):
        load_policy(tmp_path / "policy")


def test_a_run_without_a_policy_says_how_to_get_one(writer):
    with pytest.raises(CompactrlError, match="has no policy yet: its search is running"):
        Run(writer.path).policy  # noqa: B018
    writer.close()
    with pytest.raises(CompactrlError, match=r"has no policy yet: .*`compactrl resume"):
        Run(writer.path).policy  # noqa: B018


def test_a_policy_is_not_run_in_an_environment_of_another_shape(writer):
    save_policy(writer.path / "policy", replace(make_policy(ActionSpec("box", (-1.0,) * 3, (1.0,) * 3))))
    with pytest.raises(InputError, match="has now 3 observations and 2 outputs; the policy was trained with 5 and 3"):
        Run(writer.path).evaluate(2)


def test_there_are_no_zero_episodes(writer):
    with pytest.raises(InputError, match="--episodes 0: expected at least 1"):
        Run(writer.path).evaluate(0)


def test_a_run_may_be_moved(writer, tmp_path):
    save_policy(writer.path / "policy", make_policy(ActionSpec("discrete", choices=3)))
    writer.close()
    shutil.move(writer.path, tmp_path / "elsewhere")
    assert Run(tmp_path / "elsewhere").policy.env == "Some-v0"


def test_a_full_disk_leaves_the_last_checkpoint_and_says_how_to_go_on(tmp_path, monkeypatch):
    writer = RunWriter.create(tmp_path / "run", OPTIONS)
    writer.save_checkpoint(1, {"array": np.arange(3.0)})

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(CompactrlError) as refused, writer.resumable():
            writer.save_checkpoint(2, {"array": np.arange(4.0)})
    checkpoints = tmp_path / "run" / "checkpoints"
    assert str(refused.value) == (
        f"cannot write to {checkpoints / '00000002'}: No space left on device. Make room on that disk. "
        f"What was saved last is good: then go on with `compactrl resume {tmp_path / 'run'}`"
    )
    assert [path.name for path in checkpoints.iterdir()] == ["00000001"]
    assert writer.load_checkpoint()[0] == 1
    writer.close()
