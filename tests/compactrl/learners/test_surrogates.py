"""PPO's losses: numbers worked by hand, and gradients against autograd of the printed formulas."""

import math

import pytest
import torch

from compactrl.learners.surrogates import bounds_slope, clip_to_norm, surrogate, value_loss


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    [
        (1.1, 2.0, -2.2, -2.2),
        (1.5, 2.0, -2.4, 0.0),  # clipped: nothing more is gained
        (0.5, 2.0, -1.0, -1.0),
        (0.5, -2.0, 1.6, 0.0),
        (1.5, -2.0, 3.0, 3.0),  # a loss is never clipped
        (1.5, 0.0, 0.0, 0.0),
    ],
)
def test_the_surrogate_by_hand(ratio, advantage, loss, slope):
    zero = torch.zeros(1, dtype=torch.float64)
    found = surrogate(zero + math.log(ratio), zero, zero + advantage, 0.2)
    assert found.loss.item() == pytest.approx(loss)
    assert found.gradient.item() == pytest.approx(slope)
    assert found.ratio.item() == pytest.approx(ratio)


def test_the_surrogates_gradient_is_autograds():
    log_probability, behaviour, advantage = normal(3, 50).requires_grad_(), normal(3, 50, seed=1), normal(3, 50, seed=2)
    ratio = (log_probability - behaviour).exp()
    loss = -torch.min(ratio * advantage, torch.clip(ratio, 0.8, 1.2) * advantage).mean()
    found = surrogate(log_probability.detach(), behaviour, advantage, 0.2)
    torch.testing.assert_close(found.loss, loss.detach())
    torch.testing.assert_close(found.gradient, torch.autograd.grad(loss, log_probability)[0])


def test_a_ratio_beyond_all_bounds_stays_a_number():
    huge = torch.tensor([1e6, -1e6])
    found = surrogate(huge, torch.zeros(2), torch.tensor([-1.0, 1.0]), 0.2)
    assert found.loss.isfinite()
    assert found.gradient.isfinite().all()


def test_the_value_loss_by_hand():
    one = torch.ones(3)
    value, target, before = torch.tensor([2.0, 1.05, 0.0]), torch.zeros(3), one
    loss, slope = value_loss(value, target, before, one, 0.1)
    assert loss.item() == pytest.approx((4 + 1.05**2 + 0.9**2) / 6)
    torch.testing.assert_close(slope, torch.tensor([2 / 3, 1.05 / 3, 0.0]))


@pytest.mark.parametrize("clip", [0.0, 0.3])
def test_the_value_losss_gradient_is_autograds(clip):
    value, target, before = normal(2, 40).requires_grad_(), normal(2, 40, seed=1), normal(2, 40, seed=2)
    weight = (normal(2, 40, seed=3) > -0.5).double()
    terms = (value - target) ** 2
    if clip:
        terms = torch.max(terms, (before + torch.clip(value - before, -clip, clip) - target) ** 2)
    loss = (weight * terms).mean() / 2
    found, slope = value_loss(value.detach(), target, before, weight, clip)
    torch.testing.assert_close(found, loss.detach())
    torch.testing.assert_close(slope, torch.autograd.grad(loss, value)[0])


@pytest.mark.parametrize("largest", [0.0, 0.5, 1e6])
def test_gradients_are_clipped_as_torch_does(largest):
    vector = torch.nn.Parameter(torch.zeros(30))
    vector.grad = normal(30).float()
    expected = vector.grad.clone()
    if largest:
        torch.nn.utils.clip_grad_norm_([vector], largest)
        expected = vector.grad
    torch.testing.assert_close(clip_to_norm(normal(30).float(), largest), expected)


def test_means_out_of_reach_are_drawn_back_with_the_slope_of_autograd():
    mean = (5 * normal(2, 30, 3)).requires_grad_()
    loss = 0.1 * torch.relu(mean.abs() - 3).square().sum()
    slope = bounds_slope(mean.detach(), 0.1)
    torch.testing.assert_close(slope, torch.autograd.grad(loss, mean)[0])
    assert (slope[mean.abs() < 3] == 0).all()
