"""A family of two tasks that no policy can tell apart by what it observes: whoever knows the task does both."""

import os

import pytest

from compactrl.catalogs.catalog import open_catalog
from compactrl.catalogs.evaluation import evaluate_all
from compactrl.catalogs.task_table import evaluate_tasks
from compactrl.searches.api import search

TOY = {
    "env": "compactrl/HiddenPointMass-v0", "learner": "trpo", "hidden": (8,), "meta_batch": 2, "n_steps": 20,
    "batch_size": 80, "max_kl": 0.03, "threads": 1, "seed": 1,
}  # fmt: skip
BEST_WITHOUT = -20.0
"""Of who does the same in both tasks: the distances to both goals are 2 together, for 20 steps."""


@pytest.mark.parametrize(
    ("method", "steps", "low", "high"),
    [
        ("plain-tasks", 16_000, -30.0, BEST_WITHOUT + 0.5),
        ("context-tasks", 16_000, -12.0, 0.0),
        ("hyper-tasks", 10_000, -12.0, 0.0),
    ],
)
def test_who_knows_the_task_does_both_and_who_does_not_cannot(tmp_path, monkeypatch, method, steps, low, high):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    run = search(out=tmp_path / "run", method=method, steps=steps, **TOY)
    means = [row["return_mean"] for row in evaluate_tasks(run, "train", 20, threads=1)["train"]]
    assert low < sum(means) / 2 < high


def test_every_architecture_does_both_tasks(tmp_path, monkeypatch):
    """Of one training: none of them can, without the context."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    run = search(
        out=tmp_path / "run", method="hyperppo-tasks", env=TOY["env"], widths="4,8", max_layers=2, rank=16,
        graph_size=16, meta_batch=4, num_envs=32, n_steps=20, n_epochs=8, batch_size=640, gamma=0.9, max_grad_norm=5.0,
        actor_learning_rate=5e-3, critic_learning_rate=3e-3, critic_hidden=(16,), reevaluation_episodes=2, threads=1,
        steps=24_000,
    )  # fmt: skip
    tables = [evaluate_all(open_catalog(run, context), 10, threads=1) for context in ("-1", "1")]
    assert len(tables[0]) == 6
    for one, other in zip(*tables, strict=True):
        assert one["widths"] == other["widths"]
        assert BEST_WITHOUT + 4 < (one["return_mean"] + other["return_mean"]) / 2 < 0.0
