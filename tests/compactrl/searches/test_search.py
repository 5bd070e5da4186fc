"""The loop, on a toy: what it records, that it goes on where it was, and how it fails.

That searches learn is in `test_learning_by_evolution.py`.
"""

import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from compactrl.compressions import COMPRESSIONS, Hypernet, MultiTask
from compactrl.errors import CompactrlError, InputError
from compactrl.learners.evolution import mean_by_group
from compactrl.methods.rows import METHODS
from compactrl.runs.history import load_trace
from compactrl.runs.run import Run
from compactrl.searches import api
from compactrl.searches.api import finish, reopen, resume, search, start
from compactrl.searches.prepare import prepare
from compactrl.searches.shipping import LEADERS
from es import STRATEGIES

COMBINATIONS = [(name, choice) for name, method in METHODS.items() for choice in method.choices]
every_combination = pytest.mark.parametrize(
    ("method", "controller"),
    # One process has both tests of a combination: they look at the same search.
    [pytest.param(*each, marks=pytest.mark.xdist_group("-".join(each))) for each in COMBINATIONS],
)
FAMILIES = {
    ("chromatic", "latent"): "theta decides the design, which settles",
    ("chromatic", "pointer"): "a controller that learns, by torch",
    ("masked", "none"): "theta holds scores beside the weights",
    ("ghp", "depth-uniform"): "one network for many architectures, by gradients",
    ("sac", "none"): "a plain network by gradients",
    ("hyperppo", "depth-uniform"): "the same on policy, with scales, deviations and a value function",
    ("hyper-tasks", "uniform"): "one network for many tasks, which the lanes take turns in",
    ("hyperppo-tasks", "depth-uniform"): "one network for architectures and tasks, and a controller of each",
    ("pearl", "uniform"): "policies, critics and encoder of latents, and a replay buffer of many tasks",
}
"""Combinations that differ in what a checkpoint holds: these are interrupted after every generation, others once."""

