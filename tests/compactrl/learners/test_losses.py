"""Losses against numbers worked by hand and against torch's own distributions."""

import math

import numpy as np
import pytest
import torch

from compactrl.learners import losses
from compactrl.learners.critics.mlp import Critics
from compactrl.networks.adam import Adam


def test_squashed_actions_have_the_density_of_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(50, 6, generator=generator, dtype=torch.float64).clamp(-1.9, 1.9)
    noise = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    actions, log_probability = losses.squashed(outputs, noise, -20, 2)
    mean, log_std = outputs.chunk(2, -1)
    normal = torch.distributions.Normal(mean, log_std.exp())
    squashed = torch.distributions.TransformedDistribution(normal, torch.distributions.TanhTransform(cache_size=1))
    expected_actions = torch.tanh(mean + log_std.exp() * noise)
    torch.testing.assert_close(actions, expected_actions)
    torch.testing.assert_close(log_probability, squashed.log_prob(expected_actions).sum(-1))


def test_squashed_by_hand():
    """Mean 0, deviation 1, no noise: a = 0, log p = -log sqrt(2 pi) for each action."""
    actions, log_probability = losses.squashed(torch.zeros(1, 4), torch.zeros(1, 2), -20, 2)
    assert actions.tolist() == [[0.0, 0.0]]
    assert log_probability.item() == pytest.approx(-math.log(2 * math.pi), abs=1e-6)


def test_deviations_are_clamped_and_far_actions_have_finite_densities():
    outputs = torch.tensor([[0.0, 50.0], [0.0, -50.0], [30.0, 0.0]])
    actions, log_probability = losses.squashed(outputs, torch.ones(3, 1), -6, 0)
    assert actions[:2, 0].tolist() == pytest.approx([math.tanh(1), math.tanh(math.exp(-6))])
    assert torch.isfinite(log_probability).all()


def test_targets_by_hand():
    target = losses.bellman_target(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 1.0]), torch.tensor([10.0, 10.0]), 0.9)
    assert target.tolist() == [10.0, 1.0]


def test_critic_loss_by_hand():
    values = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    assert losses.critic_loss(values, torch.tensor([0.0, 1.0])).item() == (1 + 4) / 2 + (0 + 1) / 2


def test_errors_beyond_a_multiple_of_their_mean_size_count_by_size():
    """With the gradients of torch's own Huber loss at that multiple, which is half of ours."""
    generator = torch.Generator().manual_seed(0)
    values = (5 * torch.randn(2, 64, generator=generator, dtype=torch.float64) ** 3).requires_grad_()
    target = torch.randn(64, generator=generator, dtype=torch.float64)
    for clip in (0.5, 2.0):
        beyond = clip * (values - target).abs().mean().item()
        huber = torch.nn.functional.huber_loss(values, target.expand_as(values), delta=beyond, reduction="sum")
        expected = 2 * huber / 64
        mine = losses.critic_loss(values, target, clip)
        torch.testing.assert_close(mine, expected)
        torch.testing.assert_close(*(torch.autograd.grad(each, values)[0] for each in (mine, expected)))
        assert mine < losses.critic_loss(values, target)
    torch.testing.assert_close(losses.critic_loss(values, target, 1e6), losses.critic_loss(values, target))


def test_actor_losses_by_hand():
    values = torch.tensor([[1.0, 5.0], [2.0, 4.0]])
    assert losses.soft_actor_loss(values, torch.tensor([-1.0, -3.0]), 0.5).item() == pytest.approx(-1 - 2.5)
    actions = torch.tensor([[1.0], [3.0]])
    assert losses.deterministic_actor_loss(values, actions, 0.1).item() == pytest.approx(0.1 * 5 - 3)


def test_temperature_grows_where_entropy_is_low():
    log_alpha = torch.zeros((), requires_grad=True)
    losses.temperature_loss(log_alpha, torch.tensor([2.0, 2.0]), -1.0).backward()  # entropy -2 is below -1
    assert log_alpha.grad.item() == -1.0


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_is_torchs(decay):
    start = torch.tensor([1.0, -2.0, 3.0])
    ours, theirs = start.clone(), start.clone().requires_grad_()
    adam, reference = Adam(ours, 0.01, decay), torch.optim.Adam([theirs], lr=0.01, weight_decay=decay, foreach=False)
    for step in range(20):
        gradient = torch.sin(torch.arange(3.0) + step)
        if step == 10:  # resumed
            again = Adam(ours, 0.01, decay)
            again.load_state_dict(adam.state_dict())
            adam = again
        if step == 15:
            adam.rate = reference.param_groups[0]["lr"] = 0.003
        adam.step(gradient)
        theirs.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_critics_fit_and_their_targets_follow():
    critics = Critics(2, (32,), 2, 1e-2, np.random.default_rng(0), torch.device("cpu"))
    rows = torch.rand(256, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    target = rows[:, 0] * rows[:, 1]
    first = critics(rows)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, critics.targets(rows))
    for _ in range(300):
        critics.descend(losses.critic_loss(critics(rows, learn=True), target))
    assert losses.critic_loss(critics(rows), target) < 0.01
    assert torch.equal(critics.targets(rows), first)
    critics.follow(1.0)
    assert torch.equal(critics.targets(rows), critics(rows))
