"""The command line: one clear line on standard error and the right exit status, whatever is wrong."""

import json
import pickle
import shutil
import signal
import sys
import time
import warnings

import numpy as np
import pytest

from compactrl.cli import app as cli
from compactrl.errors import CompactrlError
from compactrl.runs.events import EVENTS
from compactrl.runs.run import Run
from compactrl.searches import api
from compactrl.searches import search as loop

TINY = ["--env", "compactrl/Target-v0", "--population", "8", "--steps", "1200", "--hidden", "4", "--threads", "1"]
TINY += ["--reevaluations", "2", "--reevaluation-episodes", "2", "--checkpoint-seconds", "0"]
CHROMATIC = [*TINY, "--partitions", "3"]
ANY_BUDGET = ["--steps", "2400"]


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder; returns exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda _: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    show = warnings.showwarning

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compactrl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    yield run
    warnings.showwarning = show
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(call, tmp_path):
    """A finished run."""
    assert call("search", *CHROMATIC, "--quiet", "--out", "run")[0] == 0
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--method", "chromatik"], "Did you mean 'chromatic'?"),
        (["--env", "HalfCheeta-v5"], "Did you mean 'HalfCheetah-v5'"),
        (["--env-module", "no_such_module"], "--env-module no_such_module: No module named"),
        (["--env-options", "{bad"], "--env-options {bad: not a JSON object"),
        (["--env-options", '{"fault": 1}'], "unexpected keyword argument 'fault'"),
        (["--env", "Pendulum-v1", "--env-options", '{"batch_size": 1}'], "'batch_size' is compactrl's own to set"),
        (["--partions", "3"], "unknown option --partions. Did you mean '--partitions'"),
        (["--partitions", "21"], "--partitions 21: expected between 1 and the number of the network's edges, 20"),
        (["--partitions", "0"], "--partitions 0: expected between 1"),
        (["--steps", "0"], "--steps 0: "),
        (["--population", "7"], "even population"),
        (["--population", "1"], "--population 1: "),
        (["--hidden", "0"], "--hidden 0: expected whole numbers from 1"),
        (["--hidden", "abc"], "--hidden abc: "),
        (["--fine-tune-share", "1"], "--fine-tune-share 1: expected a number, at least 0 and below 1"),
        (["--alive-bonus", "nan"], "--alive-bonus nan: "),
        (["--learning-rate", "inf"], "--learning-rate inf: "),
        (["--kept-weights", "9"], "--kept-weights belongs to --method masked"),
        (["--out", "/proc/nowhere"], "cannot write to /proc/nowhere"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_begun(call, tmp_path, given, expected):
    status, out, error = call("search", *CHROMATIC, "--out", "run", *given)
    assert (status, out) == (2, "")
    assert error.startswith("error: ")
    assert expected in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_search_says_what_it_found_and_what_to_do_next(call, tmp_path):
    status, out, error = call("search", *CHROMATIC, "--out", "run")
    assert status == 0
    assert "3 weights + 4 biases = 7 parameters" in out
    assert "over 100 fresh episodes, without noise)" in out
    assert "to compare: random actions -" in out
    assert "compactrl play run " in out
    assert "compactrl resume run --steps 2400 " in out
    assert "run in run" in error
    assert Run(tmp_path / "run").summary["finished"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["search", *CHROMATIC, "--out", "run"], "already holds a run: `compactrl resume run`"),
        (["resume", "run"], "has spent its budget of 1200 environment steps: give more with --steps"),
        (["evaluate", "run", "--episodes", "0"], "--episodes 0: expected a whole number, at least 1"),
        (["evaluate", "run/policy.json"], "holds no run"),
        (["resume", "nowhere"], "nowhere holds no run: there is no such folder"),
        (["search", *CHROMATIC, "--hidden", "999999999999"], "--hidden 999999999999: "),
    ],
)
def test_a_run_is_not_touched_by_what_cannot_be_done(call, run, command, expected):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    status, out, error = call(*command)
    assert (status, out) == (2, "")
    assert expected in error
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def as_pickle(path):
    path.write_bytes(pickle.dumps({"state": np.arange(300)}))


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "checkpoints/*/state.json"])
def test_a_pickle_is_no_run_file_and_resume_says_so(call, run, name):
    for path in run.glob(name):
        as_pickle(path)
    status, _, error = call("resume", run, *ANY_BUDGET)
    assert status == 1
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert name.rsplit("/", 1)[-1] in error


