"""A graph hypernetwork writes plain networks: of the right shapes, those that it trains, in reach of the gradient."""

import numpy as np
import pytest
import torch

from compactrl.compressions import Hypernet, HypernetOptions, Plain
from compactrl.hypernetworks import gnn, graph
from compactrl.hypernetworks.lowrank import _parts
from compactrl.networks.layout import Layout
from compactrl.policies.architectures import WIDTHS
from compactrl.policies.skeleton import Skeleton

SMALL = (4, 8, 16)
SIZES = (5, 6)
kinds = pytest.mark.parametrize(
    "options",
    [{"decoder": "bilinear"}, {"decoder": "dense"}, {"decoder": "bilinear", "width_features": "raw"}],
    ids=lambda options: "-".join(options.values()),
)


def hypernet(options, sizes=SIZES):
    return Hypernet(
        Skeleton.relu(sizes),
        HypernetOptions(**{"widths": SMALL, "max_layers": 3, "rank": 4, "graph_size": 8, **options}),
    )


def theta_of(compression, dtype=np.float64):
    generator = np.random.default_rng(2)
    theta = compression.initial(generator)
    return (theta + 0.05 * generator.standard_normal(theta.shape)).astype(dtype)


DESIGNS = np.array([[1, 0, 0], [3, 2, 1], [2, 3, 0], [3, 3, 3], [0, 0, 2]])


@kinds
def test_layers_have_the_shapes_of_the_design(options):
    compression = hypernet(options)
    theta = theta_of(compression)
    for design, widths in zip(DESIGNS, [(4,), (16, 8, 4), (8, 16), (16, 16, 16), (8,)], strict=True):
        layers = compression.expand(theta, design)
        sizes = (5, *widths, 6)
        assert [layer.weight.shape for layer in layers] == list(zip(sizes[1:], sizes[:-1], strict=True))
        assert [layer.bias.shape for layer in layers] == [(size,) for size in sizes[1:]]
        assert all(np.abs(layer.bias).max() < 1 for layer in layers)


def forward(layers, x):
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        x = np.maximum(x, 0) if number < len(layers) - 1 else x
    return x


@kinds
def test_what_is_trained_is_what_ships(options):
    """The batch that never builds a matrix equals numpy on the matrices, an MLP at a time."""
    compression = hypernet(options)
    theta = theta_of(compression)
    x = np.random.default_rng(0).standard_normal((len(DESIGNS), 7, 5))
    trained = compression.network(torch.as_tensor(theta), DESIGNS)(torch.as_tensor(x)).numpy()
    for design, rows, outputs in zip(DESIGNS, x, trained, strict=True):
        np.testing.assert_allclose(outputs, forward(compression.expand(theta, design), rows), rtol=1e-9, atol=1e-12)


