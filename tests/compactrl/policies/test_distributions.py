"""Action distributions against torch's own, by hand, and numpy against torch."""

import math

import numpy as np
import pytest
import torch

from compactrl.policies.distributions import (
    Categorical,
    Deterministic,
    Distribution,
    FreeGaussian,
    SquashedGaussian,
    Stochastic,
)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gumbel(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).gumbel(size=shape))


LOG_STD = np.array([-0.5, 0.3, 1.1])
CASES = {
    "deterministic": (Deterministic(), normal(50, 3)),
    "squashed": (SquashedGaussian(), normal(50, 3)),
    "squashed from 0.5 on": (SquashedGaussian(log_std_zero=-0.7), normal(50, 3)),
    "free": (FreeGaussian(LOG_STD), normal(50, 3)),
    "categorical": (Categorical(), gumbel(50, 3)),
}
every_case = pytest.mark.parametrize(("distribution", "noise"), CASES.values(), ids=CASES)


@every_case
def test_evaluators_act_as_learners_sample(distribution, noise):
    outputs = normal(50, distribution.outputs(3), seed=1)
    acted = torch.as_tensor(distribution.act(outputs.numpy(), noise.numpy()))
    if isinstance(distribution, Stochastic):
        expected = distribution.sample(outputs, noise)[0]
    else:
        expected = (torch.tanh(outputs) + noise).clamp(-1, 1)
    torch.testing.assert_close(acted, expected.to(acted.dtype))


@every_case
def test_without_noise_it_is_the_mode(distribution, noise):
    outputs = normal(50, distribution.outputs(3), seed=1)
    acted = torch.as_tensor(distribution.act(outputs.numpy(), torch.zeros_like(noise).numpy()))
    torch.testing.assert_close(acted, distribution.mode(outputs).to(acted.dtype))


@pytest.mark.parametrize("name", ["squashed", "squashed from 0.5 on", "free", "categorical"])
def test_the_density_of_a_sample_is_that_of_its_action(name):
    distribution, noise = CASES[name]
    outputs = normal(50, distribution.outputs(3), seed=1)
    action, log_probability = distribution.sample(outputs, noise)
    sure = action.abs().amax(-1) < 0.999 if name != "categorical" else slice(None)
    torch.testing.assert_close(distribution.log_probability(outputs, action)[sure], log_probability[sure])


@pytest.mark.parametrize("free", [False, True])
def test_squashed_actions_have_the_density_of_torch_distributions(free):
    outputs, noise = normal(50, 6).clamp(-1.9, 1.9), normal(50, 3, seed=1)
    mean, log_std = outputs.chunk(2, -1)
    if free:
        log_std = torch.tensor(LOG_STD).expand(50, 3)
        actions, log_probability = FreeGaussian(LOG_STD).sample(mean, noise)
    else:
        actions, log_probability = SquashedGaussian().sample(outputs, noise)
    squashed = torch.distributions.TransformedDistribution(
        torch.distributions.Normal(mean, log_std.exp()), torch.distributions.TanhTransform(cache_size=1)
    )
    expected = torch.tanh(mean + log_std.exp() * noise)
    torch.testing.assert_close(actions, expected)
    torch.testing.assert_close(log_probability, squashed.log_prob(expected).sum(-1), rtol=1e-6, atol=1e-5)


def test_squashed_by_hand():
    """Mean 0, deviation 1, no noise: a = 0, log p = -log sqrt(2 pi) for each action."""
    actions, log_probability = SquashedGaussian().sample(torch.zeros(1, 4), torch.zeros(1, 2))
    assert actions.tolist() == [[0.0, 0.0]]
    assert log_probability.item() == pytest.approx(-math.log(2 * math.pi), abs=1e-6)


def test_deviations_are_clamped_and_far_actions_have_finite_densities():
    outputs = torch.tensor([[0.0, 50.0], [0.0, -50.0], [30.0, 0.0]])
    actions, log_probability = SquashedGaussian(-6, 0).sample(outputs, torch.ones(3, 1))
    assert actions[:2, 0].tolist() == pytest.approx([math.tanh(1), math.tanh(math.exp(-6))])
    assert torch.isfinite(log_probability).all()
    assert torch.isfinite(SquashedGaussian().log_probability(outputs, torch.ones(3, 1))).all()


