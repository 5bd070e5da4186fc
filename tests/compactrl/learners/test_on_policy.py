"""On-policy learning against a naive PPO, reduced to its base case, and on environments with a known answer."""

import json
import os
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from bandit import Bandit

from compactrl.compressions import Hypernet, HypernetOptions, Plain
from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.base import LearnerContext
from compactrl.learners.metabatch import MetaBatch
from compactrl.learners.ppo import PpoLearner
from compactrl.policies.skeleton import Skeleton
from compactrl.searches.api import finish, reopen, search, start
from compactrl.searches.prepare import prepare

PPO = {
    "method": "ppo", "env": "compactrl/Target-v0", "hidden": (6,), "critic_hidden": (5,), "num_envs": 4, "n_steps": 30,
    "n_epochs": 3, "batch_size": 120, "log_std_init": 0.0, "seed": 1, "threads": 1,
}  # fmt: skip
HYPER = {
    "method": "hyperppo", "env": "compactrl/Target-v0", "widths": "4,8", "max_layers": 2, "rank": 4, "graph_size": 8,
    "meta_batch": 4, "num_envs": 8, "n_steps": 10, "batch_size": 40, "n_epochs": 2, "critic_hidden": (5,), "seed": 1,
}  # fmt: skip


SMALL = {"method": "hyperppo", "steps": 8000, "n_epochs": 5, "meta_batch": 4}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def outcomes_of(prepared, trials, calls=1):
    evaluator = LocalEvaluator(prepared.spec, prepared.settings.lanes, np.random.SeedSequence(0), threads=1)
    outcomes = [evaluator.collect(trials) for _ in range(calls)][-1]
    evaluator.close()
    return outcomes


def layers_of(flat, sizes):
    layers, place = [], 0
    for inputs, outputs in pairwise(sizes):
        weight = flat[place : place + inputs * outputs].view(outputs, inputs)
        place += inputs * outputs
        layers.append((weight, flat[place : place + outputs]))
        place += outputs
    return layers


def mlp(flat, sizes, x):
    *hidden, (weight, bias) = layers_of(flat, sizes)
    for inner, inner_bias in hidden:
        x = torch.tanh(x @ inner.t() + inner_bias)
    return x @ weight.t() + bias


ALL = {"ent_coef": 0.1, "bounds_coef": 5.0, "clip_range_vf": 0.05, "clip_range": 0.1}


@pytest.mark.parametrize("more", [{}, ALL], ids=["plain", "all"])
def test_an_iteration_is_that_of_a_naive_ppo(more):
    """All transitions in each update, autograd, torch's Adam, a loop over every lane for the advantages."""
    options = {**PPO, **more, "actor_learning_rate": 0.03, "critic_learning_rate": 0.02}
    prepared = prepare(options)
    learner, lr, eps = prepared.learner, 0.03, 1e-5
    trials = learner.ask(np.zeros((1, 0), np.int64))
    outcomes = outcomes_of(prepared, trials, calls=2)  # begins in the middle of episodes
    seen = outcomes.transitions
    actor = torch.tensor(learner.theta(), dtype=torch.float64, requires_grad=True)
    critic = torch.tensor(learner.values.state_dict()["weights"], dtype=torch.float64, requires_grad=True)
    log_std = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    sizes, values = (3, 6, 2), (3, 5, 1)
    value = mlp(critic, values, torch.tensor(seen.observation))[..., 0].detach().numpy()
    following = mlp(critic, values, torch.tensor(seen.next_observation))[..., 0].detach().numpy()
    returns, running = [], np.zeros(4)
    for step in range(30):
        running = np.where(seen.begun[step], 0, running) * 0.99 + seen.reward[step]
        returns.append(running.copy())
        running[seen.truncated[step]] = 0
    reward = seen.reward / np.std(returns)
    advantage = np.zeros((30, 4))
    for lane in range(4):
        later = 0.0
        for step in reversed(range(30)):
            delta = reward[step, lane] + 0.99 * following[step, lane] - value[step, lane]  # Target never terminates
            later = delta + 0.99 * 0.95 * (0.0 if seen.truncated[step, lane] else later)
            advantage[step, lane] = later
    target = torch.tensor(value + advantage)
    scaled = torch.tensor((advantage - advantage.mean()) / advantage.std())
    drawn, observation = torch.tensor(np.arctanh(seen.action)), torch.tensor(seen.observation)

    def log_probability():
        return torch.distributions.Normal(mlp(actor, sizes, observation), log_std.exp()).log_prob(drawn).sum(-1)

    behaviour, before = log_probability().detach(), torch.tensor(value)
    optimizers = [
        torch.optim.Adam([actor], lr, eps=eps), torch.optim.Adam([log_std], lr, eps=eps),
        torch.optim.Adam([critic], 0.02, eps=eps),
    ]  # fmt: skip
    clip, clip_value = options.get("clip_range", 0.2), options.get("clip_range_vf", 0)
    entropy = options.get("ent_coef", 0)
    for _ in range(3):
        ratio = (log_probability() - behaviour).exp()
        loss = -torch.min(ratio * scaled, ratio.clip(1 - clip, 1 + clip) * scaled).mean() - entropy * log_std.sum()
        beyond = torch.relu(mlp(actor, sizes, observation).abs() - 3).square().sum(-1).mean()
        loss = loss + options.get("bounds_coef", 0) * beyond
        found = mlp(critic, values, observation)[..., 0]
        errors = (found - target) ** 2
        if clip_value:
            errors = torch.max(errors, (before + (found - before).clip(-clip_value, clip_value) - target) ** 2)
        for optimizer in optimizers:
            optimizer.zero_grad()
        (loss + errors.mean() / 2).backward()
        for part in (actor, critic):
            torch.nn.utils.clip_grad_norm_([part], 0.5)
        for optimizer in optimizers:
            optimizer.step()
    learner.tell(trials, outcomes, 0.0)
    np.testing.assert_allclose(learner.theta(), actor.detach().numpy(), atol=2e-4)
    np.testing.assert_allclose(learner.values.state_dict()["weights"], critic.detach().numpy(), atol=2e-4)
    deviations = learner.state_dict()["deviations"]["log_std"][0]
    np.testing.assert_allclose(deviations, log_std.detach().numpy(), atol=2e-4)
    assert np.abs(deviations).max() > 0.01


