"""Every critic serves every learner, and a policy climbs it; options that are not a critic's are refused."""

import numpy as np
import pytest
import torch
from critics_drawn import form_of

from compactrl.buffers import Experience
from compactrl.errors import InputError
from compactrl.hypernetworks import primary
from compactrl.learners.critics import CRITICS, mlp, residual
from compactrl.learners.critics.base import FlatCritics
from compactrl.learners.critics.inputs import Inputs
from compactrl.learners.gradient import Means
from compactrl.learners.losses import critic_loss
from compactrl.networks.adam import Adam
from compactrl.networks.perceptrons import Stack
from compactrl.searches.prepare import prepare

ENV = {"env": "compactrl/Target-v0", "batch_size": 32, "threads": 1}
GHP = {"method": "ghp", "widths": "4,8", "max_layers": 2, "rank": 4, "graph_size": 8, "meta_batch": 4}
ROWS = 8


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """Smaller than any size on offer, so that this takes no time; wide enough to learn."""
    for sizes, narrow in (
        (residual.STAGES, (16, 32, 64)),
        (residual.DYNAMIC_WIDTH, 32),
        (primary.HEAD_BOUNDS, (0.2, 0.1)),
        (mlp.LARGE_WIDTHS, (64, 64)),
    ):
        monkeypatch.setitem(sizes, "small", narrow)
    monkeypatch.setattr(residual, "DEPTH", 4)


def options_of(name):
    return {"critic": name, "critic_size": "small"} if CRITICS[name].sized else {"critic": name, "critic_hidden": "16"}


@pytest.mark.parametrize("search", [{"method": "sac"}, {"method": "td3"}, {"method": "ddpg"}, GHP], ids=str)
@pytest.mark.parametrize("name", CRITICS)
def test_every_critic_serves_every_learner(search, name):
    learner = prepare({**ENV, **search, **options_of(name), "learning_starts": 0}).learner
    policies = learner.batch.size
    generator = torch.Generator().manual_seed(0)
    observation, action, following = (
        torch.randn(policies, ROWS, size, generator=generator)
        for size in (learner.trained.sizes[0], learner.actions, learner.trained.sizes[0])
    )
    batch = Experience(observation, torch.tanh(action), action[..., 0], torch.zeros(policies, ROWS), following)
    designs = learner.parts(learner.compression.space.sample(learner.num_designs, np.random.default_rng(0)))[0]
    theta, weights = learner._theta.detach().clone(), learner.critics._weights.detach().clone()
    means = Means()
    values = [learner._update(batch, designs, torch.zeros(2, policies, ROWS, learner.actions), means) for _ in range(2)]
    assert values[-1].shape == (policies, ROWS)
    assert np.isfinite(list(means.metrics().values())).all()
    assert not torch.equal(learner._theta, theta)
    assert not torch.equal(learner.critics._weights, weights)
    again = prepare({**ENV, **search, **options_of(name), "learning_starts": 0}).learner
    again.load_state_dict(learner.state_dict())
    assert torch.equal(again.critics._weights, learner.critics._weights)


@pytest.mark.parametrize("name", CRITICS)
def test_a_policy_finds_the_identity_by_every_critics_gradient(name):
    """The reward is -|a - s|²: what a critic has learned of random actions leads a linear policy to a = s."""
    form = form_of(name, Inputs(2, 2), critic_hidden=(64, 64), critic_size="small" if CRITICS[name].sized else "paper")
    critics = FlatCritics(form, 2, 3e-3, np.random.default_rng(0), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    told = torch.zeros(1, 0)

    def drawn():
        return 2 * torch.rand(1, 128, 2, generator=generator) - 1

    for _ in range(250):
        state, action = drawn(), drawn()
        reward = -(action - state).square().sum(-1).flatten()
        critics.descend(critic_loss(critics(state, action, told, learn=True), reward))
    theta = torch.zeros(6, requires_grad=True)
    policy, adam = Stack(theta, (2, 2)), Adam(theta, 0.03)
    for _ in range(100):
        state = drawn()
        values = critics(state, policy(state[0]), told, only=1)
        adam.step(torch.autograd.grad(-values.mean(), theta)[0])
    errors = (policy(state[0]) - state).detach().square().sum(-1)
    assert errors.mean() < 0.1  # doing nothing has 2 / 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"critic": "sa-hyp"}, r"--critic sa-hyp: expected mlp.* Did you mean '?sa-hyper"),
        (
            {"critic": "d2rl", "critic_hidden": "64"},
            "--critic-hidden 64 is for --critic mlp: the widths of d2rl follow",
        ),
        ({"critic_size": "small"}, "--critic-size small is not for --critic mlp: give --critic-hidden"),
        (
            {"critic": "res35", "critic_init": "bias-hyper"},
            "--critic-init bias-hyper is for --critic sa-hyper, as-hyper",
        ),
        ({"critic": "sa-hyper", "critic_size": "huge"}, "--critic-size huge: expected paper or small"),
        ({"critic_hidden": "200000,200000"}, r"2 critics of 40,001,600,001 parameters take .* MB of memory to learn"),
        ({"method": "chromatic", "critic": "sa-hyper"}, "--critic belongs to --method sac"),
    ],
)
def test_what_is_not_a_critics_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        prepare({**ENV, "method": "td3", **options} if "method" not in options else {"env": ENV["env"], **options})
