"""Gradients of networks without a graph are autograd's."""

import numpy as np
import pytest
import torch

from compactrl.compressions import Hypernet, HypernetOptions, Plain
from compactrl.compressions.plain import PlainOptions
from compactrl.networks.pullback import GraphPullback
from compactrl.policies.skeleton import Skeleton


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden", [(), (7,), (9, 4)])
def test_a_plain_networks_gradient_is_autograds(activation, hidden):
    plain = Plain(Skeleton.relu((5, *hidden, 3)), PlainOptions(activation=activation))
    theta, rows, slope = normal(plain.num_parameters), normal(1, 20, 5, seed=1), normal(1, 20, 3, seed=2)
    own, graph = plain.pullback(theta, None), GraphPullback(lambda vector: plain.network(vector, None), theta)
    for _ in range(2):
        torch.testing.assert_close(own(rows), graph(rows))
        torch.testing.assert_close(own.gradient(slope), graph.gradient(slope))
        theta *= 1.1  # it follows
        graph = GraphPullback(lambda vector: plain.network(vector, None), theta)


def test_what_it_computes_is_what_a_policy_does():
    plain = Plain(Skeleton.relu((5, 8, 3)), PlainOptions(activation="tanh"))
    theta, rows = normal(plain.num_parameters), normal(1, 4, 5, seed=1)
    hidden, output = plain.expand(theta.numpy(), np.zeros(0, np.int64))
    expected = np.tanh(rows[0].numpy() @ hidden.weight.T + hidden.bias) @ output.weight.T + output.bias
    np.testing.assert_allclose(plain.pullback(theta, None)(rows)[0].numpy(), expected)


def test_a_hypernetworks_gradient_is_autograds():
    hypernet = Hypernet(Skeleton.relu((5, 3)), HypernetOptions(widths=(4, 8), max_layers=2, rank=4, graph_size=8))
    designs = np.array([[1, 0], [2, 2]])
    theta = torch.tensor(hypernet.initial(np.random.default_rng(0)), requires_grad=True)
    rows, slope = normal(2, 20, 5), normal(2, 20, 3, seed=1)
    outputs = hypernet.network(theta, designs)(rows)
    graph = GraphPullback(lambda vector: hypernet.network(vector, designs), theta)
    torch.testing.assert_close(graph(rows), outputs.detach())
    torch.testing.assert_close(graph.gradient(slope), torch.autograd.grad((outputs * slope).sum(), theta)[0])
