"""The gated graph network equals a plain loop over nodes with torch's own GRU cell, its gradient autograd's."""

import numpy as np
import pytest
import torch

from compactrl.hypernetworks import gnn, graph
from compactrl.networks.layout import Layout

SIZE = 6
CHAINS = [(8,), (4, 16, 8), (32, 4, 8, 64)]


def parameters(dtype=torch.float64, kind="normalized"):
    features = graph.FEATURES[kind]
    drawn = gnn.initial(np.random.default_rng(0), features, SIZE)
    layout = Layout(gnn.shapes(features, SIZE))
    return layout, torch.tensor(layout.joined(drawn), dtype=dtype, requires_grad=True)


def embed(layout, theta, nodes, lengths):
    return gnn.embed(layout.views(theta), nodes, gnn.closed_gates(np.asarray(lengths), nodes.shape[1]))


def naive(p, nodes):
    """One chain (S, F), a node at a time."""
    cell = torch.nn.GRUCell(SIZE, SIZE, dtype=nodes.dtype)
    given = {"weight_ih": "input_weight", "bias_ih": "input_bias", "weight_hh": "state_weight", "bias_hh": "state_bias"}

    def gru(message, state):
        return torch.func.functional_call(cell, {name: p[ours] for name, ours in given.items()}, (message, state))

    def message(h):
        first = torch.relu(p["message1_weight"] @ h + p["message1_bias"])
        return torch.relu(p["message2_weight"] @ first + p["message2_bias"])

    h = [p["encoder_weight"] @ node + p["encoder_bias"] for node in nodes]
    for v in range(1, len(h)):
        h[v] = gru(message(h[v - 1]), h[v])
    for v in range(len(h) - 2, -1, -1):
        h[v] = gru(message(h[v + 1]), h[v])
    return torch.nn.functional.layer_norm(torch.stack(h), (SIZE,), p["norm_weight"], p["norm_bias"])


@pytest.mark.parametrize("kind", graph.KINDS)
def test_it_equals_a_loop_over_nodes_and_its_gradient_is_autograds(kind):
    layout, theta = parameters(kind=kind)
    nodes, lengths = graph.batch(CHAINS, 17, 12, kind)
    found = embed(layout, theta, nodes, lengths)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0), dtype=found.dtype)
    (mine,) = torch.autograd.grad(
        sum((found[i, :length] * weights[i, :length]).sum() for i, length in enumerate(lengths)), theta
    )
    loops = [naive(layout.views(theta), torch.tensor(graph.chain(each, 17, 12, kind))) for each in CHAINS]
    for i, loop in enumerate(loops):
        torch.testing.assert_close(found[i, : lengths[i]], loop)
    (theirs,) = torch.autograd.grad(sum((loop * weights[i, : len(loop)]).sum() for i, loop in enumerate(loops)), theta)
    torch.testing.assert_close(mine, theirs)


def test_the_gradient_is_that_of_finite_differences():
    layout, theta = parameters()
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    assert torch.autograd.gradcheck(lambda p: embed(layout, p, nodes, lengths), (theta,))


def test_padding_changes_nothing():
    layout, theta = parameters()
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    together = embed(layout, theta, nodes, lengths)
    for i, each in enumerate(CHAINS):
        alone = embed(layout, theta, graph.chain(each, 17, 12)[None], lengths[i : i + 1])
        torch.testing.assert_close(together[i, : lengths[i]], alone[0])


def test_the_chain_is_that_of_the_paper():
    assert graph.chain((8, 4), 17, 12, "raw").ravel().tolist() == [0, 8, 8, 4, 4, 12, 12]
    rows = graph.chain((512, 4), 17, 12)
    assert rows.shape == (7, 5)
    np.testing.assert_allclose(rows[1], [1, np.log2(17) / 9, 1, 1, 0])
    np.testing.assert_allclose(rows[6], [np.log2(12) / 9, 2 / 9, 0, 0, 1])