@kinds
def test_designs_together_are_designs_alone(options):
    compression = hypernet(options)
    theta = theta_of(compression)
    for design, layers in zip(DESIGNS, compression.expand_each(theta, DESIGNS), strict=True):
        for one, other in zip(layers, compression.expand(theta, design), strict=True):
            np.testing.assert_allclose(one.weight, other.weight, rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(one.bias, other.bias, rtol=1e-10, atol=1e-13)


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_keep_the_dtype(options, dtype):
    compression = hypernet(options)
    theta = theta_of(compression, dtype)
    for layer, other in zip(
        compression.expand(theta, DESIGNS[1]), compression.expand(torch.tensor(theta), DESIGNS[1]), strict=True
    ):
        assert isinstance(layer.weight, np.ndarray)
        assert layer.weight.dtype == other.weight.numpy().dtype == dtype
        np.testing.assert_array_equal(layer.weight, other.weight.numpy())


@kinds
def test_a_naive_reading_of_the_graph_gives_the_same_weights(options):
    """The formulas of the decoders, a layer at a time, on the states of a chain alone."""
    compression = hypernet(options)
    layout, _ = compression._parts
    theta = theta_of(compression)
    p = layout.views(theta)
    widths = (16, 8, 4)
    nodes = graph.chain(widths, *SIZES, compression._kind)
    closed = gnn.closed_gates(np.array([9]), 9)
    states = gnn.embed(Layout(layout.shapes).views(torch.as_tensor(theta)), nodes[None], closed)
    states = states[0].numpy()
    inputs = 5
    for number, (outputs, layer) in enumerate(zip((*widths, 6), compression.expand(theta, DESIGNS[1]), strict=True)):
        weight_state, bias_state = states[1 + 2 * number], states[2 + 2 * number]
        last = number == 3
        if options["decoder"] == "bilinear":
            hidden = np.maximum(p["core1_weight"] @ weight_state + p["core1_bias"], 0)
            core = (p["core2_weight"] @ hidden + p["core2_bias"]).reshape(4, 4)
            rows, columns = p["outputs"] if last else p["rows"], p["columns"] if number else p["inputs"]
            matrix = rows[:outputs] @ core @ columns[:, :inputs]
            scale = 2 / max(inputs, 16) if number else np.sqrt(2 / inputs)
            code = p["bias2_weight"] @ np.maximum(p["bias1_weight"] @ bias_state + p["bias1_bias"], 0) + p["bias2_bias"]
            vector = (p["bias_outputs"] if last else p["bias_rows"])[:outputs] @ code
        else:
            hidden = np.maximum(p["weight1_weight"] @ weight_state + p["weight1_bias"], 0)
            hidden = np.maximum(p["weight2_weight"] @ hidden + p["weight2_bias"], 0)
            matrix = (p["matrix_weight"] @ hidden + p["matrix_bias"])[:outputs, :inputs]
            scale = np.sqrt(2 / inputs)
            vector = p["vector_weight"] @ np.maximum(p["bias1_weight"] @ bias_state + p["bias1_bias"], 0)
            vector = vector + p["vector_bias"]
            if last:
                vector = p["output_weight"] @ np.maximum(vector, 0) + p["output_bias"]
        np.testing.assert_allclose(layer.weight, scale * matrix, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.bias, np.tanh(0.2 * vector[:outputs]), rtol=1e-9, atol=1e-12)
        inputs = outputs


@kinds
def test_the_gradient_reaches_every_parameter(options):
    """An inactive unit has none, so over several thetas: each parameter must have one somewhere."""
    compression = hypernet(options)
    designs = compression.space.rows
    x = torch.randn(len(designs), 20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reached = np.zeros(compression.num_parameters, bool)
    for seed in range(30):
        generator = np.random.default_rng(seed)
        theta = compression.initial(generator)
        theta = torch.tensor(theta + 0.3 * generator.standard_normal(theta.shape), requires_grad=True)
        compression.network(theta, designs)(x).square().sum().backward()
        assert torch.isfinite(theta.grad).all()
        reached |= theta.grad.numpy() != 0
    assert reached.all()


@kinds
def test_the_gradient_is_that_of_the_matrices(options):
    compression = hypernet(options)
    theta = torch.tensor(theta_of(compression), requires_grad=True)
    x = torch.randn(len(DESIGNS), 7, 5, dtype=theta.dtype, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(len(DESIGNS), 7, 6, dtype=theta.dtype, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((compression.network(theta, DESIGNS)(x) * weights).sum(), theta)
    total = torch.zeros((), dtype=theta.dtype)
    for rows, factors, layers in zip(x, weights, compression.expand_each(theta, DESIGNS), strict=True):
        for number, (weight, bias) in enumerate(layers):
            rows = rows @ weight.T + bias
            rows = torch.relu(rows) if number < len(layers) - 1 else rows
        total = total + (rows * factors).sum()
    (of_matrices,) = torch.autograd.grad(total, theta)
    torch.testing.assert_close(gradient, of_matrices)


@kinds
def test_settling_leaves_a_plain_network_with_the_same_layers(options):
    compression = hypernet(options)
    theta = theta_of(compression)
    plain, numbers = compression.settle(theta, DESIGNS[2])
    assert isinstance(plain, Plain)
    nothing = np.zeros(0, np.int64)
    assert (
        plain.num_parameters
        == len(numbers)
        == compression.size(DESIGNS[2]).parameters
        == plain.size(nothing).parameters
    )
    for one, other in zip(plain.expand(numbers, nothing), compression.expand(theta, DESIGNS[2]), strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)


def test_all_policies_start_as_nearly_one_function():
    """Hidden layers pass on what they get: outputs are nearly those of the codes of observations and outputs alone.
    With random codes these correlations are nothing."""
    compression = Hypernet(Skeleton.relu((17, 12)), HypernetOptions())
    theta = compression.initial(np.random.default_rng(0))
    p = Layout(gnn.shapes(graph.FEATURES["normalized"], 32) | compression._parts[1].shapes()).views(theta)
    x = 5 * np.random.default_rng(1).standard_normal((1000, 17))
    expected = np.sqrt(2 / 17) * x @ p["inputs"].T @ p["outputs"].T
    designs = np.array([[8, 0, 0, 0], [7, 7, 0, 0], [8, 7, 6, 0], [8, 7, 8, 7], [5, 5, 5, 5]])
    for layers, least in zip(compression.expand_each(theta, designs), (0.9, 0.8, 0.7, 0.6, 0.6), strict=True):
        outputs = forward(layers, x)
        assert np.corrcoef((outputs - outputs.mean(0)).ravel(), (expected - expected.mean(0)).ravel())[0, 1] > least
        assert 0.1 < outputs.std(0).mean() / expected.std(0).mean() < 7


def test_observations_wider_than_any_layer_have_weights_of_their_own():
    for decoder in ("bilinear", "dense"):
        compression = hypernet({"decoder": decoder}, (40, 6))
        weight = compression.expand(theta_of(compression), DESIGNS[0])[0].weight
        assert weight.shape == (4, 40)
        assert len(np.unique(weight.round(12), axis=1).T) == 40


def test_many_architectures_go_through_the_graph_network_together(monkeypatch):
    """Of all 4680 every 20th, as whoever evaluates all of them asks for: one pass, however many there are."""
    compression = Hypernet(Skeleton.relu((17, 12)), HypernetOptions())
    theta = compression.initial(np.random.default_rng(0)).astype(np.float32)
    passes = []
    embed = gnn.embed
    monkeypatch.setattr(gnn, "embed", lambda *given: passes.append(len(given[1])) or embed(*given))
    chosen = slice(None, None, 20)
    networks = compression.expand_each(theta, compression.space.rows[chosen])
    assert passes == [234]
    for layers, widths in zip(networks, compression.architectures[chosen], strict=True):
        sizes = zip((*widths, 12), (17, *widths), strict=True)
        assert [layer.weight.shape for layer in layers] == list(sizes)


def test_the_decoder_of_the_paper_is_as_large_as_it_says():
    compression = Hypernet(
        Skeleton.relu((17, 12)), HypernetOptions(decoder="dense", graph_size=16, width_features="raw")
    )
    assert 33.8e6 < compression.num_parameters < 34.0e6
    assert Hypernet(Skeleton.relu((17, 12)), HypernetOptions()).num_parameters < 0.4e6


@pytest.mark.parametrize(
    ("given", "message"),
    [({"widths": "0"}, "greater than or equal to 1"), ({"widths": "4,4"}, "a width is given twice"),
     ({"decoder": "sparse"}, "'bilinear' or 'dense'"), ({"max_layers": 0}, "greater than or equal to 1")],
)  # fmt: skip
def test_options_that_will_not_do(given, message):
    with pytest.raises(ValueError, match=message):
        HypernetOptions(**given)


def test_one_design_at_a_time_and_no_hidden_sizes():
    with pytest.raises(ValueError, match=r"expected one design with shape \(3,\)"):
        hypernet({}).expand(theta_of(hypernet({})), DESIGNS)
    with pytest.raises(ValueError, match="hidden layers are the design's"):
        Hypernet(Skeleton.relu((3, 4, 5)), HypernetOptions())
    assert HypernetOptions(widths="4, 8").widths == (4, 8)
    assert HypernetOptions().widths == WIDTHS


def test_layers_of_similar_width_go_together():
    """Few units beyond those there are, and never more groups than are worth it."""
    assert _parts([512, 512, 8, 8, 4, 4]) == [slice(0, 2), slice(2, 6)]
    assert _parts([16, 8, 8, 4]) == [slice(0, 4)]
    assert _parts([512]) == [slice(0, 1)]
    assert _parts([512] * 3 + [256] * 3 + [4] * 3) == [slice(0, 3), slice(3, 6), slice(6, 9)]


def test_a_plain_network_trains_as_it_expands():
    plain = Plain(Skeleton.relu((5, 8, 6)), Plain.Options())
    theta = plain.initial(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 7, 5))
    trained = plain.network(torch.as_tensor(theta), None)(torch.as_tensor(x)).numpy()
    np.testing.assert_allclose(trained, forward(plain.expand(theta, np.zeros(0, np.int64)), x), rtol=1e-12)