TINY = {
    "env": "compactrl/Target-v0",
    "population": 8,
    "steps": 2400,  # 15 generations of 8 episodes of 20 steps, less the re-evaluations
    "selections": 3,
    "selection_episodes": 2,
    "threads": 1,
    "seed": 3,
}
METRICS = {
    "iteration", "env_steps", "seconds", "return_mean", "return_max", "failed",
    "seconds_evaluate", "seconds_controller", "seconds_strategy",
}  # fmt: skip
SUMMARY = {
    "method", "env", "seed", "env_steps", "seconds", "weights", "biases", "parameters", "compression", "bits",
    "return_mean", "return_std", "episodes",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _light(monkeypatch):
    """No waiting for the disk, and a fifth of the episodes at the end."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(api, "FINAL_EPISODES", 20)


@functools.cache
def source_of_colorings():
    """A run to take colourings from, made once."""
    path = Path(tempfile.mkdtemp()) / "source"
    search(out=path, **options_of("chromatic", "random", seed=9))
    return str(path)


GRADIENT = {
    "steps": 1800,
    "selections": 2,
    "iteration_steps": 160,
    "replay_size": 700,  # overwritten twice
    "batch_size": 16,
    "updates_per_step": 0.1,
}
OFF_POLICY = {"random_steps": 200, "critic_hidden": (8,)}
HYPERNET = {
    "steps": 2600,
    "widths": (4, 8),
    "max_layers": 2,
    "rank": 4,
    "graph_size": 8,
    "meta_batch": 4,
}
FAMILY = {"env": "compactrl/HiddenPointMass-v0", "meta_batch": 4}
TASKS = {**FAMILY, "hidden": (4,)}
PEARL = {**TASKS, "encoder_hidden": (8,), "context_size": 10, "latent_size": 2, "num_envs": 8, "batch_size": 16}
ON_POLICY = {
    "steps": 1800,
    "selections": 2,
    "num_envs": 8,
    "n_steps": 20,
    "n_epochs": 2,
    "batch_size": 40,
    "critic_hidden": (8,),
}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A run to imitate."""
    path = tmp_path_factory.mktemp("teacher") / "run"
    search(out=path, **{**TINY, "method": "linear", "steps": 1200})
    return path


@pytest.fixture(autouse=True)
def _teacher(monkeypatch, teacher):
    monkeypatch.setitem(GRADIENT, "teacher", str(teacher))


def compression_of(method):
    return COMPRESSIONS[next(iter(METHODS[method].choices.values())).compression]


def of_tasks(method):
    """Whether a method is for families of tasks."""
    return issubclass(compression_of(method), MultiTask)


def options_of(method, controller, **more):
    options = {**TINY, "method": method, "controller": controller}
    if METHODS[method].choices[controller].needs == "colorings_from":
        options["colorings_from"] = source_of_colorings()
    hypernet = issubclass(compression_of(method), Hypernet)
    if METHODS[method].learners[0] in ("ppo", "trpo", "maml"):
        options |= ON_POLICY | (FAMILY if of_tasks(method) else {}) | (HYPERNET if hypernet else {"hidden": (4,)})
        options |= {"meta_batch": 2, "cg_steps": 3} if METHODS[method].learners[0] == "maml" else {}
        options.pop("population")
        return {**options, **more}
    if METHODS[method].learners[0] != "evolution":
        options |= (
            GRADIENT
            | ({} if method == "distill" else OFF_POLICY)
            | (HYPERNET | {"resample_updates": 4} if hypernet else {})
            | (PEARL if METHODS[method].learners == ("pearl",) else {})
        )
        options.pop("population")
        if method != "distill":
            options.pop("teacher")
        return {**options, **({} if hypernet else {"hidden": (4,)}), **more}
    if method != "linear":
        options["hidden"] = (4,)
    if method in ("chromatic", "shared"):
        options["partitions"] = 3
        if controller != "latent":
            options["steps"] = 4800  # designs of a controller are re-evaluated, 16 at a time
    return {**options, **more}


def run_whole(path, options):
    return search(out=path, **options)


@functools.cache
def whole_run(method, controller):
    """A search of this combination that was not interrupted; made once, and only read."""
    return run_whole(Path(tempfile.mkdtemp()) / "whole", options_of(method, controller))


def run_in_pieces(path, options, pieces):
    """Search as in a process that ends after each of these numbers of generations, and is resumed in the next."""
    for index, generations in enumerate([*pieces, None]):
        running = start(options, path) if index == 0 else reopen(path)
        last = None if generations is None else running.iteration + generations
        finish(running, should_stop=lambda running=running, last=last: running.iteration == last)
        if running.progress >= 1:
            break
    return Run(path)


def without_seconds(records):
    return [{key: value for key, value in record.items() if not key.startswith("seconds")} for record in records]


def assert_same_run(one, other):
    assert without_seconds(one.metrics) == without_seconds(other.metrics)
    assert without_seconds([one.summary]) == without_seconds([other.summary])
    assert_same_policy(one.policy, other.policy)
    traces = [load_trace(run.path) for run in (one, other)]
    assert (
        (traces[0] is None)
        == (traces[1] is None)
        == (
            one.config["method"] not in ("chromatic", "shared", "masked", "ghp", "hyperppo")
            and not of_tasks(one.config["method"])
        )
    )
    for mine, theirs in zip(*(trace or () for trace in traces), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_same_policy(one, other):
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)
    for name in ("design", "theta"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.normalizer.mean, other.normalizer.mean)
    np.testing.assert_array_equal(one.normalizer.std, other.normalizer.std)
    assert (one.size, one.action, one.env, one.method) == (other.size, other.action, other.env, other.method)


@every_combination
def test_a_search_leaves_a_whole_run(method, controller):
    run = whole_run(method, controller)
    records = run.metrics
    assert [record["iteration"] for record in records] == list(range(1, len(records) + 1))
    assert all(record.keys() >= METRICS for record in records)
    assert all(record["return_max"] >= record["return_mean"] for record in records)
    assert all(later["env_steps"] > earlier["env_steps"] for earlier, later in itertools.pairwise(records))
    assert {record["failed"] for record in records} == {0}

    summary = run.summary
    assert summary.keys() >= SUMMARY
    env = (TASKS if of_tasks(method) else TINY)["env"]
    assert (summary["method"], summary["env"], summary["seed"]) == (method, env, TINY["seed"])
    assert summary["finished"]
    assert summary["env_steps"] >= records[-1]["env_steps"] >= run.config["steps"]
    assert summary["parameters"] == summary["weights"] + summary["biases"]
    assert summary["episodes"] >= 2
    assert np.isfinite(summary["return_mean"])
    assert np.isfinite(summary["return_std"])

    assert run.policy(np.zeros(run.policy.shape[0])).shape == (2,)
    if of_tasks(method):
        assert run.policy.shape == (4, 4, 2) or issubclass(compression_of(method), Hypernet)
        assert run.policy.context.tolist() in ([-1.0], [1.0])
    elif not METHODS[method].meta_batch:
        assert run.policy.shape == ((3, 2) if method == "linear" else (3, 4, 2))
    settles = run.config["fine_tune_share"] > 0
    assert [record["settled"] for record in records] == sorted(record["settled"] for record in records)
    assert bool(records[-1]["settled"]) == settles
    evaluation = run.evaluate(episodes=4, threads=1)
    assert evaluation.episodes == 4
    np.testing.assert_array_equal(run.evaluate(episodes=4).returns, evaluation.returns)
    assert json.dumps(run.report(evaluation))


@every_combination
def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path, method, controller):
    """Interrupted after every generation, so before, at and after the point where a design is settled; or once."""
    whole = whole_run(method, controller)
    generations = len(whole.metrics)
    assert generations > 8
    stops = [1] * generations if (method, controller) in FAMILIES else [generations // 2]
    pieces = run_in_pieces(tmp_path / "pieces", options_of(method, controller), stops)
    assert_same_run(pieces, whole)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("method", "controller"), [("chromatic", "random"), ("masked", "none")])
