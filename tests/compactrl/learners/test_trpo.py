"""TRPO against a naive step, with a vector for each architecture, and on environments with a known answer."""

import os

import numpy as np
import pytest
import torch
from bandit import Bandit

from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.base import LearnerContext
from compactrl.learners.trpo import TrpoLearner
from compactrl.networks.adam import Descent
from compactrl.searches.api import search
from compactrl.searches.prepare import prepare

TRPO = {
    "method": "trpo", "env": "compactrl/Target-v0", "hidden": (6,), "critic_hidden": (5,), "num_envs": 4, "n_steps": 30,
    "n_epochs": 3, "batch_size": 120, "log_std_init": 0.0, "seed": 1, "threads": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def iterated(learner, prepared, designs, times=1):
    """Collect and learn so many times; return the last outcomes and metrics."""
    evaluator = LocalEvaluator(prepared.spec, learner.lanes, np.random.SeedSequence(0), threads=1)
    for time in range(times):
        trials = learner.ask(designs)
        outcomes = evaluator.collect(trials)
        metrics = learner.tell(trials, outcomes, time / times)
    evaluator.close()
    return outcomes, metrics


@pytest.mark.parametrize("deviation", ["common", "state"])
def test_an_iteration_is_a_naive_step(deviation):
    """Fisher's matrix built as a whole, of samples as they were drawn, solved by dense algebra."""
    prepared = prepare({**TRPO, "deviation": deviation, "normalize_observations": False, "cg_steps": 200})
    learner = prepared.learner
    flat = torch.tensor(learner.theta(), dtype=torch.float64)
    start = flat if deviation == "state" else torch.cat([flat, torch.zeros(2).double()])
    samples = []
    prepared_samples = learner._prepared

    def kept(*arguments):
        samples.append(prepared_samples(*arguments)[0])
        return prepared_samples(*arguments)

    learner._prepared = kept
    outcomes, metrics = iterated(learner, prepared, np.zeros((1, 0), np.int64))
    observation = torch.tensor(outcomes.transitions.observation).flatten(0, 1)
    latent = torch.tensor(np.arctanh(outcomes.transitions.action)).flatten(0, 1)
    advantage, outputs = samples[0].advantage[0].double(), 4 if deviation == "state" else 2

    def log_probability(vector):
        weights = vector[: flat.numel()]
        hidden = torch.tanh(observation @ weights[:18].view(6, 3).T + weights[18:24])
        raw = hidden @ weights[24 : 24 + 6 * outputs].view(outputs, 6).T + weights[24 + 6 * outputs :]
        log_std = raw[:, 2:] if deviation == "state" else vector[flat.numel() :]
        return torch.distributions.Normal(raw[:, :2], log_std.exp())

    before = log_probability(start)

    def divergence(vector):
        return torch.distributions.kl_divergence(before, log_probability(vector)).sum(-1).mean()

    def gain(vector):
        ratio = (log_probability(vector).log_prob(latent) - before.log_prob(latent)).sum(-1).exp()
        return (ratio * advantage).mean()

    gradient = torch.autograd.functional.jacobian(gain, start)
    matrix = torch.autograd.functional.hessian(divergence, start) + 0.1 * torch.eye(len(start)).double()
    natural = torch.linalg.solve(matrix, gradient)
    step = natural * (0.02 / (natural @ matrix @ natural)).sqrt()
    assert metrics["step_share"] == 1
    expected = start + step
    np.testing.assert_allclose(learner.theta(), expected[: flat.numel()].numpy(), atol=2e-4)
    assert metrics["kl"] == pytest.approx(float(divergence(expected)), rel=0.02)
    assert metrics["actor_loss"] == pytest.approx(-float(gain(expected)), rel=0.02)
    if deviation == "common":
        found = learner.state_dict()["deviations"]["log_std"][0]
        np.testing.assert_allclose(found, expected[flat.numel() :].numpy(), atol=2e-4)
        assert np.abs(found).max() > 1e-3


def test_a_hypernetworks_policies_take_one_step_within_one_trust_region():
    """With deviations of their own; of architectures that did not act they stay."""
    other = {
        "method": "hyperppo", "widths": "4,8", "max_layers": 2, "rank": 4, "graph_size": 8, "meta_batch": 4,
        "num_envs": 8, "n_steps": 10, "batch_size": 40, "env": TRPO["env"], "critic_hidden": (5,), "seed": 1,
    }  # fmt: skip
    prepared = prepare(other)
    options = prepare({**TRPO, "max_kl": 0.004, "batch_size": 40, "n_steps": 10}).settings.learner
    context = LearnerContext(
        method="trpo", compression=prepared.compression, spec=prepared.spec, lanes=8, meta_batch=prepared.learner.batch,
        options=options.model_copy(update={"deviation": "per-architecture"}), seed=np.random.SeedSequence(0),
        distribution=prepared.learner.distribution,
    )  # fmt: skip
    learner = TrpoLearner(context)
    designs = prepared.compression.space.sample(4, np.random.default_rng(0))
    theta = learner.theta()
    _, metrics = iterated(learner, prepared, designs)
    assert 0 < metrics["kl"] <= 0.004
    assert metrics["actor_loss"] < 0
    assert np.abs(learner.theta() - theta).max() > 1e-5
    moved = np.abs(learner.state_dict()["deviations"]["log_std"]).max(axis=1) > 0
    assert moved.sum() == len(np.unique(designs, axis=0)) < len(moved)


@pytest.mark.parametrize(
    "options",
    [{"hidden": 16, "activation": "relu"}, {"hidden": 16, "deviation": "state"}],
    ids=["relu", "state"],
)
def test_it_learns_the_toy(tmp_path, options):
    """Doing nothing gets about -11; 0 is the best that can be."""
    run = search(
        out=tmp_path / "run", env="compactrl/Target-v0", method="trpo", steps=10_000, num_envs=16, n_steps=20,
        gamma=0.0, batch_size=80, max_kl=0.05, critic_learning_rate=5e-3, critic_hidden=16, seed=0, **options,
    )  # fmt: skip
    assert run.evaluate(episodes=32, threads=1).mean_return > -1.0
    assert all(row["kl"] <= 0.05001 for row in run.metrics)


def test_it_finds_the_best_arm_of_a_bandit(tmp_path):
    run = search(
        Bandit, out=tmp_path / "run", method="trpo", hidden=4, steps=4000, num_envs=8, n_steps=16, batch_size=64,
        max_kl=0.05, critic_hidden=4, threads=1, seed=0, max_episode_steps=5,
    )  # fmt: skip
    assert run.evaluate(episodes=4, threads=1).mean_return == 1.0
    assert run.policy(np.ones(1)) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_kl": 0}, "--max-kl 0: expected a number, above 0"),
        ({"cg_steps": 0}, "--cg-steps 0: expected a whole number, at least 1"),
        ({"cg_damping": -1}, "--cg-damping -1: expected a number, at least 0"),
        ({"line_search_decay": 1}, "--line-search-decay 1: expected a number, above 0 and below 1"),
        ({"actor_learning_rate": 1e-3}, "--actor-learning-rate belongs to"),
        ({"clip_range": 0.2}, "--clip-range belongs to --method ppo, hyperppo or hyperppo-tasks"),
        ({"method": "ppo", "max_kl": 0.1}, "--max-kl belongs to"),
        ({"batch_size": 50}, "--batch-size 50 does not divide the 120 transitions of an iteration"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_will_not_do_is_refused_in_one_line(options, says):
    with pytest.raises(InputError) as refused:
        prepare({**TRPO, **options})
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_where_no_step_will_do_theta_stays_and_that_is_said():
    """Once, wherever the search was interrupted."""
    options = {**TRPO, "n_steps": 10, "batch_size": 40, "n_epochs": 1}
    prepared = prepare(options)
    learner, theta = prepared.learner, prepared.learner.theta()
    learner._note(1.0)
    for _ in range(9):
        learner._note(0.0)
    other = prepare(options).learner
    other.load_state_dict(learner.state_dict())
    with pytest.warns(UserWarning, match="none of the last 10 steps .* theta stays as it is. Give a larger --cg-damp"):
        other._note(0.0)
    learner._prepared = lambda *of: (TrpoLearner._prepared(learner, *of)[0]._replace(advantage=torch.zeros(1, 40)), {})
    with pytest.warns(UserWarning, match="none of the last 10 steps"):
        iterated(learner, prepared, np.zeros((1, 0), np.int64), times=3)
    np.testing.assert_array_equal(learner.theta(), theta)


def test_steps_as_they_are_go_on_where_they_were():
    vector = torch.zeros(3)
    descent = Descent(vector)
    descent.step(torch.tensor([1.0, -2.0, 0.5]))
    other = Descent(torch.zeros(3))
    other.load_state_dict(descent.state_dict())
    assert vector.tolist() == [-1.0, 2.0, -0.5]
    assert int(other.steps) == 1
