"""PEARL: an update against its formulas, who acts by which latents, adapting to a task, and a family that needs it."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import linear, softplus

from compactrl.errors import InputError
from compactrl.evaluation.local import LocalEvaluator
from compactrl.learners.adapting import Adapting
from compactrl.learners.context_encoder import Gaussian
from compactrl.learners.gradient import Means
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import cut
from compactrl.searches.prepare import prepare
from compactrl.types import Mixed, Trials

CONTEXTS = np.array([[-1.0], [1.0]])
STEPS, LANES, Z = 20, 8, 2
OPTIONS = {
    "method": "pearl", "env": "compactrl/HiddenPointMass-v0", "hidden": (16, 16), "critic_hidden": (16, 16),
    "encoder_hidden": (16, 16), "latent_size": Z, "steps": 10_000, "learning_starts": 0, "iteration_steps": 160,
    "context_size": 16, "context_window": 40, "batch_size": 64, "meta_batch": 2, "updates_per_step": 0.05,
}  # fmt: skip
both_methods = pytest.mark.parametrize("method", ["pearl", "hyper-pearl"])


def prepared(**options):
    return prepare({**OPTIONS, **options})


def lanes_of(made, count=None, seed=1):
    return LocalEvaluator(made.spec, count or made.learner.lanes, np.random.SeedSequence(seed), threads=1)


def go_on(learner, evaluator, iterations, tasks=((0,), (1,))):
    """Learn for some iterations; return the last trials and outcomes."""
    for _ in range(iterations):
        trials = learner.ask(np.array(tasks))
        outcomes = evaluator.collect(trials)
        learner.tell(trials, outcomes, 0.0)
    return trials, outcomes


def naive(flat, sizes, rows):
    """A ReLU network of a flat vector, which autograd can follow."""
    layers = cut(flat, sizes)
    for number, (weight, bias) in enumerate(layers):
        rows = linear(rows, weight, bias)
        rows = rows.relu() if number < len(layers) - 1 else rows
    return rows


@pytest.fixture
def gradients(monkeypatch):
    """What every step of Adam gets, by the vector that it is for; no step is taken."""
    seen = {}
    monkeypatch.setattr(Adam, "step", lambda self, gradient: seen.setdefault(self._vector.data_ptr(), gradient.clone()))
    return seen


def test_an_update_follows_the_gradients_of_the_paper_s_losses(gradients):
    made = prepared(kl_weight=0.3, alpha=0.1, gamma=0.9)
    learner, tasks, rows = made.learner, np.array([1, 0, 1]), 10
    trials = learner.ask(np.array([[0], [1]]))
    learner._remember(lanes_of(made).collect(trials).transitions)
    generator = copy.deepcopy(learner.generator)
    values = learner._learn_tasks(tasks, rows, Means())

    batch = learner._prepared(learner.buffer.sample_of(tasks, rows, generator), (3, rows))
    recent = learner.buffer.sample_of(tasks, 16, generator, recent=True)
    context = torch.cat(
        [torch.as_tensor(part) for part in (recent.observation, recent.action, recent.reward[:, None])], 1
    )
    noise_of_latents = torch.as_tensor(generator.standard_normal((3, Z), np.float32))
    noise = torch.as_tensor(generator.standard_normal((2, 3, rows, 2), np.float32))

    encoder = learner.encoder._weights.detach().clone().requires_grad_()
    critics = learner.critics._weights.detach().clone().requires_grad_()
    theta = learner._theta.detach().clone().requires_grad_()
    mean, raw = naive(encoder, (7, 16, 16, 2 * Z), context).view(3, 16, 2 * Z).chunk(2, -1)
    variance = 1 / (1 / softplus(raw)).sum(1)
    mean = variance * (mean / softplus(raw)).sum(1)
    latents = mean + variance.sqrt() * noise_of_latents
    told = latents[:, None].expand(-1, rows, -1)

    def values_of(flat, observation, action, told):
        inputs = torch.cat([observation, action, told], -1)
        return torch.stack([naive(part, (8, 16, 16, 1), inputs)[..., 0] for part in flat.chunk(2)])

    def acted(observation, noise):
        outputs = naive(theta, (6, 16, 16, 4), torch.cat([observation, told.detach()], -1))
        return learner.distribution.sample(outputs, noise)

    with torch.no_grad():
        following, density = acted(batch.next_observation, noise[0])
        least = values_of(learner.critics._targets, batch.next_observation, following, told).amin(0)
        target = batch.reward + 0.9 * (1 - batch.terminated) * (least - 0.1 * density)
    errors = values_of(critics, batch.observation, batch.action, told) - target
    distance = 0.5 * (variance + mean**2 - 1 - variance.log()).sum(1).mean()
    loss = errors.square().mean((1, 2)).sum() + 0.3 * distance
    of_critics, of_encoder = torch.autograd.grad(loss, [critics, encoder])
    action, density = acted(batch.observation, noise[1])
    worth = values_of(critics.detach(), batch.observation, action, told.detach()).amin(0)
    (of_theta,) = torch.autograd.grad((0.1 * density - worth).mean(), theta)

    for vector, expected in (
        (learner.encoder._weights, of_encoder), (learner.critics._weights, of_critics), (learner._theta, of_theta),
    ):  # fmt: skip
        torch.testing.assert_close(gradients[vector.data_ptr()], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(values, worth, rtol=1e-4, atol=1e-5)
    assert of_encoder.abs().max() > 1e-3


def test_lanes_act_by_the_prior_until_the_encoder_learns_and_some_of_them_then_by_the_posterior(monkeypatch):
    made = prepared()
    learner, evaluator, drawn = made.learner, lanes_of(made), []
    policies = made.compression
    of_latents = policies.of_latents
    monkeypatch.setattr(
        policies, "of_latents", lambda theta, latents: drawn.append(latents) or of_latents(theta, latents)
    )
    trials, _ = go_on(learner, evaluator, 1)
    assert learner._by_prior.all()
    assert trials.tasks.tolist() == [[-1.0], [1.0]] * 4
    far = Gaussian(torch.full((4, Z), 50.0), torch.full((4, Z), 1e-6))
    with monkeypatch.context() as patch:
        patch.setattr(learner.encoder, "posterior", lambda _: far)
        trials = learner.ask(np.array([[1], [0]]))
    assert trials.tasks.tolist() == [[1.0], [-1.0]] * 4
    assert learner._by_prior.tolist() == [True] * 4 + [False] * 4
    np.testing.assert_allclose(drawn[-1][4:], 50, atol=0.1)
    assert np.abs(drawn[-1][:4]).max() < 5
    assert len(np.unique(drawn[-1], axis=0)) == LANES  # each lane has its own
    theta = learner._theta.detach().numpy()
    for lane, expected in enumerate(of_latents(theta, drawn[-1])):
        for mine, theirs in zip(trials.networks.policies[trials.networks.of[lane]], expected, strict=True):
            np.testing.assert_array_equal(mine.weight, theirs.weight)
            np.testing.assert_array_equal(mine.bias, theirs.bias)


def test_the_encoder_gets_what_the_prior_did_in_the_task_and_nothing_else():
    made = prepared(context_window=80)
    learner, evaluator = made.learner, lanes_of(made)
    seen = {0: set(), 1: set()}
    for _ in range(3):
        _, outcomes = go_on(learner, evaluator, 1)
        for lane in np.flatnonzero(learner._by_prior):
            seen[lane % 2] |= {tuple(row) for row in outcomes.transitions.action[:, lane].astype(np.float32)}
    assert not learner._by_prior.all()
    context = learner._recent(np.repeat([0, 1], 20))
    assert context.shape == (40, 16, 4 + 2 + 1)
    for task, rows in zip(np.repeat([0, 1], 20), context[..., 4:6].numpy(), strict=True):
        assert {tuple(row) for row in rows} <= seen[task]


def test_tasks_that_are_not_known_yet_do_not_learn_and_have_no_value():
    made = prepared()
    learner, evaluator = made.learner, lanes_of(made)
    _, outcomes = go_on(learner, evaluator, 1, tasks=((1,), (1,)))
    assert learner.buffer.known.tolist() == [1]
    learner._asked = np.array([[[0], [1]]])
    values = learner._learn(np.array([[0], [1]]), Means())
    assert np.isnan(values[0])
    assert np.isfinite(values[1])
    assert np.isfinite(learner.judge(outcomes).rewards).all()


@both_methods
def test_adapting_infers_the_posterior_of_all_that_was_seen_in_a_task_by_the_prior(method, monkeypatch):
    made = prepared(method=method, adaptation_episodes=5)
    learner, lanes = made.learner, 6
    assert isinstance(learner, Adapting)
    go_on(learner, lanes_of(made), 1)
    evaluator, asked, seen = lanes_of(made, lanes, seed=2), [], []
    collect = evaluator.collect

    def kept(trials):
        outcomes = collect(trials)
        asked.append(trials)
        seen.append(outcomes.transitions)
        return outcomes

    monkeypatch.setattr(evaluator, "collect", kept)
    adapted = learner.adapt(evaluator, CONTEXTS, np.random.default_rng(0))
    assert len(asked) == 2  # three lanes a task, twice: at least five episodes
    assert [trials.tasks.ravel().tolist() for trials in asked] == [[-1, 1] * 3] * 2
    first = np.stack([layers[0].bias for trials in asked for layers in trials.networks.policies])
    assert len(np.unique(first, axis=0)) == 2 * lanes  # every episode has latents of its own
    for task, shipped in enumerate(adapted):
        parts = [
            np.concatenate([each.observation, each.action, each.reward[..., None]], -1)[:, task::2].reshape(-1, 7)
            for each in seen
        ]
        context = torch.as_tensor(np.concatenate(parts), dtype=torch.float32)[None]
        latents = learner.encoder.posterior(context).mean[0].detach().numpy()
        (expected,) = made.compression.of_latents(learner.theta(), latents[None].astype(float))
        for mine, theirs in zip(shipped.layers, expected, strict=True):
            outputs = len(mine.bias)
            np.testing.assert_allclose(mine.weight, theirs.weight[:outputs], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(mine.bias, theirs.bias[:outputs], rtol=1e-4, atol=1e-5)
        assert shipped.compact.skeleton.sizes == (4, *made.compression.sizes[1:-1], 2)


LEARNABLE = {
    "hidden": (32, 32), "critic_hidden": (32, 32), "encoder_hidden": (32, 32), "num_envs": 32, "iteration_steps": 640,
    "updates_per_step": 0.125, "batch_size": 128, "context_window": 1000, "posterior_share": 0.25, "gamma": 0.0,
    "alpha": 0.01, "kl_weight": 0.02, "learning_starts": 1000,
    "critic_learning_rate": 3e-3, "encoder_learning_rate": 3e-3, "tau": 0.05,
}  # fmt: skip
"""What is near the best in the next step is so in the end, too: it need not look ahead."""


@both_methods
def test_a_task_that_observations_do_not_tell_is_solved_once_it_is_inferred_and_not_before(method):
    """Who does the same in both tasks has -20 on average at best."""
    made = prepared(method=method, **LEARNABLE, actor_learning_rate=3e-3 if method == "pearl" else 1e-3)
    learner, evaluator = made.learner, lanes_of(made, 2 * LANES, seed=2)
    go_on(learner, lanes_of(made), 9)

    def returns(policies):
        networks = Mixed(tuple(shipped.layers for shipped in policies), np.arange(2 * LANES), "relu")
        tasks = np.tile(CONTEXTS, (LANES, 1))
        trials = Trials(networks, learner.normalizer, np.zeros((2 * LANES, 0), np.int64), tasks=tasks)
        return evaluator.evaluate(trials).returns

    before = returns([learner.ship(np.array([0]))] * 2 * LANES)
    after = returns(learner.adapt(evaluator, CONTEXTS, np.random.default_rng(0)) * LANES)
    assert before.mean() < -18
    assert after.mean() > -8
    assert min(after[::2].mean(), after[1::2].mean()) > -14


@both_methods
def test_it_goes_on_from_its_state_with_the_same_bits(method):
    made, others = prepared(method=method, automatic_alpha=True), prepared(method=method, automatic_alpha=True, seed=1)
    evaluator = lanes_of(made)
    go_on(made.learner, evaluator, 2)
    others.learner.load_state_dict(made.learner.state_dict())
    other = lanes_of(others)
    other.load_state_dict(evaluator.state_dict())
    (mine, seen), (theirs, too) = go_on(made.learner, evaluator, 2), go_on(others.learner, other, 2)
    for one, same in zip(mine.networks.policies, theirs.networks.policies, strict=True):
        for layer, expected in zip(one, same, strict=True):
            np.testing.assert_array_equal(layer.weight, expected.weight)
            np.testing.assert_array_equal(layer.bias, expected.bias)
    np.testing.assert_array_equal(seen.transitions.action, too.transitions.action)
    for name in ("theta", "average_theta"):
        np.testing.assert_array_equal(made.learner.state_dict()[name], others.learner.state_dict()[name])
    np.testing.assert_array_equal(
        made.learner.encoder.state_dict()["weights"], others.learner.encoder.state_dict()["weights"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"critic": "d2rl", "critic_hidden": None},
            "--critic d2rl passes no gradient on to latents: with --method pearl",
        ),
        ({"env": "compactrl/Target-v0"}, "--method pearl is for families of tasks"),
        ({"meta_batch": 16}, "--meta-batch 16 is more than the 8 lanes"),
        ({"adaptation_episodes": 0}, "--adaptation-episodes 0: expected"),
        ({"fine_tune_share": 0.2}, "--fine-tune-share is not for --method pearl"),
        ({"hindsight": 0.5}, "--hindsight is not for --method pearl"),
        ({"steps": 100, "learning_starts": 200}, "--steps 100: learning begins after 200 steps"),
        ({"latent_size": 0}, "--latent-size 0: expected"),
        ({"method": "sac", "latent_size": 3}, "--latent-size belongs to --method pearl or hyper-pearl"),
    ],
    ids=str,
)
def test_what_will_not_do_is_said(options, message):
    own = {} if options.get("method") == "sac" else {**OPTIONS, "num_envs": 8}
    with pytest.raises(InputError, match=message):
        prepare({name: value for name, value in {**own, **options}.items() if value is not None})