def test_every_strategy_resumes_bit_for_bit(tmp_path, strategy, method, controller):
    options = options_of(method, controller, es=strategy)
    whole = run_whole(tmp_path / "whole", options)
    settled = next(record["iteration"] for record in whole.metrics if record["settled"])
    # Before settling, right before its generation, right after it, and later.
    stops = [2, settled - 1, settled, settled + 1]
    pieces = run_in_pieces(tmp_path / "pieces", options, np.diff([0, *stops]).tolist())
    assert_same_run(pieces, whole)


@pytest.mark.filterwarnings("ignore:.* evaluations failed and are left out")
def test_a_search_with_failures_resumes_bit_for_bit(tmp_path):
    options = options_of("chromatic", "random", env="compactrl/Faulty-v0", es="antithetic")
    options |= {"env_options": {"fault": "raise", "after": 7, "chance": 0.2}, "max_episode_steps": 30}
    whole = run_whole(tmp_path / "whole", options)
    assert sum(record["failed"] for record in whole.metrics) > 3
    assert all(record["return_max"] == record["return_mean"] == 20 for record in whole.metrics)
    assert_same_run(run_in_pieces(tmp_path / "pieces", options, [1] * 30), whole)


def test_more_lanes_and_fewer_lanes_than_evaluations_resume(tmp_path):
    for lanes in (3, 11):
        options = options_of("unstructured", "none", lanes=lanes)
        whole = run_whole(tmp_path / f"whole{lanes}", options)
        assert_same_run(run_in_pieces(tmp_path / f"pieces{lanes}", options, [2, 5]), whole)


@pytest.mark.parametrize(
    ("method", "controller", "more"),
    [
        ("ghp", "uniform", {"settle": 0.4, "decoder": "dense"}),
        ("ghp", "depth-uniform", {"learner": "td3", "width_features": "raw"}),
        ("sac", "none", {"automatic_alpha": True, "normalize_observations": True}),
        ("ghp", "uniform", {"env": "compactrl/BitFlip-v0"}),
        ("ddpg", "none", {"env": "FetchReach-v4", "max_episode_steps": 17}),
        ("sac", "none", {"env": "Hopper-v5", "max_episode_steps": 45}),
        ("ppo", "none", {"env": "CartPole-v1"}),
        ("hyper-tasks", "uniform", {"learner": "trpo", "deviation": "per-architecture", "settle": 0.4}),
        ("ppo", "none", {"deviation": "state", "target_kl": 0.01, "adaptive_learning_rate": True}),
        ("hyperppo", "inverse-depth", {"deviation": "per-architecture", "settle": 0.4, "ent_coef": 0.01}),
        ("hyper-tasks", "uniform", {"deviation": "per-architecture", "settle": 0.4}),
        ("hyperppo-tasks", "inverse-depth", {"deviation": "per-architecture", "settle": 0.4}),
    ],
    ids=str,
)
def test_standing_environments_and_buffers_resume_bit_for_bit(tmp_path, method, controller, more):
    """In the middle of episodes, before and after learning begins, before and after a design is settled."""
    options = options_of(method, controller, **more)
    whole = run_whole(tmp_path / "whole", options)
    stops = [3] if "Fetch" in options["env"] else [1, 2, 4]  # making Fetch takes seconds
    assert sum(stops) < len(whole.metrics)
    assert_same_run(run_in_pieces(tmp_path / "pieces", options, stops), whole)


