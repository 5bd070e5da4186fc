"""Sizes in words: bits are the paper's, bytes are those of the tables, and one does not follow from the other."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from compactrl.cli.sentences import describe_play, describe_result, describe_sizes, next_commands
from compactrl.envs.registry import describe
from compactrl.reports.film import Played

SIZES = {"weights": 3, "biases": 4, "parameters": 7, "compression": 0.7, "bits": 264}


def test_bits_and_bytes_are_two_numbers():
    assert describe_sizes({**SIZES, "bytes": 45}) == (
        "3 weights + 4 biases = 7 parameters (70 % fewer than unstructured), 264 bits by the paper's formula; "
        "its tables take 45 bytes"
    )


class FakeRun:
    """As much of a run as a sentence needs."""

    def __init__(self, kind="box", method="linear", **summary):
        self.path, self.config = Path("runs/my run"), {"method": method, "steps": 20_000_000, "stop_at": 480.0}
        self.config["env"] = "Robot-v0"
        self.policy = SimpleNamespace(action=SimpleNamespace(kind=kind))
        self.summary = {
            **SIZES, "method": method, "env": "Robot-v0", "env_steps": 1234, "seconds": 5.0, "return_mean": 499.0,
            "return_std": 3.0, "episodes": 100, "failed": 0, **summary,
        }  # fmt: skip


BASELINES = {
    name: {"return_mean": mean, "return_std": 1.0, "episodes": 10} for name, mean in (("random", 22.4), ("zero", 9.3))
}


def test_a_result_stands_beside_what_it_is_to_be_held_against():
    text = describe_result(FakeRun("discrete", baselines=BASELINES, reward_threshold=475.0))
    assert (
        "to compare: random actions 22.4 (mean of 10 episodes); the first action always 9.30 (mean of 10 episodes); "
        "solved from 475 on, says the environment\n"
    ) in text
    assert "doing nothing 9.3" in describe_result(FakeRun(baselines=BASELINES, reward_threshold=None))


def test_a_summary_of_before_has_nothing_to_compare_with():
    assert "to compare: " not in describe_result(FakeRun())
    assert "to compare: " not in describe_result(FakeRun(baselines=None, reward_threshold=None))
    failed = {"random": {"return_mean": None, "return_std": None, "episodes": 0}}
    assert "to compare: " not in describe_result(FakeRun(baselines=failed, reward_threshold=None))


@pytest.mark.parametrize(
    ("why", "told", "goes_on"),
    [
        ("steps", "1,234 environment steps and 5 s;", "--steps 40e6 "),
        ("stop_at", "where the final policy had reached --stop-at 480;", "--stop-at none "),
        ("callback", "ended by the callback;", " # search on"),
    ],
)
def test_the_next_commands_can_be_copied(why, told, goes_on):
    text = describe_result(FakeRun(stopped_by=why), ".venv/bin/compactrl")
    assert told in text
    commands = [line for line in text.splitlines() if line.startswith("  ")]
    assert [shlex.split(line, comments=True)[:3] for line in commands] == [
        [".venv/bin/compactrl", command, "runs/my run"] for command in ("play", "report", "export", "resume")
    ]
    assert goes_on in commands[-1]
    for option, evaluated in (("widths", "--architectures all"), ("train_contexts", "--tasks all")):
        run = FakeRun()
        run.config[option] = [[4]]
        assert evaluated in describe_result(run)


@pytest.mark.parametrize(
    ("taken", "steps"), [(20_000_000, "40e6"), (21_000_000, "40e6"), (40_000_000, "60e6"), (78_096_000, "80e6")]
)
def test_a_search_goes_on_with_more_steps_than_it_has_taken(taken, steps):
    assert f"--steps {steps} " in describe_result(FakeRun(stopped_by="steps", env_steps=taken))


def test_what_has_no_camera_is_not_to_be_filmed():
    run = FakeRun()
    for env, filmed in (("compactrl/PointMass-v0", False), ("compactrl/Quadrotor-v0", True), ("Hopper-v5", True)):
        run.config["env"] = env
        describe(env)
        assert ("# film it" in describe_result(run)) == filmed
        assert (" play " in "".join(next_commands(Path("runs/fit"), env, "compactrl"))) == filmed


def test_a_summary_of_before_has_no_bytes_to_tell():
    assert describe_sizes(SIZES).endswith("264 bits by the paper's formula")


def test_a_film_is_told_of_beside_what_the_search_ended_with(tmp_path):
    summary = {"return_mean": 80.94, "return_std": None, "episodes": 100, "parameters": 52}
    policy = SimpleNamespace(size=SimpleNamespace(parameters=52))
    config = {"env": "Hopper-v5", "engine": "envpool"}
    run = SimpleNamespace(path=tmp_path, summary=summary, config=config, policy=policy)
    played = Played(Path("film.mp4"), np.array([92.61, 80.0]), [64, 50], "in real time")
    told = "return 92.6, 80.0 in 64, 50 steps, played in Gymnasium's Hopper-v5"
    assert describe_play(run, played) == f"film in film.mp4, in real time\n{told}"  # it has no summary yet
    (tmp_path / "summary.json").touch()
    ended = "; its search ended with 80.9 ± 0.0 over 100 episodes in envpool"
    assert describe_play(run, played) == f"film in film.mp4, in real time\n{told}{ended}"
    assert describe_play(run, played._replace(path=None)) == f"return 92.6, 80.0 in 64, 50 steps{ended}"
    summary["context"] = [1.5]
    assert describe_play(run, played._replace(context=np.array([1.5]))).endswith(ended)
    assert "ended" not in describe_play(run, played._replace(context=np.array([2.0])))  # that was in another task
    policy.size.parameters = 7
    assert "ended" not in describe_play(run, played)  # that was of another architecture
