"""Learners by gradients reach required scores on toys, and a hypernetwork reduces to a plain network."""

import os

import numpy as np
import pytest
import torch

from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.compressions import Hypernet, HypernetOptions, Plain
from compactrl.policies.skeleton import Skeleton
from compactrl.runs.run import Run
from compactrl.searches.api import search

TOY = {"env": "compactrl/Target-v0", "seed": 0, "threads": 1, "critic_hidden": "32,32", "random_steps": 400}
TOY |= {"iteration_steps": 200, "batch_size": 64, "steps": 2600, "selection_episodes": 20}
SMALL = {"widths": "8,16", "max_layers": 2, "meta_batch": 4, "resample_updates": 25, "graph_size": 16, "rank": 8}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.parametrize(
    ("method", "more", "required"),
    [
        ("sac", {"hidden": 16}, -1.0),
        ("sac", {"hidden": 16, "automatic_alpha": True, "normalize_observations": True}, -1.0),
        ("td3", {"hidden": 16}, -1.0),
        ("ddpg", {"hidden": 16, "action_penalty": 0.0, "discount": 0.9}, -1.0),
        ("ghp", {**SMALL, "widths": "16", "max_layers": 1}, -1.0),
    ],
    ids=["sac", "sac-automatic", "td3", "ddpg", "ghp-of-one-architecture"],
)
def test_it_learns_the_toy(tmp_path, method, more, required):
    """Doing nothing gets about -11; 0 is the best that can be."""
    run = search(
        out=tmp_path / "run", method=method, **{**TOY, "alpha": 0.05} if method in ("sac", "ghp") else TOY, **more
    )
    assert run.evaluate(episodes=32, threads=1).mean_return > required


def test_every_architecture_of_a_graph_hyper_policy_learns_the_toy(tmp_path):
    search(out=tmp_path / "run", method="ghp", **{**TOY, "alpha": 0.05, "steps": 3000}, **SMALL)
    rows = evaluate_all(open_catalog(Run(tmp_path / "run")), episodes=5, threads=1)
    assert len(rows) == 6
    assert min(row["return_mean"] for row in rows) > -2.5


def test_hindsight_solves_what_is_not_solved_without(tmp_path):
    options = {"env": "compactrl/BitFlip-v0", "env_options": {"bits": 6}, "hidden": 64, "critic_hidden": "64,64"}
    options |= {"steps": 6000, "random_steps": 400, "iteration_steps": 480, "batch_size": 64, "updates_per_step": 0.5}
    options |= {"exploration_noise": 0.3, "action_penalty": 0.0, "method": "ddpg", "seed": 1, "threads": 1}
    reached = {
        share: np.nanmean(search(out=tmp_path / str(share), hindsight=share, **options).evaluate(100, 1).successes)
        for share in (0.8, 0.0)
    }
    assert reached[0.8] > 0.4
    assert reached[0.0] < 0.2


def test_a_student_does_as_its_teacher(tmp_path):
    search(out=tmp_path / "teacher", method="sac", hidden=16, alpha=0.05, **TOY)
    teacher = Run(tmp_path / "teacher")
    options = {"env": TOY["env"], "threads": 1, "iteration_steps": 200, "batch_size": 64, "actor_learning_rate": 3e-3}
    options |= {"actor_final_rate_share": 0.5}
    student = search(
        out=tmp_path / "student", method="distill", teacher=str(teacher.path), hidden=8, steps=3000, **options
    )
    assert student.summary["parameters"] == 8 * 4 + 2 * 9
    rates = [row["actor_learning_rate"] for row in student.metrics]
    np.testing.assert_allclose(rates, 3e-3 * (1 - np.linspace(0, 0.5, len(rates), endpoint=False)))
    assert student.evaluate(32, 1).mean_return > teacher.evaluate(32, 1).mean_return - 1.0
    observations = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    assert np.abs(student.policy(observations) - teacher.policy(observations)).mean() < 0.15


def test_a_student_chooses_as_its_teacher_does(tmp_path):
    """Of discrete actions, shared weights or none."""
    options = {"env": "CartPole-v1", "seed": 0, "threads": 1, "max_episode_steps": 50}
    teacher = search(out=tmp_path / "teacher", method="linear", steps=20_000, reevaluations=1, **options)
    observations = np.random.default_rng(0).normal(0, 0.2, (500, 4))
    for method in ({"method": "distill"}, {"method": "shared", "partitions": 8}):
        student = search(
            out=tmp_path / method["method"], teacher=str(teacher.path), hidden=8, steps=3000, batch_size=64,
            iteration_steps=200, actor_learning_rate=3e-3, updates_per_step=0.5, reevaluations=1, **method, **options,
        )  # fmt: skip
        assert (student.policy(observations) == teacher.policy(observations)).mean() > 0.85
        assert student.evaluate(16, 1).mean_return > 45


def test_one_architecture_is_a_plain_network_by_other_parameters():
    """Loss and gradient with respect to the weights that are written are those of a plain network with these."""
    hypernet = Hypernet(Skeleton.relu((5, 4)), HypernetOptions(widths=(8,), max_layers=1, rank=4, graph_size=8))
    design = np.array([1])
    theta = torch.tensor(hypernet.initial(np.random.default_rng(0)), requires_grad=True)
    x = torch.randn(1, 64, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.randn(1, 64, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain, numbers = hypernet.settle(theta.detach().numpy(), design)
    assert isinstance(plain, Plain)
    own = torch.tensor(numbers, requires_grad=True)
    one = (hypernet.network(theta, design[None])(x) - targets).square().mean()
    other = (plain.network(own, None)(x) - targets).square().mean()
    torch.testing.assert_close(one, other)
    (direct,) = torch.autograd.grad(one, theta)
    (of_weights,) = torch.autograd.grad(other, own)
    written = torch.cat([part.reshape(-1) for layer in hypernet.expand(theta, design) for part in layer])
    (chained,) = torch.autograd.grad(written, theta, of_weights)
    torch.testing.assert_close(direct, chained)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    options = {**TOY, "steps": 700, "method": "ghp", **SMALL}
    one, two, other = (
        search(out=tmp_path / name, **{**options, "seed": seed}).policy for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    np.testing.assert_array_equal(one.theta, two.theta)
    assert len(one.theta) != len(other.theta) or not np.array_equal(one.theta, other.theta)
