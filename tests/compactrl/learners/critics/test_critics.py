"""Every critic: values and gradients of naive loops, parameters as published, first weights, threads, memory."""

import numpy as np
import pytest
import torch
from critics_drawn import SMALL, form_of

from compactrl.errors import InputError
from compactrl.hypernetworks.primary import HEAD_BOUNDS
from compactrl.learners.critics import CRITICS, base, residual
from compactrl.learners.critics.base import FlatCritics
from compactrl.learners.critics.hyper import EmbeddingHyper, Hyper, SaHyper
from compactrl.learners.critics.inputs import Inputs, states
from compactrl.learners.critics.mlp import Mlp
from compactrl.learners.losses import critic_loss
from compactrl.networks import affine
from compactrl.networks import threads as threads_of
from compactrl.networks.affine import Network, cut
from compactrl.networks.perceptrons import Stack
from compactrl.networks.threads import on_threads

CHEETAH = Inputs(17, 6)
ROWS = 12


def twins_of(name, count=2, inputs=SMALL, **options):
    options = {"critic_size": "small", **options} if CRITICS[name].sized else {"critic_hidden": (32, 16)}
    return FlatCritics(form_of(name, inputs, **options), count, 1e-3, np.random.default_rng(0), torch.device("cpu"))


def batch_of(inputs=SMALL, policies=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    observation = torch.randn(policies, ROWS // policies, inputs.observation, generator=generator)
    action = torch.tanh(torch.randn(policies, ROWS // policies, inputs.action, generator=generator))
    return observation, action, torch.randn(policies, inputs.told, generator=generator)


every_critic = pytest.mark.parametrize("name", CRITICS)
composed = pytest.mark.parametrize("name", [name for name, kind in CRITICS.items() if not kind.place.startswith("mlp")])


@pytest.mark.parametrize(
    ("name", "size", "parameters"),
    [
        ("mlp", "paper", 72_193),
        ("mlp-small", "paper", 23 * 256 + 256 + 257),
        ("mlp-large", "paper", 23 * 2900 + 2900 + 2900 * 2900 + 2900 + 2901),
        ("d2rl", "paper", 23 * 256 + 256 + 3 * (279 * 256 + 256) + 257),
        ("resnet-features", "paper", 6_173_696 + 10_250 + 16 * 256 + 256 + 257),
        ("res35", "paper", 23 * 256 + 256 + 70 * 65_792 + 257),
        ("sa-hyper", "paper", 6_173_696 + 2_306 * 1025),
        ("sa-hyper", "small", 388_352 + 578 * 257),
    ],
)
def test_parameters_are_those_of_the_paper_and_its_code(name, size, parameters):
    """For HalfCheetah: primary 6.17 M, heads 2.36 M, together 8.54 M; Res35 "4.5 M", MLP-Large 9 M; small .54 M."""
    assert form_of(name, CHEETAH, critic_size=size).num_parameters == parameters


@pytest.mark.parametrize("size", ["paper", "small"])
def test_the_large_plain_network_is_as_large_as_the_hypernetwork(size):
    large, hyper = (form_of(name, CHEETAH, critic_size=size).num_parameters for name in ("mlp-large", "sa-hyper"))
    assert abs(large / hyper - 1) < 0.05


@every_critic
def test_twins_are_their_networks_alone_and_rows_do_not_mix(name):
    critics, (observation, action, told) = twins_of(name), batch_of()
    values = critics(observation, action, told)
    assert values.shape == (2, ROWS)
    assert not torch.allclose(values[0], values[1])
    assert torch.equal(values, critics.targets(observation, action, told))
    torch.testing.assert_close(critics(observation, action, told, only=1), values[:1])
    each = torch.cat([critics(observation[n : n + 1], action[n : n + 1], told[n : n + 1]) for n in range(2)], 1)
    torch.testing.assert_close(values, each, rtol=1e-4, atol=1e-6)


@composed
def test_gradients_written_in_place_are_those_of_autograd(name):
    """The oracle has torch's own linear layers on leaves of their own."""
    critics, (observation, action, told) = twins_of(name, count=1), batch_of()
    form, state = critics.form, states(observation, told)
    leaves = {
        key: [part.detach().clone().requires_grad_() for part in (layer.weight, layer.bias) if part is not None]
        for key, layer in cut(critics._weights.detach(), form.parts).items()
    }

    class Oracle:
        def __call__(self, key, x, relu=False):
            y = torch.nn.functional.linear(x, *leaves[key])
            return torch.relu(y) if relu else y

    rows = action.flatten(0, 1).requires_grad_()
    expected = form.value(Oracle(), state, rows)
    weights = torch.randn(ROWS, generator=torch.Generator().manual_seed(1))
    wanted = torch.autograd.grad(
        (expected * weights).sum(), [rows, *(leaf for pair in leaves.values() for leaf in pair)]
    )
    values = critics(observation, action, told, learn=True)
    torch.testing.assert_close(values[0], expected.detach(), rtol=1e-4, atol=1e-6)
    (gradient,) = torch.autograd.grad((values[0] * weights).sum(), critics._weights)
    flat = torch.cat([part.flatten() for part in wanted[1:]])
    torch.testing.assert_close(gradient, flat, rtol=1e-3, atol=1e-5)
    steering = action.clone().requires_grad_()
    (d_action,) = torch.autograd.grad((critics(observation, steering, told)[0] * weights).sum(), steering)
    torch.testing.assert_close(d_action.flatten(0, 1), wanted[0], rtol=1e-3, atol=1e-6)


@every_critic
def test_threads_change_no_bit(name, monkeypatch):
    monkeypatch.setattr(threads_of, "LEAST", 1)  # else these are too small to be shared out
    found = []
    for threads in (1, 2, 16):
        with on_threads(threads):
            found.append(learned(twins_of(name)))
    one, two, many = found
    for other in (two, many):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def learned(critics):
    """Weights, and the values' gradient of the action, after some steps."""
    observation, action, told = batch_of()
    for step in range(3):
        target = torch.linspace(-1, 1, ROWS) * step
        critics.descend(critic_loss(critics(observation, action, told, learn=True), target))
        critics.follow(0.1)
    steering = action.clone().requires_grad_()
    (d_action,) = torch.autograd.grad(critics(observation, steering, told).amin(0).sum(), steering)
    return critics._weights.detach(), critics._targets, d_action


@every_critic
def test_a_critic_fits_and_goes_on_from_its_state(name):
    critics, (observation, action, told) = twins_of(name), batch_of()
    target = (observation[..., 0] * action[..., 0]).flatten()
    first = critic_loss(critics(observation, action, told), target).item()
    for _ in range(60):
        critics.descend(critic_loss(critics(observation, action, told, learn=True), target))
    assert critic_loss(critics(observation, action, told), target).item() < 0.5 * first
    again = twins_of(name)
    again.load_state_dict(critics.state_dict())
    for one in (critics, again):
        one.descend(critic_loss(one(observation, action, told, learn=True), target))
    assert torch.equal(again._weights, critics._weights)


def test_the_dynamic_network_by_a_naive_loop():
    """Equation (1), a row, a unit and an edge at a time."""
    critics, (observation, action, told) = twins_of("sa-hyper", count=1), batch_of()
    form, state, rows = critics.form, states(observation, told), action.flatten(0, 1)
    network = Network(cut(critics._weights.detach(), form.parts), learn=False)
    for row in range(ROWS):
        weight, bias, gain, out_weight, out_bias, out_gain = (
            part[0].tolist() for part in form.primary(network, state[row : row + 1])
        )
        total = 0.0
        for unit in range(64):
            edges = weight[unit * SMALL.action : (unit + 1) * SMALL.action]
            product = sum(edge * number for edge, number in zip(edges, rows[row].tolist(), strict=True))
            total += out_weight[unit] * max(0.0, (1 + gain[unit]) * product + bias[unit])
        expected = (1 + out_gain[0]) * total + out_bias[0]
        assert critics(observation, action, told)[0, row].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_with_a_constant_primary_network_it_is_a_plain_network_of_the_action():
    """What heads' biases write is the same in all states; rows have the bits that the plain formula gives."""
    form = form_of("sa-hyper", critic_size="small", critic_init="bias-hyper")
    flat = torch.as_tensor(form.initial(np.random.default_rng(0)), dtype=torch.float32)
    observation, action, told = batch_of()
    values = form.on(flat, 1)(observation, action, told, learn=False)[0]
    written = torch.split(cut(flat, form.parts)["heads"].bias, form.primary.written)
    weight, bias, gain, out_weight, out_bias, out_gain = written
    rows = action.flatten(0, 1)
    products = torch.bmm(weight.view(1, 64, -1).expand(ROWS, -1, -1), rows[:, :, None])[..., 0]
    hidden = torch.relu((1 + gain) * products + bias)
    exact = (1 + out_gain) * (out_weight * hidden).sum(1) + out_bias
    assert torch.equal(values, exact)
    plain = Mlp(Inputs(0, SMALL.action), (64,))
    of_action = Stack(torch.cat([weight, bias, out_weight, out_bias]), plain.sizes)(rows, learn=False)[0, :, 0]
    torch.testing.assert_close(values, of_action, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_the_action_skips_the_primary_network(monkeypatch):
    """Of SA-Hyper; that of AS-Hyper goes through all of it."""
    passed = []
    monkeypatch.setattr(affine.Affine, "backward", counting(passed, affine.Affine.backward))
    for name in ("sa-hyper", "as-hyper"):
        critics, (observation, action, told) = twins_of(name, count=1), batch_of()
        for learn in (False, True):
            passed.clear()
            steering = action.clone().requires_grad_(not learn)
            values = critics(observation, steering, told, learn=learn)
            torch.autograd.grad(values.sum(), critics._weights if learn else steering)
            assert len(passed) == (0 if name == "sa-hyper" and not learn else len(critics.form.parts))


def counting(passed, backward):
    def counted(ctx, d_y):
        passed.append(ctx.layer)
        return backward(ctx, d_y)

    return staticmethod(counted)


@pytest.mark.parametrize("name", [name for name, kind in CRITICS.items() if kind.generated])
@pytest.mark.parametrize("size", ["paper", "small"])
def test_first_written_weights_have_the_spread_that_their_initialisation_says(name, size):
    form = form_of(name, CHEETAH, critic_size=size)
    meta = torch.randn(64, form.roles[0], generator=torch.Generator().manual_seed(0))
    network = Network(cut(torch.as_tensor(form.initial(np.random.default_rng(0))).float(), form.parts), learn=False)
    latent = residual.primary(network, meta, residual.STAGES[size])
    length = latent.square().sum(1).mean().sqrt().item()
    weight, _, _, out_weight, _, _ = form.primary(network, meta)
    for written, bound in zip((weight, out_weight), HEAD_BOUNDS[size], strict=True):
        assert written.std().item() == pytest.approx(bound / 3**0.5 * length, rel=0.2)
    kaiming = (3 * form.primary.sizes[1]) ** -0.5
    assert 0.08 < out_weight.std().item() / kaiming < 0.2
    same = form_of(name, CHEETAH, critic_size=size, critic_init="bias-hyper")
    network = Network(cut(torch.as_tensor(same.initial(np.random.default_rng(0))).float(), same.parts), learn=False)
    weight, bias, gain, out_weight, _, _ = same.primary(network, meta)
    assert torch.equal(weight, weight[:1].expand_as(weight))
    assert not bias.any()
    assert not gain.any()
    assert weight.std().item() == pytest.approx((2 / (form.roles[1] + form.primary.sizes[1])) ** 0.5, rel=0.1)
    assert out_weight[0].std().item() == pytest.approx((2 / (1 + form.primary.sizes[1])) ** 0.5, rel=0.25)


def test_residual_blocks_begin_with_the_gain_of_the_paper():
    """Kaiming uniform with a gain of 1 / sqrt(12): a standard deviation of 1 / sqrt(12 · inputs)."""
    part = residual.residual(64, 256)
    drawn = part.initial(np.random.default_rng(0))
    assert drawn.std() == pytest.approx((12 * 256) ** -0.5, rel=0.02)
    assert np.abs(drawn).max() <= 0.5 / 16


def test_an_embedding_is_one_network_for_all_rows():
    form = form_of("embedding-hyper", critic_size="small")
    assert isinstance(form, EmbeddingHyper)
    assert form.parts["embedding"].size == 5
    assert next(iter(form.parts)) == "embedding"


def test_what_is_told_reaches_every_critic():
    observation, action, told = batch_of()
    for name in CRITICS:
        critics = twins_of(name)
        assert not torch.equal(critics(observation, action, told), critics(observation, action, told + 1)), name


def test_critics_that_do_not_fit_into_memory_are_refused_with_their_need(monkeypatch):
    monkeypatch.setattr(base, "memory", lambda: type("Memory", (), {"free": 0.25}))
    with pytest.raises(InputError, match=r"2 critics of 8,537,346 parameters take 456 MB .* 256 MB are free"):
        FlatCritics(form_of("sa-hyper", CHEETAH), 2, 1e-3, np.random.default_rng(0), torch.device("cpu"))


def test_only_hypernetworks_have_written_weights():
    for name, kind in CRITICS.items():
        assert isinstance(form_of(name), Hyper) == kind.generated, name
    assert isinstance(form_of("sa-hyper"), SaHyper)