@pytest.mark.filterwarnings("ignore:the replay buffer was not saved")
def test_a_buffer_that_is_not_saved_is_told(tmp_path):
    options = options_of("sac", "none", save_replay=False)
    whole = run_whole(tmp_path / "whole", options)
    with pytest.warns(
        UserWarning, match="the replay buffer was not saved .* differs from one that was not interrupted"
    ):
        pieces = run_in_pieces(tmp_path / "pieces", options, [5])
    assert pieces.summary["finished"]
    assert without_seconds(pieces.metrics) != without_seconds(whole.metrics)
    assert sum(file.stat().st_size for file in (tmp_path / "whole" / "checkpoints").rglob("*")) < 200_000


@pytest.mark.filterwarnings("ignore:.* evaluations failed and are left out")
@pytest.mark.parametrize("method", ["sac", "ppo"])
@pytest.mark.parametrize(("fault", "chance"), [("raise", 0.2), ("nan", 0.2), ("nan", 0.8)])
def test_a_search_by_gradients_goes_on_where_environments_fail(tmp_path, method, fault, chance):
    """Even where every lane fails at some step: the others were sound."""
    options = options_of(method, "none", env="compactrl/Faulty-v0", max_episode_steps=30)
    options |= {"env_options": {"fault": fault, "after": 7, "chance": chance}}
    whole = run_whole(tmp_path / "whole", options)
    assert sum(record["failed"] for record in whole.metrics) > 3
    assert np.isfinite(whole.metrics[-1]["critic_loss"])
    assert_same_run(run_in_pieces(tmp_path / "pieces", options, [1, 2, 4]), whole)


@pytest.mark.parametrize("method", ["sac", "ppo"])
def test_losses_that_are_nan_end_the_search_and_leave_the_last_good_checkpoint(tmp_path, method):
    options = options_of(method, "none", checkpoint_seconds=0)
    running = start(options, tmp_path / "run")

    def spoil(record, running):
        if record["iteration"] == 5:
            with torch.no_grad():
                running.learner._theta.fill_(float("nan"))

    with pytest.raises(CompactrlError, match=r"(critic_loss|value|actor_loss|entropy) has become NaN|every evaluation"):
        finish(running, spoil)
    run = Run(tmp_path / "run")
    assert len(run.metrics) == 5
    assert np.isfinite(run.evaluate(4, 1).returns).all()  # it is the policy of the checkpoint, too
    again = reopen(tmp_path / "run")
    assert again.iteration == 5
    np.testing.assert_array_equal(again.policy(np.zeros(0, np.int64)).theta, run.policy.theta)
    again.close()


def test_envpool_resumes_bit_for_bit(tmp_path):
    options = options_of("chromatic", "latent", env="Hopper-v5", engine="envpool", steps=3000, max_episode_steps=50)
    whole = run_whole(tmp_path / "whole", options)
    assert_same_run(run_in_pieces(tmp_path / "pieces", options, [2] * 30), whole)


def test_a_killed_search_goes_on_as_if_nothing_had_happened(tmp_path):
    options = options_of("chromatic", "evolution", es="antithetic", steps=10_000, checkpoint_seconds=0)
    whole = run_whole(tmp_path / "whole", options)
    path = tmp_path / "killed"
    program = f"import compactrl; compactrl.search(out={str(path)!r}, **{options!r})"
    process = subprocess.Popen([sys.executable, "-c", program])
    metrics, patience = path / "metrics.jsonl", time.monotonic() + 300
    while time.monotonic() < patience and process.poll() is None:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= 6:
            break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    written = len(Run(path).metrics)
    assert 6 <= written < len(whole.metrics), "it should have been killed on its way"
    assert_same_run(resume(path), whole)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path):
    options = options_of("chromatic", "pointer")
    one, two = (run_whole(tmp_path / name, options) for name in ("one", "two"))
    assert_same_run(one, two)
    other = run_whole(tmp_path / "other", {**options, "seed": 4})
    assert without_seconds(other.metrics) != without_seconds(one.metrics)