@pytest.mark.parametrize("name", ["config.json", "summary.json", "policy.json", "policy.safetensors"])
def test_a_pickle_is_no_run_file_and_evaluate_says_so(call, run, name):
    as_pickle(run / name)
    status, out, error = call("evaluate", run, "--episodes", 1)
    assert (status, out) == (1, "")
    assert name in error


def test_the_checkpoint_of_another_search_is_refused_by_the_option_that_differs(call, run):
    assert call("search", *CHROMATIC, "--partitions", 5, "--quiet", "--out", "other")[0] == 0
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(run.parent / "other" / "checkpoints", run / "checkpoints")
    status, _, error = call("resume", run, *ANY_BUDGET)
    assert status == 1
    assert "is the checkpoint of another search" in error
    assert "partitions is 5 there and 3 here" in error


def test_a_checkpoint_that_does_not_fit_for_another_reason_is_refused(call, run, monkeypatch):
    def fail(*_):
        raise KeyError("distribution")

    monkeypatch.setattr(loop.Search, "load_state_dict", fail)
    status, _, error = call("resume", run, *ANY_BUDGET)
    assert status == 1
    assert "does not fit this search" in error
    monkeypatch.undo()
    api.reopen(run, 2400).close()  # the lock was given back


def test_a_kill_in_the_final_evaluation_loses_only_that(call, tmp_path, monkeypatch):
    assert call("search", *CHROMATIC, "--quiet", "--out", "whole")[0] == 0

    def killed(*_):
        raise CompactrlError("as by kill -9")

    with monkeypatch.context() as patched:
        patched.setattr(Run, "evaluate_for_summary", killed)
        assert call("search", *CHROMATIC, "--quiet", "--out", "run")[0] == 1
    assert not Run(tmp_path / "run").summary["finished"]
    (tmp_path / "run" / "summary.json").unlink()  # or right before it was written
    status, out, _ = call("resume", "run")
    assert status == 0
    assert "over 100 fresh episodes" in out
    resumed, expected = (Run(tmp_path / name).summary for name in ("run", "whole"))
    assert {**resumed, "seconds": 0} == {**expected, "seconds": 0}
    assert call("resume", "run")[0] == 2


def test_a_larger_budget_is_re_evaluated_on_its_way(call, run):
    """The shares of the budget at which this happens are those of the larger one."""
    assert call("resume", run, "--steps", 6000, "--quiet")[0] == 0
    chosen = [record["env_steps"] for record in Run(run).metrics if "policy_return_mean" in record]
    assert any(2000 < steps < 5000 for steps in chosen)


def test_the_record_of_a_run_leaves_nothing_to_later_defaults(run):
    config = Run(run).config
    expected = {"engine": "gymnasium", "max_episode_steps": 20, "num_envs": 8, "alive_bonus": 0.0}
    assert {option: config[option] for option in expected} == expected


def test_failed_episodes_are_told(call, tmp_path):
    faulty = ["--env", "compactrl/Faulty-v0", "--env-options", '{"fault": "nan", "chance": 0.3}']
    status, out, error = call("search", *CHROMATIC, *faulty, "--max-episode-steps", 100, "--out", "run")
    assert status == 0
    assert "more failed and are left out" in out
    assert "evaluations failed and are left out: the environment returned NaN" in error
    assert error.count("warning: ") == 1
    summary = Run(tmp_path / "run").summary
    assert summary["episodes"] + summary["failed"] == 100


def test_where_everything_fails_it_says_why_and_what_to_do(call):
    status, out, error = call("search", *CHROMATIC, "--env", "compactrl/Faulty-v0", "--quiet", "--out", "run")
    assert (status, out) == (1, "")
    assert "RuntimeError: the toy failed on purpose after 5 steps" in error
    assert "then go on with: compactrl resume run" in error


