"""A family of two tasks that no policy can tell apart by what it observes: whoever knows the task does both."""

import os

import pytest

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