def test_threads_change_nothing(tmp_path):
    options = options_of("unstructured", "none", env="Hopper-v5", steps=4000, max_episode_steps=50)
    one = run_whole(tmp_path / "one", {**options, "threads": 1})
    two = run_whole(tmp_path / "two", {**options, "threads": 3})
    assert_same_run(one, two)


def test_nothing_touches_the_global_random_states(tmp_path):
    numpy_before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    run_whole(tmp_path / "run", options_of("chromatic", "pointer"))
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)
    assert torch.equal(torch.get_rng_state(), torch_before)


@pytest.mark.parametrize("controller", ["pointer", "random"])
def test_what_is_settled_was_proposed_even_right_after_a_re_evaluation(tmp_path, controller):
    proposed = set()

    def note(_, running):
        nonlocal settled
        proposed.update(design.tobytes() for design in propose.made)
        settled = running.learner.settled

    settled = None
    options = options_of("chromatic", controller, settle=0.5, selections=2)
    running = start(options, tmp_path / "run")
    propose = _Recorded(running.controller)
    finish(running, note)
    assert settled is not None
    assert settled.tobytes() in proposed


def test_the_design_that_would_ship_races_again_and_none_races_twice(tmp_path):
    running = start(options_of("chromatic", "random"), tmp_path / "run")
    designs = running.controller.propose(LEADERS + 1)
    running.shipping.leaders.note(designs[:LEADERS], np.arange(float(LEADERS)))
    for shipped in designs[[-1, 0]]:
        running.shipping.shipped = running.policy(shipped)
        raced = [policy.design.tobytes() for policy in running._candidates()]
        assert shipped.tobytes() in raced[:LEADERS]
        assert len(set(raced)) == len(raced)
    running.close()


class _Recorded:
    """Keeps what a controller proposes."""

    def __init__(self, controller):
        self.made, inner = [], controller.propose

        def propose(n):
            designs = inner(n)
            self.made.extend(designs)
            return designs

        controller.propose = propose


@pytest.mark.parametrize(
    ("fault", "reason"), [("raise", "RuntimeError: the toy failed on purpose"), ("nan", "NaN"), ("size", "from 3 to 5")]
)
def test_a_search_where_everything_fails_says_why(tmp_path, fault, reason):
    options = options_of("unstructured", "none", env="compactrl/Faulty-v0", env_options={"fault": fault})
    with pytest.raises(CompactrlError, match=reason):
        run_whole(tmp_path / "run", options)


def test_a_resumed_run_may_get_a_larger_budget_and_else_says_that_it_is_over(tmp_path):
    run_whole(tmp_path / "run", options_of("linear", "none"))
    before = Run(tmp_path / "run").summary["env_steps"]
    said = f"has spent its budget of 2400 environment steps: give more with --steps than the {before} that it has taken"
    with pytest.raises(InputError, match=said):
        resume(tmp_path / "run")
    run = resume(tmp_path / "run", steps=4800)
    assert run.config["steps"] == 4800
    assert run.summary["env_steps"] > before
    assert [record["iteration"] for record in run.metrics] == list(range(1, len(run.metrics) + 1))


def test_a_run_of_an_earlier_version_is_told_what_is_new_to_it(tmp_path):
    path = tmp_path / "run"
    running = start(options_of("ghp", "uniform"), path)
    running.run(should_stop=lambda: running.iteration >= 2)
    running.close()
    content = json.loads((path / "config.json").read_text())
    del content["options"]["anchor_share"]
    (path / "config.json").write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=r"by an earlier compactrl: .*take today's defaults, anchor_share 0.5"):
        reopen(path).close()
    assert Run(path).config["anchor_share"] == 0.5
    reopen(path).close()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_whose_checkpoints_are_gone_is_not_trained_over(tmp_path, finished):
    path, begun = tmp_path / "run", start(options_of("linear", "none"), tmp_path / "run")
    finish(begun, should_stop=lambda: not finished and begun.iteration == 3)
    shutil.rmtree(path / "checkpoints")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(InputError, match=r"run cannot go on: checkpoints/ has none, though there is policy.json.*anew"):
        resume(path, steps=5000)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert Run(path).evaluate(4).episodes == 4
    for file in (*path.glob("policy.*"), path / "summary.json"):
        file.unlink()
    with pytest.raises(InputError, match=r"though there is metrics.jsonl. To train, put checkpoints/ back"):
        resume(path)


