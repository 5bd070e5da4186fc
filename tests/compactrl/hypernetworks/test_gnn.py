"""The gated graph network equals its plain equations, those of torch's GRU cell; its gradient is autograd's."""

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


def plain_states(p, nodes):
    """Of one chain (S, F): both passes and the layer norm."""
    encoded = nodes @ p["encoder_weight"].T + p["encoder_bias"]
    middle = gnn.plain_pass(p, encoded)
    last = gnn.plain_pass(p, middle.flip(0)).flip(0)
    return torch.nn.functional.layer_norm(last, (SIZE,), p["norm_weight"], p["norm_bias"])


def test_the_plain_equations_are_those_of_torchs_cell():
    layout, theta = parameters()
    p = layout.views(theta)
    cell = torch.nn.GRUCell(SIZE, SIZE, dtype=theta.dtype)
    names = {"weight_ih": "input_weight", "bias_ih": "input_bias", "weight_hh": "state_weight", "bias_hh": "state_bias"}
    weights = {theirs: p[ours] for theirs, ours in names.items()}
    states = torch.randn(4, SIZE, generator=torch.Generator().manual_seed(0), dtype=theta.dtype)
    expected = [states[0]]
    for state in states[1:]:
        hidden = torch.nn.functional.linear(expected[-1], p["message1_weight"], p["message1_bias"]).relu()
        message = torch.nn.functional.linear(hidden, p["message2_weight"], p["message2_bias"]).relu()
        expected.append(torch.func.functional_call(cell, weights, (message, state)))
    torch.testing.assert_close(gnn.plain_pass(p, states), torch.stack(expected))


@pytest.mark.parametrize("kind", graph.KINDS)
def test_it_equals_the_plain_equations_and_its_gradient_is_autograds(kind):
    layout, theta = parameters(kind=kind)
    nodes, lengths = graph.batch(CHAINS, 17, 12, kind)
    states = embed(layout, theta, nodes, lengths)
    plain = [plain_states(layout.views(theta), torch.tensor(graph.chain(widths, 17, 12, kind))) for widths in CHAINS]
    for chain, length, expected in zip(states, lengths, plain, strict=True):
        torch.testing.assert_close(chain[:length], expected)

    factors = torch.randn(states.shape, generator=torch.Generator().manual_seed(0), dtype=states.dtype)
    written_out, automatic = (
        torch.autograd.grad(
            sum(
                (chain[:length] * of[:length]).sum() for chain, of, length in zip(chains, factors, lengths, strict=True)
            ),
            theta,
        )
        for chains in (states, plain)
    )
    torch.testing.assert_close(written_out, automatic)


def test_the_gradient_is_that_of_finite_differences():
    layout, theta = parameters()
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    assert torch.autograd.gradcheck(lambda p: embed(layout, p, nodes, lengths), (theta,))


def test_gradients_of_its_gradient_are_those_of_finite_differences():
    layout, theta = parameters()
    nodes, lengths = graph.batch(CHAINS[:2], 3, 2)
    closed = gnn.closed_gates(lengths, nodes.shape[1])
    torch.testing.assert_close(
        gnn.plain_embed(layout.views(theta), nodes, closed, np.zeros((2, 0))), embed(layout, theta, nodes, lengths)
    )
    direction = torch.randn(theta.shape, generator=torch.Generator().manual_seed(1), dtype=theta.dtype)

    def slope(vector):
        """Along the direction, of a function that is not linear in the states."""
        (gradient,) = torch.autograd.grad(embed(layout, vector, nodes, lengths).sin().sum(), vector, create_graph=True)
        return gradient @ direction

    assert torch.autograd.gradcheck(slope, (theta,))


TOLD = np.array([[0.3, -1.0], [0.0, 0.7], [-0.5, 0.2]])
"""Two numbers that the nodes of each of `CHAINS` are told."""


def told_parameters(told):
    """Parameters of which those of what is told are these, (SIZE, 2)."""
    drawn = gnn.initial(np.random.default_rng(0), 5, SIZE, told=2)
    layout = Layout(gnn.shapes(5, SIZE, told=2))
    return layout, torch.tensor(layout.joined(drawn | {"told_weight": told}), requires_grad=True)


def test_what_nodes_are_told_is_a_bias_of_their_encoding():
    """Chain by chain, of a network that is told nothing and has another bias; the gradient is autograd's."""
    layout, theta = told_parameters(np.random.default_rng(1).standard_normal((SIZE, 2)))
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    closed, p = gnn.closed_gates(lengths, nodes.shape[1]), layout.views(theta)
    states = gnn.embed(p, nodes, closed, TOLD)
    torch.testing.assert_close(gnn.plain_embed(p, nodes, closed, TOLD), states)
    factors = torch.randn(states.shape, generator=torch.Generator().manual_seed(0), dtype=states.dtype)
    total = torch.zeros((), dtype=states.dtype)
    for number, (widths, length) in enumerate(zip(CHAINS, lengths, strict=True)):
        biased = dict(p, encoder_bias=p["encoder_bias"] + p["told_weight"] @ torch.tensor(TOLD[number]))
        expected = plain_states(biased, torch.tensor(graph.chain(widths, 17, 12)))
        torch.testing.assert_close(states[number, :length], expected)
        total = total + (expected * factors[number, :length]).sum()
    written_out = sum(
        (chain[:length] * of[:length]).sum() for chain, of, length in zip(states, factors, lengths, strict=True)
    )
    torch.testing.assert_close(torch.autograd.grad(written_out, theta)[0], torch.autograd.grad(total, theta)[0])


def test_what_weighs_nothing_is_as_if_it_were_not_told():
    layout, theta = told_parameters(np.zeros((SIZE, 2)))
    deaf, alone = parameters()
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    told = gnn.embed(layout.views(theta), nodes, gnn.closed_gates(lengths, nodes.shape[1]), TOLD)
    np.testing.assert_array_equal(told.detach(), embed(deaf, alone, nodes, lengths).detach())


def test_padding_changes_nothing():
    layout, theta = parameters()
    nodes, lengths = graph.batch(CHAINS, 17, 12)
    together = embed(layout, theta, nodes, lengths)
    for widths, length, padded in zip(CHAINS, lengths, together, strict=True):
        alone = embed(layout, theta, graph.chain(widths, 17, 12)[None], [length])
        torch.testing.assert_close(padded[:length], alone[0])


def test_the_chain_is_that_of_the_paper():
    assert graph.chain((8, 4), 17, 12, "raw").ravel().tolist() == [0, 8, 8, 4, 4, 12, 12]
    rows = graph.chain((512, 4), 17, 12)
    assert rows.shape == (7, 5)
    np.testing.assert_allclose(rows[1], [1, np.log2(17) / 9, 1, 1, 0])
    np.testing.assert_allclose(rows[6], [np.log2(12) / 9, 2 / 9, 0, 0, 1])
