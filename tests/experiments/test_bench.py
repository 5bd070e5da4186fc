"""The benchmark compares like with like: recordings replay to the same episodes, in EnvPool and in mujoco.rollout."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # experiments is no installed package

from compactrl.envs.registry import describe
from experiments.bench import mujoco_engine, report
from experiments.bench.openloop import OpenLoop
from experiments.bench.recording import RecordingEngine, record, repeat_commands
from experiments.bench.throughput import evaluator, layouts, untrained

EPISODES = 12


@pytest.fixture(scope="module", params=["Hopper-v5", "HalfCheetah-v5"])
def recording(request):
    spec = describe(request.param, "envpool", max_episode_steps=30)
    made = evaluator(spec, EPISODES, threads=1, blocks=2)
    outcomes, recorders = record(made, untrained(spec, EPISODES))
    made.close()
    return spec, outcomes, recorders


def episodes_of(recorders):
    return [episode for recorder in recorders for episode in recorder.episodes()]


def test_recorded_episodes_are_those_that_the_evaluator_counted(recording):
    _, outcomes, recorders = recording
    episodes = episodes_of(recorders)
    assert [len(episode.actions) for episode in episodes] == outcomes.steps.tolist()
    assert all(len(episode.observations) == len(episode.actions) + 1 for episode in episodes)


def test_rollout_reproduces_envpool_observations(recording):
    spec, outcomes, recorders = recording
    replay = OpenLoop(spec.id, episodes_of(recorders), threads=1)
    assert replay.steps == outcomes.steps.sum()
    assert replay.difference(5) < 1e-11
    assert replay.difference(1) < 1e-13


def test_replay_covers_every_step_once_grouped_by_length(recording):
    spec, outcomes, recorders = recording
    replay = OpenLoop(spec.id, episodes_of(recorders), threads=2)
    for cut in (replay._groups, replay._pieces):
        covered = sorted(controls.shape[1] for starts, controls in cut for _ in starts)
        assert covered == sorted((outcomes.steps * replay.frame_skip).tolist())
    assert replay.pool() > 0
    assert replay.queue() > 0


def test_repeated_commands_give_the_same_answers(recording):
    spec, _, recorders = recording
    made = evaluator(spec, EPISODES, threads=1, blocks=2)
    again = [RecordingEngine(block.engine) for block in made._blocks]
    repeat_commands(again, [recorder.commands for recorder in recorders])
    made.close()
    for one, other in zip(recorders, again, strict=True):
        for expected, answer in zip(one.answers, other.answers, strict=True):
            np.testing.assert_array_equal(answer.observation, expected.observation)
            np.testing.assert_array_equal(answer.done, expected.done)


def test_layouts_name_blocks_and_threads():
    assert layouts("", 2) == {"compactrl": (None, 2)}
    assert list(layouts("1,3x2", 4).values()) == [(None, 4), (1, 4), (3, 2)]


def test_ratio_pairs_repetitions():
    assert report.ratio([1.0, 10.0, 2.0], [2.0, 20.0, 8.0]) == 0.5


def test_timing_gives_medians():
    row = report.timing([2.0, 1.0, 4.0], steps=100)
    assert (row["median_seconds"], row["median_steps_per_second"]) == (2.0, 50.0)


def test_results_are_written_with_command_and_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench", "throughput", "--env", "Hopper-v5"])
    path = report.write("throughput", {"results": [1]}, tmp_path / "new")
    written = json.loads(path.read_text())
    assert path.name == "bench-throughput.json"
    assert written["command"] == "python -m experiments.bench throughput --env Hopper-v5"
    assert written["results"] == [1]
    assert {"python", "mujoco", "envpool"} <= written["versions"].keys()


def test_table_shows_every_cell(capsys):
    report.show("speed", ["system", "seconds"], [["rollout", 1.23456], ["EnvPool", 12345.6], ["none", None]], "note")
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("speed", "rollout", "1.23", "12,346", "none", "note"))


def test_the_engine_mujoco_is_measured_on_its_own_episodes():
    spec = describe("Hopper-v5", "mujoco")
    found = mujoco_engine.measure("Hopper-v5", untrained(spec, 6), threads=1, repeats=1)
    assert found["largest_difference"] < 1e-11
    rows = found["systems"]
    assert set(rows) == {"rollout, pool", "rollout, queue", mujoco_engine.ENGINE}
    assert len({row["steps"] for row in rows.values()}) == 1
    assert rows[mujoco_engine.ENGINE]["rollout_by_system"] > 0


def test_a_task_of_ones_own_has_the_built_in_ones_episodes():
    built_in = describe("HalfCheetah-v5", "mujoco", 10)
    with mujoco_engine.own_task() as own:
        trials, outcomes = untrained(built_in, 4), []
        for spec in (built_in, replace(own, max_episode_steps=10)):
            made = mujoco_engine.evaluator(spec, 4, 1)
            outcomes.append(made.evaluate(trials))
            made.close()
    np.testing.assert_allclose(outcomes[0].returns, outcomes[1].returns, rtol=1e-12)
