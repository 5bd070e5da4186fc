"""The pointer network equals enumeration and automatic differentiation, and REINFORCE learns with it."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from controllers import CONTROLLERS, Space
from controllers.adam import Adam
from controllers.lstm import SEGMENT
from controllers.pointer import PointerNetwork

Pointer = CONTROLLERS["pointer"]


def network(length, choices, hidden=5, temperature=1.0, dtype=torch.float64, seed=0):
    return PointerNetwork(length, choices, hidden, temperature, np.random.default_rng(seed), dtype)


def controller(length, choices, **options):
    return Pointer(Space(length, choices), Pointer.Options(**options), np.random.SeedSequence(0))


def naive_log_probabilities(net, designs):
    """Log probabilities (n, D, M) through torch's own LSTM modules, gates reordered from o, i, f, g to i, f, g, o."""
    p, width = net.parameters, net.width

    def reorder(x):
        o, i, f, g = x.split(width)
        return torch.cat([i, f, g, o])

    def weights(side, layer):
        suffix = "_l0" if layer else ""
        return {
            f"weight_ih{suffix}": reorder(p[f"{side}_input"]),
            f"weight_hh{suffix}": reorder(p[f"{side}_hidden"]),
            f"bias_ih{suffix}": reorder(p[f"{side}_bias"]),
            f"bias_hh{suffix}": torch.zeros(4 * width, dtype=net.dtype),
        }

    call = torch.func.functional_call
    encoder = torch.nn.LSTM(width, width, dtype=net.dtype)
    encoded, (h, c) = call(encoder, weights("encoder", True), (p["edges"],))  # (D, H)
    cell = torch.nn.LSTMCell(2 * width, width, dtype=net.dtype)
    n = len(designs)
    h, c, last, logs = h.expand(n, -1), c.expand(n, -1), p["start"].expand(n, -1), []
    for t in range(net.length):
        edge = encoded[t].expand(n, -1)
        h, c = call(cell, weights("decoder", False), (torch.cat([last, edge], 1), (h, c)))
        query = torch.cat([h, edge], 1) @ p["query"].T + p["edges"][t]
        logs.append(torch.log_softmax((query @ p["partitions"].T / width**0.5 + p["bias"]) / net.temperature, 1))
        last = p["partitions"][designs[:, t]]
    return torch.stack(logs, 1)


def naive_loss(net, designs, reward_weights, entropy_weights):
    logs = naive_log_probabilities(net, designs)
    log_probability = logs.gather(2, designs.unsqueeze(2)).sum((1, 2))
    entropy = -(logs.exp() * logs).sum(2).mean(1)
    return -(reward_weights @ log_probability) - entropy_weights @ entropy, log_probability, entropy


@pytest.mark.parametrize(("length", "choices"), [(3, 2), (3, 3), (1, 4)])
def test_probabilities_of_all_designs_sum_to_one(length, choices):
    net = network(length, choices)
    designs = torch.tensor(list(product(range(choices), repeat=length)))
    net.forward(len(designs), None, designs)
    assert net.score().log_probability.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_samples_are_as_frequent_as_their_probability():
    net = network(3, 3, temperature=0.1)  # far from uniform
    designs = torch.tensor(list(product(range(3), repeat=3)))
    net.forward(len(designs), None, designs)
    probability = net.score().log_probability.exp().detach().numpy()
    assert probability.max() > 3 * probability.min()
    samples = net.forward(20_000, np.random.default_rng(1)).numpy() @ np.array([9, 3, 1])
    counts = np.bincount(samples, minlength=27)
    assert stats.chisquare(counts, 20_000 * probability / probability.sum()).pvalue > 1e-3


@pytest.mark.parametrize("length", [1, 2, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 5])
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_gradient_equals_automatic_differentiation(length, temperature):
    net = network(length, 4, temperature=temperature)
    generator = np.random.default_rng(1)
    designs = net.forward(6, generator)
    weights = torch.from_numpy(generator.standard_normal((2, 6)))
    score = net.score()
    net.backward(*weights)
    gradients = {name: parameter.grad for name, parameter in net.parameters.items()}
    for parameter in net.parameters.values():
        parameter.grad = None
    loss, log_probability, entropy = naive_loss(net, designs, *weights)
    loss.backward()
    torch.testing.assert_close(score.log_probability, log_probability.detach())
    torch.testing.assert_close(score.entropy, entropy.detach())
    for name, parameter in net.parameters.items():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(
            gradients[name], expected, rtol=1e-9, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}"
        )


def test_gradient_in_single_precision_is_close():
    one, other = network(40, 5, hidden=16), network(40, 5, hidden=16, dtype=torch.float32)
    designs = one.forward(8, np.random.default_rng(1))
    other.forward(8, None, designs)
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 8)))
    one.backward(*weights)
    other.backward(*weights.float())
    for name, parameter in one.parameters.items():
        torch.testing.assert_close(other.parameters[name].grad.double(), parameter.grad, rtol=1e-3, atol=1e-4)


def test_running_its_own_samples_through_changes_nothing():
    one, other = network(20, 3, dtype=torch.float32), network(20, 3, dtype=torch.float32)
    designs = one.forward(9, np.random.default_rng(1))
    other.forward(9, None, designs)
    assert torch.equal(one.score().log_probability, other.score().log_probability)