class OneArchitecture(Hypernet):
    """A space of one architecture, whose policy is its own plain network."""

    def __init__(self, plain):
        super().__init__(Skeleton.relu((3, 2)), HypernetOptions(widths=(6,), max_layers=1))
        self.plain, self.sizes, self.skeleton = plain, plain.sizes, plain.skeleton

    num_parameters = property(lambda self: self.plain.num_parameters)

    def initial(self, generator):
        return self.plain.initial(generator)

    def network(self, theta, designs):
        return self.plain.network(theta, designs)

    def pullback(self, theta, designs):
        return self.plain.pullback(theta, designs)

    def expand_each(self, theta, designs):
        return self.plain.expand_each(theta, designs[:, :0])


def test_plain_ppo_is_hyperppo_with_one_architecture_bit_for_bit():
    """With a deviation for each architecture, and with a design that is told to nobody."""
    prepared = prepare({**PPO, "batch_size": 40})
    options = prepared.settings.learner.model_copy(update={"deviation": "per-architecture"})
    hypernet = OneArchitecture(prepared.compression)
    assert isinstance(hypernet.plain, Plain)
    context = LearnerContext(
        method="hyperppo", compression=hypernet, options=options, spec=prepared.spec, lanes=4,
        seed=np.random.SeedSequence(1).spawn(5)[1], distribution=prepared.learner.distribution, steps=1000,
        meta_batch=MetaBatch(1),
    )  # fmt: skip
    one, other = prepared.learner, PpoLearner(context)
    for design in (np.zeros((1, 0), np.int64), np.ones((1, 1), np.int64)):
        learner = one if not design.size else other
        evaluator = LocalEvaluator(prepared.spec, 4, np.random.SeedSequence(0), threads=1)
        for iteration in range(3):
            trials = learner.ask(design)
            learner.tell(trials, evaluator.collect(trials), iteration / 3)
        evaluator.close()
    np.testing.assert_array_equal(one.theta(), other.theta())
    for name in ("values", "deviations", "scale"):
        mine, theirs = one.state_dict()[name], other.state_dict()[name]
        for key in mine.keys() - {"adam"}:
            np.testing.assert_array_equal(mine[key], theirs[key])


@pytest.mark.parametrize("over", ["each", "together"])
def test_nothing_is_mixed_between_architectures(over):
    """Other rewards of one change neither advantages nor probabilities of the others, but for what normalises all."""
    prepared = prepare({**HYPER, "normalize_returns": False, "advantage_normalization": over})
    learner = prepared.learner
    designs = learner.compression.space.sample(4, np.random.default_rng(0))
    trials = learner.ask(designs)
    seen = outcomes_of(prepared, trials).transitions
    np.testing.assert_array_equal(trials.designs, designs[np.arange(8) % 4])
    reward = seen.reward.copy()
    reward[:, [1, 5]] += np.random.default_rng(1).normal(size=(10, 2))
    one = learner._prepared(seen, designs, learner.normalizer)[0]
    values = learner._design_values
    other = learner._prepared(seen._replace(reward=reward), designs, learner.normalizer)[0]
    for name, mine, theirs in zip(one._fields, one, other, strict=True):
        mine, theirs = mine[[0, 2, 3]], theirs[[0, 2, 3]]
        if name == "advantage" and over == "together":
            scale = mine.std() / theirs.std()
            torch.testing.assert_close((mine - mine.mean()), (theirs - theirs.mean()) * scale, atol=1e-5, rtol=1e-5)
        else:
            assert torch.equal(mine, theirs)
    assert not torch.equal(one.advantage[1], other.advantage[1])
    assert ((values == learner._design_values) == [True, False, True, True]).all()