@pytest.mark.usefixtures("call")
def test_debug_shows_where(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compactrl", "--debug", "resume", "nowhere"])
    with pytest.raises(CompactrlError):
        cli.main()


def test_a_signal_ends_the_search_saved(call, monkeypatch):
    notes = []

    def note(_, record, __):
        notes.append(record["iteration"])
        if len(notes) == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("compactrl.searches.progress.SearchProgress.note", note)
    status, out, error = call("search", *CHROMATIC, "--out", "run")
    assert (status, out) == (128 + signal.SIGTERM, "")
    assert "saved; go on with: compactrl resume run" in error
    assert notes == [1, 2, 3]
    assert call("resume", "run")[0] == 0


MODULE = """
import gymnasium
gymnasium.register("Mine-v0", "parts_of_mine:Mine", max_episode_steps=7)
"""
PARTS = "from compactrl.envs.toy import Target as Mine"


def test_an_environment_of_ones_own_may_be_in_several_files_and_be_missing_later(call, tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "parts_of_mine.py").write_text(PARTS)
    mine = ["--env", "Mine-v0", "--env-module", "mine"]
    assert call("search", *CHROMATIC, *mine, "--quiet", "--out", "own")[0] == 0
    (tmp_path / "mine.py").unlink()
    sys.modules.pop("mine")
    for command in ("evaluate", "resume"):
        status, _, error = call(command, "own")
        assert status == 2
        assert "--env-module mine: No module named 'mine'" in error


def test_a_limit_of_steps_among_the_options_of_the_environment_counts(call, tmp_path):
    limited = ["--env-options", '{"max_episode_steps": 5}']
    assert call("search", *CHROMATIC, *limited, "--quiet", "--out", "run")[0] == 0
    assert Run(tmp_path / "run").metrics[0]["episode_steps"] == 5


def test_asked_twice_it_stops_at_once(call, tmp_path, monkeypatch):
    def note(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("compactrl.searches.progress.SearchProgress.note", note)
    monkeypatch.setattr("os._exit", sys.exit)
    status, out, error = call("search", *CHROMATIC, "--out", "run")
    assert (status, out) == (128 + signal.SIGINT, "")
    assert "stopped; what was saved last is good" in error
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert call("resume", "run")[0] == 0


def test_the_toys_are_listed(call):
    status, out, _ = call("envs", "compactrl/")
    assert status == 0
    assert "compactrl/Target-v0\tgymnasium\t3\t2\t20" in out


def test_listings_are_json_for_programs(call):
    assert [row["id"] for row in json.loads(call("envs", "Target", "--json")[1])] == ["compactrl/Target-v0"]
    assert "chromatic" in [row["method"] for row in json.loads(call("methods", "--json")[1])]


def events(path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(path))
    accumulator.Reload()
    return accumulator


def test_tensorboard_shows_every_iteration_once_after_a_resume(call, tmp_path, monkeypatch):
    saved = loop.Search.save

    def save_only_once(self):
        if self.iteration <= 2:
            saved(self)
        if self.iteration == 5:  # as by kill -9: three iterations after the last checkpoint
            raise CompactrlError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(loop.Search, "save", save_only_once)
        assert call("search", *CHROMATIC, "--quiet", "--out", "run")[0] == 1
    assert len(Run(tmp_path / "run").metrics) == 5
    time.sleep(0.01)
    assert call("resume", "run", "--quiet")[0] == 0
    run = Run(tmp_path / "run")
    assert len(list(run.path.glob(EVENTS + "*"))) == 2
    shown = events(run.path).Scalars("return_mean")
    assert [event.step for event in shown] == [record["env_steps"] for record in run.metrics]
    np.testing.assert_allclose([event.value for event in shown], [record["return_mean"] for record in run.metrics])


GHP = ["--method", "ghp", "--env", "compactrl/Target-v0", "--widths", "4,8", "--max-layers", "2", "--rank", "4"]
GHP += [
    "--graph-size",
    "8",
    "--steps",
    "400",
    "--learning-starts",
    "100",
    "--iteration-steps",
    "100",
    "--batch-size",
    "16",
]
GHP += ["--critic-hidden", "8", "--reevaluation-episodes", "2", "--threads", "1"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--widths", "0"], "--widths 0: expected whole numbers from 1"),
        (["--widths", "4,x"], "--widths 4,x: "),
        (["--widths", "4,4"], "a width is given twice"),
        (["--max-layers", "0"], "--max-layers 0: expected a whole number, at least 1 and at most 8"),
        (["--meta-batch", "9", "--num-envs", "8"], "--meta-batch 9 is more than the 8 lanes"),
        (["--meta-batch", "32"], "--meta-batch 32 is more than --batch-size 16"),
        (["--env", "CartPole-v1"], "CartPole-v1 has discrete actions"),
        (
            ["--hindsight", "0.8"],
            "--hindsight 0.8: it is for environments with goals, and compactrl/Target-v0 has none",
        ),
        (["--sampling", "sideways"], "unknown --controller 'sideways'"),
        (["--learner", "evolution"], "--learner evolution is for --method chromatic"),
        (["--device", "tpu"], "--device tpu: expected auto, cpu or cuda"),
        (["--decoder", "sparse"], "--decoder sparse: expected bilinear or dense"),
        (["--buffer-size", "15"], "--buffer-size 15 is less than --batch-size 16: nothing would ever be learned"),
        (["--learning-starts", "401"], "--steps 400: learning begins after 401 steps (--learning-starts 401"),
        (["--exploration-noise", "0.1"], "--exploration-noise belongs to --method td3 or ddpg, --learner td3 or ddpg"),
        (["--hidden", "8"], "--hidden is not for --method ghp"),
        (["--population", "8"], "--population belongs to --method chromatic"),
        (["--method", "distill"], "--widths belongs to --method ghp"),
    ],
)
def test_bad_input_of_gradient_methods_is_one_line_and_nothing_is_begun(call, tmp_path, given, expected):
    status, out, error = call("search", *GHP, "--out", "run", *given)
    assert (status, out) == (2, "")
    assert error.startswith("error: ")
    assert expected in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_options_of_the_learner_for_goals_are_taken_where_there_are_goals(call, tmp_path):
    goals = ["--env", "compactrl/BitFlip-v0", "--env-options", '{"bits": 3}', "--exploration-noise", "0.15"]
    assert call("search", *GHP, *goals, "--quiet", "--out", "run")[0] == 0
    config = Run(tmp_path / "run").config
    assert (config["learner"], config["exploration_noise"]) == ("ddpg", 0.15)
    error = call("search", *GHP, *goals, "--learner", "sac", "--out", "other")[2]
    assert "this search is --method ghp --controller depth-uniform --learner sac" in error


def test_a_search_that_diverges_says_what_was_nan_and_nothing_else(call, tmp_path):
    status, _, error = call("search", *GHP, "--actor-learning-rate", "1e30", "--quiet", "--out", "run")
    assert status == 1
    assert error.startswith("error: critic_loss has become NaN or infinite")
    assert error.count("\n") == 1
    assert all(np.isfinite(record.get("critic_loss", 0.0)) for record in Run(tmp_path / "run").metrics)


def test_a_student_needs_a_teacher_of_the_same_sizes(call, run):
    assert "--method distill needs a --teacher" in call("search", "--method", "distill", "--out", "student")[2]
    other = ["--method", "distill", "--env", "Pendulum-v1", "--out", "student"]
    assert "nowhere holds no run" in call("search", *other, "--teacher", "nowhere")[2]
    assert (
        "is a policy for compactrl/Target-v0, with 3 observations and 2 actions"
        in call("search", *other, "--teacher", run)[2]
    )
    assert not (run.parent / "student").exists()


def test_architectures_are_evaluated_and_one_is_selected(call, tmp_path):
    assert call("search", *GHP, "--quiet", "--out", "run")[0] == 0
    status, _, error = call("select", "run", "--max-parameters", "100")
    assert status == 2
    assert "first `compactrl evaluate run --architectures all`" in error
    status, out, _ = call("evaluate", "run", "--architectures", "all", "--episodes", "2")
    assert status == 0
    assert "6 architectures, 26 to 122 parameters" in out
    assert "80% from minimum to maximum" in out
    table = json.loads(call("evaluate", "run", "--architectures", "all", "--episodes", "2", "--json")[1])
    assert table["architectures"][0]["parameters"] == 26
    assert {"widths", "parameters", "memory_dimension", "return_mean"} <= table["architectures"][0].keys()
    status, out, _ = call("select", "run", "--max-bytes", "200")
    assert status == 0
    assert "the highest mean return of the 3 that fit, over 2 episodes" in out
    assert Run(tmp_path / "run").policy.size.parameters <= 50
    chosen = json.loads(call("select", "run", "--max-parameters", "60", "--by", "size", "--json")[1])
    assert (chosen["widths"], chosen["bytes"]) == ([8], 4 * 50)
    status, out, _ = call("evaluate", "run")
    assert "40 weights + 10 biases = 50 parameters" in out


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ["select", "run", "--max-parameters", "5", "--max-bytes", "5"],
            "give one of --max-parameters and --max-bytes",
        ),
        (["select", "run"], "give one of --max-parameters and --max-bytes"),
        (["select", "run", "--max-parameters", "many"], "--max-parameters many: expected a whole number"),
        (["select", "run", "--max-parameters", "50"], "is a run of --method chromatic, with one architecture"),
        (["evaluate", "run", "--architectures", "all"], "is a run of --method chromatic, with one architecture"),
        (["evaluate", "run", "--architectures", "some"], "--architectures 'some': expected all"),
        (["evaluate", "run", "--architectures", ""], "--architectures '': expected all"),
    ],
)
def test_what_is_not_for_this_run_is_told(call, run, command, expected):  # noqa: ARG001  (the run is there)
    status, out, error = call(*command)
    assert (status, out) == (2, "")
    assert expected in error