def test_backward_after_the_parameters_have_changed_is_refused():
    net = network(3, 2)
    net.forward(2, np.random.default_rng(0))
    net.forget()
    with pytest.raises(RuntimeError, match="call forward again"):
        net.backward(torch.ones(2), torch.ones(2))


def test_feedback_on_designs_never_proposed_follows_the_same_loss():
    rewards = np.array([3.0, 1.0, 2.0, 2.5])
    designs = np.random.default_rng(5).integers(3, size=(4, 6))
    learner, twin = controller(6, 3), controller(6, 3)
    learner.propose(10)
    metrics = learner.feedback(designs, rewards)
    advantages = torch.tensor((rewards - rewards.mean()) / rewards.std(), dtype=torch.float32)
    loss, _, entropy = naive_loss(twin.network, torch.from_numpy(designs), advantages / 4, torch.full((4,), 0.3 / 4))
    loss.backward()
    norm = sum(p.grad.square().sum() for p in twin.network.parameters.values()).sqrt()
    assert metrics["controller/loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert metrics["controller/entropy"] == pytest.approx(entropy.mean().item(), rel=1e-5)
    assert metrics["controller/gradient_norm"] == pytest.approx(norm.item(), rel=1e-4)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [3, 1], [2, 2, 0]])
def test_feedback_on_some_of_the_proposed_designs_equals_a_second_run(rows):
    one, other = controller(30, 4), controller(30, 4)
    designs, rewards = one.propose(4)[rows], np.arange(float(len(rows)))
    one.feedback(designs, rewards)
    other.feedback(designs, rewards)  # never proposed here
    for name, parameter in one.network.parameters.items():
        torch.testing.assert_close(parameter, other.network.parameters[name], rtol=1e-3, atol=1e-5)


def test_feedback_without_standardising_subtracts_the_moving_average():
    learner = controller(2, 2, controller_standardize=False, controller_baseline_decay=0.9)
    for mean, expected in ((10.0, 10.0), (20.0, 11.0), (11.0, 11.0)):
        metrics = learner.feedback(learner.propose(2), np.array([mean - 1, mean + 1]))
        assert metrics["controller/baseline"] == pytest.approx(expected)


def test_adam_equals_torchs():
    generator = np.random.default_rng(0)
    one = torch.tensor(generator.standard_normal(5)).requires_grad_()
    other = one.detach().clone().requires_grad_()
    adam, oracle = Adam({"x": one}, 0.01), torch.optim.Adam([other], 0.01)
    for _ in range(10):
        one.grad = torch.tensor(generator.standard_normal(5))
        other.grad = one.grad.clone()
        assert adam.step() == pytest.approx(one.grad.norm().item())
        oracle.step()
    torch.testing.assert_close(one, other)


def test_loading_a_state_of_another_size_is_refused():
    with pytest.raises(ValueError, match="another controller_hidden"):
        controller(3, 2, controller_hidden=8).load_state_dict(controller(3, 2, controller_hidden=9).state_dict())


def test_prefers_the_better_of_two_arms():
    learner = controller(1, 2, controller_hidden=8, controller_learning_rate=0.02, controller_entropy=0.01)
    noise = np.random.default_rng(0)
    for _ in range(60):
        designs = learner.propose(20)
        learner.feedback(designs, designs[:, 0] + noise.standard_normal(20))
    assert learner.propose(200).mean() > 0.9


def test_learns_a_target_row():
    learner, target = controller(20, 4), np.arange(20) % 4
    for _ in range(150):
        designs = learner.propose(64)
        rewards = (designs == target).sum(axis=1).astype(float)
        learner.feedback(designs, rewards)
    assert rewards.mean() > 12  # random: 5


def test_a_large_entropy_weight_keeps_decisions_uniform():
    learner = controller(6, 3, controller_entropy=100.0)
    for _ in range(30):
        designs = learner.propose(32)
        metrics = learner.feedback(designs, designs[:, 0].astype(float))
    assert metrics["controller/entropy"] > 0.99 * np.log(3)


def test_an_ordered_start_has_decisions_around_the_middle_with_the_given_spread():
    net = PointerNetwork(200, 17, 16, 1.0, np.random.default_rng(0), spread=2.0)
    designs = net.forward(64, np.random.default_rng(1)).numpy()
    assert abs(designs.mean() - 8) < 0.3
    assert designs.std() == pytest.approx(2.0, abs=0.3)


def test_mirrored_designs_deviate_in_opposite_directions_and_keep_their_distribution():
    def sample(mirrored):
        net = PointerNetwork(50, 9, 16, 1.0, np.random.default_rng(0), spread=1.5, mirrored=mirrored)
        return net.forward(2000, np.random.default_rng(1)).numpy()

    mirrored, plain = sample(True), sample(False)
    deviation = mirrored - mirrored.mean(axis=0)
    assert np.corrcoef(deviation[0::2].ravel(), deviation[1::2].ravel())[0, 1] < -0.8
    assert mirrored.mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=0.2)
    assert mirrored.std(axis=0) == pytest.approx(plain.std(axis=0), rel=0.1)
