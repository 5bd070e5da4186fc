"""Searches that begin from another run or imitate it, and shared weights by SAC: what is taken, resumed and refused."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from compactrl.encodings.rounding import rounded_normalizer
from compactrl.encodings.storage import stored_bytes
from compactrl.errors import InputError
from compactrl.runs.run import START, Run
from compactrl.searches.api import finish, resume, search, start
from compactrl.types import Normalizer

TOY = {"threads": 1, "reevaluations": 1, "reevaluation_episodes": 2, "seed": 4}
GRADIENT = {"iteration_steps": 160, "batch_size": 16, "updates_per_step": 0.1}
TARGET = {"env": "compactrl/Target-v0"}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "run"
    options = {"method": "sac", "hidden": (6, 4), "steps": 800, "learning_starts": 100, **GRADIENT, **TARGET, **TOY}
    search(out=path, **options)
    return path


def student(path, teacher, **more):
    options = {"method": "shared", "teacher": str(teacher), "partitions": 3, "steps": 1000, **GRADIENT, **TOY, **more}
    return start(options, path)


def test_a_student_imitates_through_the_rounding_and_is_resumed_bit_for_bit(tmp_path, teacher):
    whole = finish(student(tmp_path / "whole", teacher, bias_partitions=2))
    policy = whole.policy
    assert (whole.config["learner"], whole.config["activation"], whole.config["env"]) == (
        "distill",
        "relu",
        TARGET["env"],
    )
    assert len(np.unique(policy.layers[0].weight)) <= 3
    assert len(np.unique(policy.biases)) <= 2
    assert (policy.size.weights, policy.size.biases) == (3, 2)
    running = student(tmp_path / "pieces", teacher, bias_partitions=2)
    finish(running, should_stop=lambda: running.iteration == 3)
    pieces = resume(tmp_path / "pieces")
    for name in ("policy.safetensors", "policy.json"):
        assert (pieces.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_student_and_teacher_act_by_turns(tmp_path, teacher):
    running = student(tmp_path / "run", teacher, student_share=0.5)
    designs = np.zeros((running.learner.num_designs, 0), np.int64)
    acting = [running.learner.ask(designs).networks.policies[0][0].weight for _ in range(6)]
    running.close()
    of_teacher = Run(teacher).policy.layers[0].weight
    assert [np.array_equal(weight, of_teacher) for weight in acting] == [True, False] * 3


def test_evolution_begins_from_a_run_with_its_network_and_its_normaliser(tmp_path, teacher):
    options = {"method": "shared", "start_from": str(teacher), "partitions": 4, "population": 4, "steps": 2000, **TOY}
    begun = start(options, tmp_path / "run")
    first = begun.policy(np.zeros(0, np.int64))
    source = Run(teacher).policy
    assert first.skeleton == source.skeleton
    correlation = np.corrcoef(first.layers[0].weight.ravel(), source.layers[0].weight.ravel())[0, 1]
    assert correlation > 0.9
    run = finish(begun)
    assert run.policy.skeleton == source.skeleton
    np.testing.assert_array_equal(run.policy.normalizer.mean, source.normalizer.mean)
    np.testing.assert_array_equal(run.policy.normalizer.std, source.normalizer.std)
    assert (run.path / f"{START}.json").exists()


def test_unstructured_evolution_begins_with_the_very_policy_of_a_run_and_stays_near_at_first(tmp_path, teacher):
    options = {"method": "unstructured", "start_from": str(teacher), "population": 4, "steps": 2000, **TOY}
    begun = start(options, tmp_path / "run")
    first, source = begun.policy(np.zeros(0, np.int64)), Run(teacher).policy
    assert first.skeleton == source.skeleton
    sizes = []
    for mine, theirs in zip(first.layers, source.layers, strict=True):
        np.testing.assert_allclose(mine.weight, theirs.weight, rtol=1e-6)
        np.testing.assert_allclose(mine.bias, theirs.bias, rtol=1e-6)
        sizes += [theirs.weight.ravel(), theirs.bias]
    candidates = begun.learner.ask(np.zeros((begun.learner.num_designs, 0), np.int64)).networks.layers[0].weight
    noise = (candidates - first.layers[0].weight).std() / np.sqrt((np.concatenate(sizes) ** 2).mean())
    assert 0.02 < noise < 0.04
    run = finish(begun)
    assert run.policy.skeleton == source.skeleton
    np.testing.assert_array_equal(run.policy.normalizer.std, source.normalizer.std)


@pytest.mark.parametrize(
    "method", [{"method": "shared", "partitions": 4}, {"method": "unstructured", "fine_tune_share": 0.5}], ids=str
)
def test_a_run_that_began_from_another_is_resumed_without_it(tmp_path, teacher, method):
    options = {**method, "population": 4, "steps": 4000, **TOY}
    whole = search(out=tmp_path / "whole", start_from=str(teacher), **options)
    copy = shutil.copytree(teacher, tmp_path / "copy")
    begun = start({**options, "start_from": str(copy)}, tmp_path / "pieces")
    finish(begun, should_stop=lambda: begun.iteration == 2)
    shutil.rmtree(copy)
    pieces = resume(tmp_path / "pieces")
    assert (pieces.path / "policy.safetensors").read_bytes() == (whole.path / "policy.safetensors").read_bytes()


OFF_POLICY = {**GRADIENT, "learning_starts": 100}
ON_POLICY = {"n_steps": 10, "num_envs": 8, "batch_size": 40}


@pytest.mark.parametrize(
    ("learner", "more"),
    [("sac", OFF_POLICY), ("td3", OFF_POLICY), ("ppo", ON_POLICY), ("ppo", {**ON_POLICY, "deviation": "state"})],
    ids=["sac", "td3", "ppo", "ppo-state"],
)
def test_rounded_weights_are_trained_by_reinforcement_learning_and_ship_the_means_alone(tmp_path, learner, more):
    options = {"method": "shared", "learner": learner, "partitions": 4, "bias_partitions": 2, "hidden": (5,)}
    run = search(out=tmp_path / "run", steps=600, **options, **more, **TARGET, **TOY)
    assert run.policy.shape == (3, 5, 2)
    assert len(run.policy.weights) == 4
    edges = 3 * 5 + 5 * 2
    assert run.policy.size.bits == 32 * (4 + 2) + 2 * edges + 7


@pytest.mark.parametrize(
    ("learner", "more"),
    [("td3", {**OFF_POLICY, "learning_starts": 0, "normalize_observations": True}), ("ppo", ON_POLICY)],
    ids=["td3", "ppo"],
)
def test_gradients_begin_from_a_run_with_its_network_and_its_normaliser(tmp_path, teacher, learner, more):
    """That of the run, moved here to where it matters, stays while other observations are seen."""
    copy = shutil.copytree(teacher, tmp_path / "copy")
    moved = dataclasses.replace(Run(copy).policy, normalizer=Normalizer(np.full(3, 0.5), np.full(3, 2.0)))
    moved.save(copy / "policy")
    options = {"method": "shared", "start_from": str(copy), "partitions": 50, "learner": learner, "steps": 400}
    begun = start({**options, **more, **TOY}, tmp_path / "run")
    trials = begun.learner.ask(np.zeros((begun.learner.num_designs, 0), np.int64))
    np.testing.assert_array_equal(trials.normalizer.mean, moved.normalizer.mean)
    for layer, other in zip(trials.networks.policies[0], moved.layers, strict=True):
        np.testing.assert_allclose(layer.weight, other.weight, rtol=1e-5)
    begun.close()
    shutil.rmtree(tmp_path / "run")
    run = finish(start({**options, **more, **TOY}, tmp_path / "run"))
    np.testing.assert_array_equal(run.policy.normalizer.mean, moved.normalizer.mean)
    np.testing.assert_array_equal(run.policy.normalizer.std, moved.normalizer.std)


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("td3", OFF_POLICY),
        ("ddpg", OFF_POLICY),
        ("ppo", ON_POLICY),
        ("trpo", ON_POLICY),
        ("distill", GRADIENT),
    ],
    ids=["td3", "ddpg", "ppo", "trpo", "distill"],
)
def test_plain_networks_begin_from_a_run_and_are_resumed_without_it(tmp_path, teacher, method, more):
    copy = shutil.copytree(teacher, tmp_path / "copy")
    moved = dataclasses.replace(Run(copy).policy, normalizer=Normalizer(np.full(3, 0.5), np.full(3, 2.0)))
    moved.save(copy / "policy")
    options = {"method": method, "start_from": str(copy), "steps": 800, **more, **TOY}
    options |= {"teacher": str(teacher)} if method == "distill" else {}
    begun = start(options, tmp_path / "run")
    first = begun.policy(np.zeros(0, np.int64))
    assert first.skeleton == moved.skeleton
    for layer, other in zip(first.layers, moved.layers, strict=True):
        np.testing.assert_allclose(layer.weight, other.weight, rtol=1e-6)
        np.testing.assert_allclose(layer.bias, other.bias, rtol=1e-6)
    whole = finish(begun)
    np.testing.assert_array_equal(whole.policy.normalizer.std, moved.normalizer.std)
    assert not np.allclose(whole.policy.layers[0].weight, moved.layers[0].weight)
    pieces = start(options, tmp_path / "pieces")
    finish(pieces, should_stop=lambda: pieces.iteration == 2)
    shutil.rmtree(copy)
    assert (resume(tmp_path / "pieces").path / "policy.safetensors").read_bytes() == (
        whole.path / "policy.safetensors"
    ).read_bytes()


def test_ppo_begins_from_an_evolved_policy_with_biases_of_zero_where_it_has_none(tmp_path):
    evolved = search(
        method="chromatic",
        partitions=3,
        hidden=(5,),
        population=4,
        steps=2000,
        out=tmp_path / "evolved",
        **TARGET,
        **TOY,
    )
    begun = start(
        {"method": "ppo", "start_from": str(evolved.path), "steps": 400, **ON_POLICY, **TOY}, tmp_path / "run"
    )
    first = begun.policy(np.zeros(0, np.int64))
    assert first.activation == "tanh"
    np.testing.assert_allclose(first.layers[1].weight, evolved.policy.layers[1].weight, rtol=1e-6)
    assert not first.layers[1].bias.any()
    finish(begun)


@pytest.mark.parametrize("begins", ["start_from", "teacher"])
def test_the_normaliser_of_another_run_is_rounded_to_bytes_and_the_policy_stays_the_same(tmp_path, teacher, begins):
    copy = shutil.copytree(teacher, tmp_path / "copy")
    normalizer = Normalizer(np.array([0.3, -2.0, 0.0]), np.array([0.9, 1.7, 0.4]))
    moved = dataclasses.replace(Run(copy).policy, normalizer=normalizer)
    moved.save(copy / "policy")
    learner = ON_POLICY | {"learner": "ppo"} if begins == "start_from" else GRADIENT
    options = {"method": "shared", begins: str(copy), "partitions": 50, "normalizer": "bytes", "steps": 400}
    begun = start({**options, **learner, **TOY}, tmp_path / "run")
    policy, rounded = begun.policy(np.zeros(0, np.int64)), rounded_normalizer(normalizer)
    np.testing.assert_array_equal(policy.normalizer.mean, rounded.mean)
    np.testing.assert_array_equal(policy.normalizer.std, [1.0, 2.0, 0.5])
    if begins == "start_from":  # a weight for every edge: nothing else is rounded
        states = np.random.default_rng(0).standard_normal((50, 3))
        np.testing.assert_allclose(policy(states), moved(states), atol=1e-5)
    run = finish(begun)
    np.testing.assert_array_equal(run.policy.normalizer.std, [1.0, 2.0, 0.5])
    floats = dataclasses.replace(run.policy, normalizer=normalizer)
    assert stored_bytes(floats) - stored_bytes(run.policy) == 9  # a byte for each scale in the place of a float


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "shared", "normalizer": "bytes"}, "--normalizer bytes rounds the normaliser of another run: give"),
        ({"method": "shared", "normalizer": "bits"}, "normalizer"),
        ({"method": "ppo", "normalizer": "bytes"}, "--normalizer belongs to --method shared"),
    ],
    ids=str,
)
def test_a_normaliser_that_cannot_be_rounded_is_told(tmp_path, options, message):
    with pytest.raises(InputError) as caught:
        start(
            {"partitions": 3, **options, **TARGET, **TOY}
            if options["method"] == "shared"
            else {**options, **TARGET, **TOY},
            tmp_path / "run",
        )
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 9}, "--start-from is a policy with a network 3-6-4-2 of relu, with output biases"),
        ({"activation": "tanh"}, "leave --hidden, --activation and --output-bias out"),
        ({"env": "compactrl/PointMass-v0"}, "is a policy for compactrl/Target-v0, with 3 observations and 2 actions"),
        ({"partitions": 999}, "--partitions 999: expected between 1 and the number of the network's edges"),
        ({"start_from": "nowhere"}, "nowhere holds no run"),
        ({"method": "toeplitz"}, "--start-from belongs to --method shared, unstructured, "),
        ({"method": "linear"}, "--start-from belongs to --method shared, unstructured, "),
        ({"method": "ppo", "hidden": 9}, "--start-from is a policy with a network 3-6-4-2 of relu"),
        ({"method": "sac"}, "the policy of that run does not: choose td3 or ppo in the place of sac"),
        ({"method": "ppo", "deviation": "state"}, "the policy of that run does not: choose td3 or ppo"),
        ({"method": "unstructured", "hidden": 9}, "--start-from is a policy with a network 3-6-4-2 of relu"),
        ({"method": "unstructured", "env": "compactrl/PointMass-v0"}, "is a policy for compactrl/Target-v0, with 3"),
        ({"learner": "distill"}, "--method shared --learner distill needs a --teacher"),
    ],
    ids=str,
)
def test_what_cannot_be_begun_from_is_told_and_nothing_is_written(tmp_path, teacher, options, message):
    with pytest.raises(InputError) as caught:
        start({"method": "shared", "start_from": str(teacher), **TOY, **options}, tmp_path / "run")
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()