def test_a_search_that_ended_before_its_first_checkpoint_begins_again(tmp_path):
    whole = whole_run("linear", "none")
    path, killed = tmp_path / "run", start(options_of("linear", "none"), tmp_path / "run")
    killed.save = lambda: None
    killed.run(should_stop=lambda: killed.iteration == 3)
    killed.close()
    assert [file.name for file in (path / "checkpoints").iterdir()] == []
    assert len(Run(path).metrics) == 3
    assert_same_run(resume(path), whole)


def test_a_limit_that_nobody_set_is_told_once_as_a_search_begins(tmp_path, recwarn):
    options = options_of("linear", "none", env="compactrl/Faulty-v0", env_options={"fault": "none"}, steps=400)
    run = finish(start(options, tmp_path / "run"))
    told = [str(each.message) for each in recwarn if "limit" in str(each.message)]
    assert len(told) == 1
    assert "compactrl/Faulty-v0 sets no limit to its episodes: they are cut after 1000 steps" in told[0]
    assert "--max-episode-steps" in told[0]
    run.evaluate(2)
    resume(run.path, steps=800)
    finish(start({**options, "max_episode_steps": 1000}, tmp_path / "other"))
    finish(start(options_of("linear", "none", steps=400), tmp_path / "target"))
    assert len([each for each in recwarn if "limit" in str(each.message)]) == 1


def test_the_environment_comes_first_and_all_else_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {**options_of("linear", "none"), "steps": 400}
    assert options.pop("env") == "compactrl/Target-v0"
    run = search("compactrl/Target-v0", **options)
    assert (run.config["env"], str(run.path)) == ("compactrl/Target-v0", "runs/linear-compactrl-Target-v0-seed3")
    with pytest.raises(InputError, match="unknown environment 'Cart-v0'"):
        search("Cart-v0", steps=3000)
    assert not (tmp_path / "Cart-v0").exists()
    with pytest.raises(TypeError, match="positional"):
        search("compactrl/Target-v0", tmp_path / "run", **options)


@pytest.mark.parametrize(("hidden", "widths"), [(None, (41,)), ("none", ()), ((), ()), (7, (7,)), ("7,8", (7, 8))])
def test_widths_in_python_are_those_of_the_command_line(hidden, widths):
    given = {"env": "compactrl/Target-v0", "method": "unstructured", "hidden": hidden}
    assert prepare(given).settings.search.hidden == widths


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        resume(tmp_path)


def test_a_strategy_that_cannot_do_with_the_population_says_so_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="even"):
        run_whole(tmp_path / "run", options_of("unstructured", "none", population=7, es="pgpe"))
    assert not (tmp_path / "run").exists()


def test_on_iteration_sees_every_record(tmp_path):
    seen = []

    def note(record, running):
        seen.append((record["iteration"], running.iteration))

    run = finish(start(options_of("linear", "none"), tmp_path / "run"), note)
    assert seen == [(record["iteration"],) * 2 for record in run.metrics]


def test_the_mean_of_a_group_leaves_out_what_failed():
    nan = np.nan
    means = mean_by_group(np.array([1.0, 3.0, nan, 5.0, nan, nan]), np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_array_equal(means, [2.0, 5.0, nan])


def test_normalized_rewards_are_returns_in_running_standard_deviations(tmp_path):
    running = start(options_of("unstructured", "none", normalize_rewards=True), tmp_path / "run")
    first, second = np.array([1.0, 3.0, np.nan]), np.array([5.0, 7.0])
    assert running.learner._reward_scale(first) == pytest.approx(np.std([1.0, 3.0]))
    assert running.learner._reward_scale(second) == pytest.approx(np.std([1.0, 3.0, 5.0, 7.0]))
    running.close()


def test_constant_rewards_are_left_as_they_are(tmp_path):
    running = start(options_of("unstructured", "none", normalize_rewards=True), tmp_path / "run")
    assert running.learner._reward_scale(np.array([2.0, 2.0])) == 1.0
    running.close()