BOTH = [
    "--method", "hyperppo-tasks", "--tasks", "HiddenPointMass", "--widths", "4,8", "--max-layers", "2", "--rank", "4",
    "--graph-size", "8", "--meta-batch", "4", "--num-envs", "8", "--n-steps", "20", "--batch-size", "40", "--n-epochs",
    "1", "--critic-hidden", "8", "--steps", "800", "--reevaluation-episodes", "2", "--threads", "1",
]  # fmt: skip


def test_an_architecture_is_selected_for_a_task(call, tmp_path):
    status, out, _ = call("search", *BOTH, "--out", "run")
    assert status == 0
    assert "evaluate run --architectures all" in out
    assert "evaluate run --tasks all" in out
    status, out, _ = call("evaluate", "run", "--architectures", "all", "--episodes", "2")
    assert (status, "in the task x -1, the one in the middle (--context has others)" in out) == (0, True)
    status, _, error = call("select", "run", "--max-bytes", "512", "--context", "0.5")
    assert (status, "first `compactrl evaluate run --architectures all --context 0.5`" in error) == (2, True)
    status, out, _ = call("evaluate", "run", "--architectures", "all", "--context", "0.5", "--episodes", "2")
    assert "6 architectures in the task x 0.5, 30 to 130 parameters" in out
    assert "next: compactrl select run --max-parameters COUNT --context 0.5" in out
    status, out, _ = call("select", "run", "--max-bytes", "512", "--context", "0.5")
    assert (status, "in the task x 0.5\n" in out) == (0, True)
    assert Run(tmp_path / "run").policy.context.tolist() == [0.5]
    assert call("evaluate", "run", "--architecture", "8", "--context", "1", "--episodes", "2")[0] == 0
    status, out, _ = call("evaluate", "run", "--tasks", "test", "--architecture", "8,4", "--episodes", "2")
    assert (status, out.startswith("[8, 4] hyperppo-tasks policies")) == (0, True)
    assert "tasks-8-4.json" in out
    for command, expected in (
        (["evaluate", "--architectures", "all", "--context", "2"], "--context 2: x 2 is outside of -1 … 1"),
        (["evaluate", "--architectures", "all", "--extrapolate"], "--extrapolate is for --context: give one"),
        (["evaluate", "--architectures", "all", "--architecture", "4"], "leave it out with --architectures"),
        (["evaluate", "--tasks", "all", "--context", "1"], "leave it out with --tasks"),
        (["select", "--max-bytes", "512", "--extrapolate"], "--extrapolate is for --context: give one"),
    ):
        name, *options = command
        status, out, error = call(name, "run", *options)
        assert (status, out, len(error.splitlines())) == (2, "", 1)
        assert expected in error


def test_a_policy_that_adapts_says_to_what_and_by_how_much(call):
    small = (
        "--hidden 8 --num-envs 8 --n-steps 20 --meta-batch 2 --batch-size 80 --critic-hidden 8 --n-epochs 1 "
        "--steps 640 --adaptation-episodes 3 --reevaluation-episodes 2 --threads 1"
    )
    search = ["search", "--method", "maml", "--tasks", "HiddenPointMass", *small.split(), "--out", "run"]
    status, _, error = call(*search)
    assert status == 0, error
    status, out, error = call("evaluate", "run", "--context", "1", "--episodes", "2", "--json")
    assert (status, json.loads(out)["context"]) == (0, [1.0])
    assert "the policy has adapted to 1 by 3 episodes in that task" in error