def test_discrete_actions_have_the_probabilities_of_the_softmax():
    outputs = torch.tensor([[0.0, 1.0, -0.5, 2.0]], dtype=torch.float64)
    drawn = Categorical().act(outputs.expand(200_000, -1).numpy(), np.random.default_rng(0).gumbel(size=(200_000, 4)))
    shares = np.bincount(drawn[:, 0].astype(int), minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, outputs.softmax(-1)[0].numpy(), atol=0.005)
    every = torch.arange(4)[:, None]
    expected = torch.distributions.Categorical(logits=outputs).log_prob(torch.arange(4))
    torch.testing.assert_close(Categorical().log_probability(outputs.expand(4, -1), every), expected)


def test_gradients_reach_outputs_and_free_deviations():
    log_std = torch.tensor(LOG_STD, requires_grad=True)
    outputs = normal(5, 3).requires_grad_()
    action, log_probability = FreeGaussian(log_std).sample(outputs, normal(5, 3, seed=1))
    (action.sum() + log_probability.sum()).backward()
    assert (outputs.grad != 0).all()
    assert (log_std.grad != 0).all()


def test_what_each_one_is():
    for distribution, _ in CASES.values():
        used: Distribution = distribution
        assert used.outputs(3) in (3, 6)
    assert not isinstance(Deterministic(), Stochastic)


@pytest.mark.parametrize("name", ["state", "state from 0.5 on", "free", "categorical"])
def test_what_on_policy_learning_asks_is_torchs(name):
    """Density and entropy of what was drawn, and their gradients, of two policies with 30 samples each."""
    slope = normal(2, 30, seed=3)
    if name == "categorical":
        outputs = normal(2, 30, 4).requires_grad_()
        theirs = torch.distributions.Categorical(logits=outputs)
        latent = theirs.sample()[..., None].double()
        own, density, free = Categorical(), theirs.log_prob(latent[..., 0]), None
        entropy = theirs.entropy()
    else:
        free = normal(2, 1, 3, seed=1).requires_grad_() if name == "free" else None
        outputs = normal(2, 30, 6 if free is None else 3).clamp(-1.9, 1.9).requires_grad_()
        mean, log_std = outputs.chunk(2, -1) if free is None else (outputs, free.expand(2, 30, 3))
        zero = -0.7 if name == "state from 0.5 on" else 0.0
        theirs = torch.distributions.Normal(mean, (log_std + zero).exp())
        latent = theirs.sample()
        own = SquashedGaussian(log_std_zero=zero) if free is None else FreeGaussian(free.detach())
        density, entropy = theirs.log_prob(latent).sum(-1), theirs.entropy().sum(-1)
    wanted = [outputs] if free is None else [outputs, free]
    for theirs, mine in ((density, own.likelihood(outputs.detach(), latent)), (entropy, own.entropy(outputs.detach()))):
        torch.testing.assert_close(mine[0], theirs.detach())
        expected = torch.autograd.grad(theirs, wanted, slope, retain_graph=True, allow_unused=True)
        found = mine[1](slope)
        torch.testing.assert_close(found.outputs, torch.zeros_like(outputs) if expected[0] is None else expected[0])
        assert (found.log_std is None) == (free is None)
        if free is not None:
            torch.testing.assert_close(found.log_std, expected[1][:, 0])


def test_no_gradient_goes_through_a_bound_of_a_states_deviation():
    outputs = torch.tensor([[[0.0, 5.0], [0.0, 1.0]]])
    for bounded in (SquashedGaussian(log_std_high=2.0), SquashedGaussian(log_std_high=-1.0, log_std_zero=-3.0)):
        slopes = bounded.likelihood(outputs, torch.ones(1, 2, 1))[1](torch.ones(1, 2)).outputs
        assert slopes[0, 0, 1] == 0
        assert slopes[0, 1, 1] != 0


def test_what_was_drawn_is_found_again_and_at_the_bounds_it_is_finite():
    drawn = np.linspace(-8, 8, 33)[:, None]
    for distribution in (SquashedGaussian(), FreeGaussian(np.zeros(1))):
        np.testing.assert_allclose(distribution.latent(np.tanh(drawn)), drawn, rtol=1e-8, atol=1e-12)
        assert np.isfinite(distribution.latent(np.array([[1.0], [-1.0]]))).all()


def test_a_discrete_policy_that_is_not_finite_gives_no_action():
    acted = Categorical().act(np.array([[0.0, np.nan], [0.0, 1.0]]), np.zeros((2, 2)))
    assert np.isnan(acted[0])
    assert acted[1] == 1
