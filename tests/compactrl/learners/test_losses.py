"""Losses against numbers worked by hand and against torch's own distributions."""

import numpy as np
import pytest
import torch

from compactrl.learners import losses
from compactrl.learners.critics.base import FlatCritics
from compactrl.learners.critics.inputs import Inputs
from compactrl.learners.critics.mlp import Mlp
from compactrl.networks.adam import Adam


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
    critics = FlatCritics(Mlp(Inputs(1, 1), (32,)), 2, 1e-2, np.random.default_rng(0), torch.device("cpu"))
    drawn = torch.rand(1, 256, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    asked = drawn[..., :1], drawn[..., 1:], torch.zeros(1, 0)
    target = (asked[0] * asked[1]).flatten()
    first = critics(*asked)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, critics.targets(*asked))
    for _ in range(300):
        critics.descend(losses.critic_loss(critics(*asked, learn=True), target))
    assert losses.critic_loss(critics(*asked), target) < 0.01
    assert torch.equal(critics.targets(*asked), first)
    critics.follow(1.0)
    assert torch.equal(critics.targets(*asked), critics(*asked))