@pytest.mark.parametrize("over", ["each", "together"])
def test_advantages_are_normalised_over_all_transitions_or_each_architecture_s(over):
    prepared = prepare({**HYPER, "advantage_normalization": over})
    learner = prepared.learner
    designs = learner.compression.space.sample(4, np.random.default_rng(0))
    outcomes = outcomes_of(prepared, learner.ask(designs))
    advantage = learner._prepared(outcomes.transitions, designs, learner.normalizer)[0].advantage
    groups = advantage if over == "each" else advantage.reshape(1, -1)
    torch.testing.assert_close(groups.mean(1), torch.zeros(len(groups)), atol=1e-6, rtol=0)
    torch.testing.assert_close(groups.std(1, unbiased=False), torch.ones(len(groups)))
    assert (advantage.std(1, unbiased=False) - 1).abs().max() > 0.01 or over == "each"


def test_a_run_of_before_there_was_a_choice_goes_on_with_each_architecture_s_advantages(tmp_path):
    assert prepare(HYPER).learner.options.advantage_normalization == "together"
    running = start({**HYPER, "steps": 20_000, "threads": 1, "advantage_normalization": "each"}, tmp_path / "run")
    finish(running, should_stop=lambda: running.iteration >= 3)
    file = tmp_path / "run" / "config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for options in (content, content.get("options", {})):
        options.pop("advantage_normalization", None)
    file.write_text(json.dumps(content), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing new to tell
        again = reopen(tmp_path / "run")
    assert again.learner.options.advantage_normalization == "each"
    again.close()


@pytest.mark.parametrize("deviation", ["common", "per-architecture", "state"])
def test_what_acted_is_what_probabilities_are_of(deviation):
    """By the evaluator's networks and by torch's, with deviations that differ."""
    prepared = prepare({**HYPER, "deviation": deviation})
    learner = prepared.learner
    designs = learner.compression.space.sample(4, np.random.default_rng(0))
    if deviation != "state":
        table = learner._deviations._tables["log_std"]
        table += torch.randn(table.shape, generator=torch.Generator().manual_seed(0))
    trials = learner.ask(designs)
    outcomes = outcomes_of(prepared, trials)
    samples = learner._prepared(outcomes.transitions, designs, learner.normalizer)[0]
    theta, noise = learner.theta().astype(np.float32), trials.exploration.noise
    for lane in (0, 3, 6):
        x = outcomes.transitions.observation[:, lane]
        for layer in learner.compression.expand(theta, designs[lane % 4]):
            outputs = x @ layer.weight.T + layer.bias
            x = np.maximum(outputs, 0)
        log_std = outputs[:, 2:] - 0.7 if deviation == "state" else np.log(learner._deviations.of(designs))[lane % 4]
        std = np.exp(log_std)
        drawn = outputs[:, :2] + noise[:, lane] * (std if deviation == "state" else 1)
        np.testing.assert_allclose(outcomes.transitions.action[:, lane], np.tanh(drawn), atol=1e-5)
        density = -0.5 * ((drawn - outputs[:, :2]) / std) ** 2 - log_std - 0.5 * np.log(2 * np.pi)
        rows = samples.behaviour.view(4, 10, 2)[lane % 4, :, lane // 4]
        np.testing.assert_allclose(rows.numpy(), density.sum(1), atol=1e-4)


@pytest.mark.parametrize("method", [PPO, HYPER], ids=["ppo", "hyperppo"])
@pytest.mark.parametrize("deviation", ["common", "per-architecture", "state"])
def test_deviations_begin_where_they_are_told_to(method, deviation):
    """Whoever decides them: what is drawn in the first iteration differs from its mean by so much."""
    spread = {}
    for log_std in (-3.0, -1.0):
        prepared = prepare({**method, "deviation": deviation, "log_std_init": log_std})
        learner = prepared.learner
        trials = learner.ask(learner.compression.space.sample(learner.num_designs, np.random.default_rng(0)))
        drawn = np.arctanh(outcomes_of(prepared, trials).transitions.action)
        spread[log_std] = drawn.std(axis=(0, 1))
    np.testing.assert_allclose(spread[-1.0], np.exp(-1.0), rtol=0.3)
    assert (spread[-3.0] < 0.3 * spread[-1.0]).all()


@pytest.mark.parametrize(
    ("options", "required"),
    [
        ({"method": "ppo", "hidden": 16, "activation": "relu", "steps": 16_000}, -1.0),
        ({"method": "ppo", "hidden": 16, "deviation": "state", "steps": 16_000}, -1.0),
        ({**SMALL, "widths": "8,16", "max_layers": 2, "graph_size": 8, "rank": 8}, -2.0),
    ],
    ids=lambda value: str(value)[:60],
)
def test_it_learns_the_toy(tmp_path, options, required):
    """Doing nothing gets about -11; 0 is the best that can be."""
    run = search(
        out=tmp_path / "run", env="compactrl/Target-v0", num_envs=16, n_steps=20, batch_size=80, gamma=0.0,
        actor_learning_rate=5e-3, critic_learning_rate=5e-3, critic_hidden=16, threads=1, seed=0, **options,
    )  # fmt: skip
    assert run.evaluate(episodes=32, threads=1).mean_return > required


def test_it_finds_the_best_arm_of_a_bandit(tmp_path):
    run = search(
        Bandit, out=tmp_path / "run", method="ppo", hidden=4, steps=3000, num_envs=8, n_steps=16, batch_size=64,
        actor_learning_rate=0.02, critic_hidden=4, threads=1, seed=0,
    )  # fmt: skip
    assert run.evaluate(episodes=4, threads=1).mean_return == 1.0
    assert run.policy(np.ones(1)) == 3
    assert run.metrics[-1]["entropy"] < 0.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 50}, "--batch-size 50 does not divide the 120 transitions of an iteration"),
        ({"batch_size": 500}, "--batch-size 500 does not divide the 120 transitions"),
        ({"n_steps": 0}, "--n-steps 0: expected a whole number, at least 1"),
        ({"target_kl": -0.1}, "--target-kl -0.1: expected a number, at least 0"),
        ({"adaptive_learning_rate": True}, "adapts to --target-kl: give one"),
        (
            {"deviation": "states"},
            "--deviation states: expected common, per-architecture or state. Did you mean 'state",
        ),
        ({"env": "CartPole-v1", "deviation": "state"}, "the actions of CartPole-v1 are discrete"),
        ({"clip_range": 0}, "--clip-range 0: expected a number, above 0 and below 1"),
        ({"method": "sac", "n_steps": 5}, "--n-steps belongs to --method ppo, hyperppo"),
        ({**HYPER, "num_envs": 6}, "--num-envs 6 cannot be shared evenly by --meta-batch 4 architectures"),
        ({**HYPER, "num_envs": 2, "n_steps": 40}, "--meta-batch 4 is more than the 2 lanes"),
        ({**HYPER, "batch_size": 2}, "--meta-batch 4 is more than --batch-size 2"),
        ({**HYPER, "batch_size": 10}, "among 4 architectures or tasks"),
        ({**HYPER, "resample_updates": 3}, "--resample-updates belongs to"),
        (
            {**HYPER, "widths": tuple(range(1, 41)), "max_layers": 5, "deviation": "per-architecture"},
            "40 --widths in up to 5 layers are 105,025,640 architectures, more than the 8,388,608 that can be kept",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_will_not_do_is_refused_in_one_line(options, says):
    given = options if "widths" in options or options.get("method") == "sac" else {**PPO, **options}
    with pytest.raises(InputError) as refused:
        prepare(given)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_deviations_for_too_many_architectures_are_refused(monkeypatch):
    monkeypatch.setattr("compactrl.learners.on_policy.MOST_DEVIATIONS", 11)
    with pytest.raises(
        InputError, match="6 architectures or tasks with 2 actions are too many to keep a vector of each"
    ):
        prepare({**HYPER, "deviation": "per-architecture"})


def test_updates_end_where_the_divergence_is_too_large_and_rates_adapt(tmp_path):
    options = {**PPO, "steps": 600, "actor_learning_rate": 0.05, "batch_size": 40, "n_epochs": 10}
    stopped = search(out=tmp_path / "stopped", target_kl=0.01, **options).metrics
    assert stopped[0]["epochs"] < 10
    adapting = search(out=tmp_path / "adapting", target_kl=0.01, adaptive_learning_rate=True, **options).metrics
    assert {row["epochs"] for row in adapting} == {10}
    assert adapting[-1]["actor_learning_rate"] < 0.02
