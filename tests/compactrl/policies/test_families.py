"""Families of distributions against torch's, and their information against the curvature of their divergence."""

import pytest
import torch

from compactrl.policies.distributions import Categorical, FreeGaussian, SquashedGaussian
from compactrl.policies.families import CHOICE, NORMAL


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def torchs(family, numbers):
    if family is CHOICE:
        return torch.distributions.Categorical(logits=numbers)
    mean, log_std = numbers.chunk(2, -1)
    return torch.distributions.Independent(torch.distributions.Normal(mean, log_std.exp()), 1)


def numbers_of(family, seed):
    raw = drawn(3, 5, 4, seed=seed)
    return raw.log_softmax(-1) if family is CHOICE else 0.5 * raw


families = pytest.mark.parametrize("family", [NORMAL, CHOICE], ids=["normal", "choice"])


@families
def test_density_divergence_and_entropy_are_torchs(family):
    one, other = numbers_of(family, 0), numbers_of(family, 1)
    latent = torch.arange(15).view(3, 5, 1) % 4 if family is CHOICE else drawn(3, 5, 2, seed=2)
    density = torchs(family, one).log_prob(latent[..., 0] if family is CHOICE else latent)
    torch.testing.assert_close(family.density(one, latent), density)
    expected = torch.distributions.kl_divergence(torchs(family, one), torchs(family, other))
    torch.testing.assert_close(family.divergence(one, other), expected)
    torch.testing.assert_close(family.entropy(one), torchs(family, one).entropy())


@families
def test_the_information_is_the_curvature_of_the_divergence(family):
    """Along changes that leave the probabilities' sum at 1: of logits, which are brought to it."""
    at, change = drawn(4), drawn(4, seed=1)

    def numbers(raw):
        return raw.log_softmax(-1) if family is CHOICE else raw

    hessian = torch.autograd.functional.hessian(lambda raw: family.divergence(numbers(at), numbers(raw)), at)
    slopes = torch.autograd.functional.jacobian(numbers, at)
    torch.testing.assert_close(slopes.T @ family.information(numbers(at), slopes @ change), hessian @ change)


def test_distributions_say_which_numbers_decide():
    """The density of them is that which learning by PPO takes."""
    outputs, latent = drawn(2, 6, 4), drawn(2, 6, 2, seed=1)
    state, free = SquashedGaussian(-1.0, 1.0), FreeGaussian(drawn(2, 1, 4, seed=3))
    for acting, seen in ((state, latent), (free, drawn(2, 6, 4, seed=2)), (Categorical(), latent.abs() // 1)):
        found = acting.family.density(acting.numbers(outputs), seen[..., :1] if acting.family is CHOICE else seen)
        expected = acting.likelihood(outputs, seen[..., :1] if acting.family is CHOICE else seen)[0]
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(acting.family.entropy(acting.numbers(outputs)), acting.entropy(outputs)[0])
