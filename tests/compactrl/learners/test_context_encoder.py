"""The encoder's posterior: a product of Gaussian factors, against closed forms, numbers on a grid, and autograd."""

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import linear, softplus

from compactrl.learners.context_encoder import (
    SMALLEST_VARIANCE,
    ContextEncoder,
    Gaussian,
    divergence,
    factors,
    product,
)

C, Z, HIDDEN = 7, 3, (16, 8)


def encoder(seed=0):
    return ContextEncoder(C, HIDDEN, Z, 0.01, np.random.default_rng(seed), torch.device("cpu"))


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_factors(tasks, transitions):
    return Gaussian(drawn(tasks, transitions, Z), 0.3 + drawn(tasks, transitions, Z, seed=1).square())


def naive_outputs(made, rows):
    """What the network says of rows (…, C), from its flat vector, layer by layer."""
    flat, start, values = made._weights, 0, rows
    for number, (inputs, outputs) in enumerate(zip((C, *HIDDEN), (*HIDDEN, 2 * Z), strict=True)):
        weight = flat[start : start + inputs * outputs].view(outputs, inputs)
        bias = flat[start + inputs * outputs :][:outputs]
        start += (inputs + 1) * outputs
        values = linear(values, weight, bias)
        values = values.relu() if number < len(HIDDEN) else values
    assert start == len(flat)
    return values


def test_the_product_of_one_factor_is_this_factor():
    each = random_factors(4, 1)
    for mine, theirs in zip(product(each), each, strict=True):
        torch.testing.assert_close(mine, theirs[:, 0])


def test_equal_factors_keep_the_mean_and_share_the_variance():
    mean, variance = drawn(2, 1, Z).expand(-1, 5, -1), torch.full((2, 5, Z), 0.5)
    found = product(Gaussian(mean, variance))
    torch.testing.assert_close(found.mean, mean[:, 0])
    torch.testing.assert_close(found.variance, torch.full((2, Z), 0.1))


def test_the_product_is_that_of_the_densities():
    each = random_factors(1, 6)
    found = product(each)
    grid = np.linspace(-12, 12, 200_001)
    for latent in range(Z):
        mean, variance = each.mean[0, :, latent].double().numpy(), each.variance[0, :, latent].double().numpy()
        density = np.exp(-np.square(grid[:, None] - mean) / (2 * variance)).prod(axis=1)
        density /= density.sum()
        expected = (grid * density).sum()
        assert found.mean[0, latent].item() == pytest.approx(expected, abs=1e-5)
        spread = (np.square(grid - expected) * density).sum()
        assert found.variance[0, latent].item() == pytest.approx(spread, rel=1e-5)


def test_factors_one_after_the_other_give_the_product_of_all():
    each = random_factors(2, 4)
    known = Gaussian(each.mean[:, :1], each.variance[:, :1])
    for number in range(1, 4):
        both = [torch.cat([mine, more[:, number : number + 1]], 1) for mine, more in zip(known, each, strict=True)]
        known = Gaussian(*(part[:, None] for part in product(Gaussian(*both))))
    for mine, theirs in zip(product(each), known, strict=True):
        torch.testing.assert_close(mine, theirs[:, 0])


def test_variances_are_softplus_and_never_vanish():
    outputs = torch.tensor([[1.0, -2.0, 0.5, -300.0]])
    mean, variance = factors(outputs)
    assert mean.tolist() == [[1.0, -2.0]]
    torch.testing.assert_close(variance, torch.tensor([[float(softplus(torch.tensor(0.5))), SMALLEST_VARIANCE]]))


def test_the_divergence_is_torch_s():
    posterior = product(random_factors(5, 3))
    found = Independent(Normal(posterior.mean, posterior.variance.sqrt()), 1)
    prior = Independent(Normal(torch.zeros(5, Z), torch.ones(5, Z)), 1)
    torch.testing.assert_close(divergence(posterior), kl_divergence(found, prior))
    assert divergence(Gaussian(torch.zeros(2, Z), torch.ones(2, Z))).tolist() == [0, 0]


def test_a_sample_is_the_mean_and_so_many_deviations():
    posterior = Gaussian(torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 0.25]]))
    assert posterior.sample(torch.tensor([[1.0, -2.0]])).tolist() == [[3.0, 1.0]]


def test_the_order_of_transitions_does_not_matter_and_tasks_do_not_mix():
    made, context = encoder(), drawn(3, 10, C)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    found = made.posterior(context)
    for mine, theirs in zip(made.posterior(context[:, order]), found, strict=True):
        torch.testing.assert_close(mine, theirs)
    changed = context.clone()
    changed[1] += 1
    for mine, theirs in zip(made.posterior(changed), found, strict=True):
        torch.testing.assert_close(mine[[0, 2]], theirs[[0, 2]])
        assert not torch.allclose(mine[1], theirs[1])


def test_without_transitions_it_is_the_prior():
    mean, variance = encoder().posterior(torch.zeros(2, 0, C))
    assert mean.tolist() == [[0.0] * Z] * 2
    assert variance.tolist() == [[1.0] * Z] * 2


def test_its_gradient_is_that_of_a_network_that_autograd_follows():
    made, context, noise = encoder(), drawn(3, 10, C), drawn(3, Z, seed=2)

    def gradient(posterior):
        loss = (posterior.sample(noise) * drawn(3, Z, seed=3)).sum() + 0.1 * divergence(posterior).mean()
        return torch.autograd.grad(loss, made._weights)[0]

    mean, raw = naive_outputs(made, context).chunk(2, -1)
    variance = 1 / (1 / softplus(raw)).sum(1)
    naive = Gaussian(variance * (mean / softplus(raw)).sum(1), variance)
    torch.testing.assert_close(gradient(made.posterior(context)), gradient(naive))


def test_it_learns_and_goes_on_from_its_state_with_the_same_bits():
    made, context = encoder(), drawn(2, 5, C)
    wanted = torch.tensor([[1.0, -1.0, 0.5], [-1.0, 0.0, 2.0]])

    def learn(one, steps):
        losses = []
        for _ in range(steps):
            loss = (one.posterior(context).mean - wanted).square().sum()
            one.descend(loss)
            losses.append(float(loss.detach()))
        return losses

    losses = learn(made, 100)
    assert losses[-1] < 0.05 * losses[0]
    other = encoder(seed=1)
    other.load_state_dict(made.state_dict())
    assert learn(other, 5) == learn(made, 5)
