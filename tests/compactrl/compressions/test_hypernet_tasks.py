"""One theta for architectures and tasks: deaf to contexts it is the graph hypernetwork."""

import numpy as np
import pytest
import torch

from compactrl.compressions import Hypernet, HypernetOptions, HypernetTasks, Plain
from compactrl.compressions.trainable import pullback_of
from compactrl.learners.base import single
from compactrl.learners.metabatch import MetaBatch, MetaBatchOptions
from compactrl.networks.pullback import GraphPullback
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.policies.sharing import shared_edges
from compactrl.policies.skeleton import Skeleton
from controllers import CONTROLLERS, controller_of

BOX = Uniform((0.0, -1.0), (3.0, 5.0))
PLANE = Contexts(("velocity", "slope"), (0.0, -1.0), (3.0, 5.0), BOX, BOX)
OPTIONS = {"widths": (4, 8, 16), "max_layers": 3, "rank": 4, "graph_size": 8}
kinds = pytest.mark.parametrize(
    "options", [{}, {"decoder": "dense"}, {"width_features": "raw"}], ids=lambda options: str(options)
)
DESIGNS = np.array([[1, 0, 0, 2], [3, 2, 1, 10], [2, 3, 0, 2], [3, 2, 1, 5]])


def made(sizes=(5, 6), **options):
    given = HypernetTasks.Options(**{**OPTIONS, "train_tasks": 7, "test_tasks": 4, **options})
    return HypernetTasks(Skeleton.relu(sizes), given.completed(PLANE, seed=5))


def deaf(sizes=(5, 6), **options):
    return Hypernet(Skeleton.relu(sizes), HypernetOptions(**OPTIONS, **options))


def hearing(compression, weight=0.4):
    """Return a theta whose map of contexts is not zero, and its parts."""
    layout, generator = compression._parts[0], np.random.default_rng(2)
    parts = layout.views(compression.initial(generator) + 0.03 * generator.standard_normal(layout.size))
    parts["told_weight"] = weight * generator.standard_normal(parts["told_weight"].shape)
    return layout.joined(parts), parts


def forward(layers, x):
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        x = np.maximum(x, 0) if number < len(layers) - 1 else x
    return x


def same(layers, others):
    for layer, other in zip(layers, others, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
        np.testing.assert_array_equal(layer.bias, other.bias)


# Base cases.


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_first_it_is_the_graph_hypernetwork_in_every_task_bit_for_bit(options, dtype):
    compression, alone = made(**options), deaf(**options)
    theta, its = (kind.initial(np.random.default_rng(3)).astype(dtype) for kind in (compression, alone))
    assert len(theta) == compression.num_parameters == alone.num_parameters + 2 * 8
    for layers, others in zip(
        compression.expand_each(theta, DESIGNS), alone.expand_each(its, DESIGNS[:, :3]), strict=True
    ):
        same(layers, others)
    x = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.as_tensor(theta).dtype)
    mine, theirs = (
        kind.network(torch.as_tensor(vector), designs)(x).numpy()
        for kind, vector, designs in ((compression, theta, DESIGNS), (alone, its, DESIGNS[:, :3]))
    )
    np.testing.assert_array_equal(mine, theirs)


@kinds
def test_a_context_is_a_bias_of_the_nodes_encoding(options):
    """Task by task it is a graph hypernetwork that is told nothing, with b + U context for b."""
    compression, alone = made(**options), deaf(**options)
    theta, parts = hearing(compression)
    for design in DESIGNS:
        (told,) = (compression.tasks(design[None]) - [1.5, 2.0]) / [1.5, 3.0]
        bias = parts["encoder_bias"] + parts["told_weight"] @ told
        others = alone.expand(alone._parts[0].joined({**parts, "encoder_bias": bias, "told_weight": 0.0}), design[:3])
        for layer, other in zip(compression.expand(theta, design), others, strict=True):
            np.testing.assert_allclose(layer.weight, other.weight, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(layer.bias, other.bias, rtol=1e-9, atol=1e-12)


# Architectures and tasks together.


@kinds
def test_what_trains_is_what_ships_and_tasks_differ(options):
    compression = made(**options)
    theta, _ = hearing(compression)
    x = np.random.default_rng(0).standard_normal((4, 7, 5))
    trained = compression.network(torch.as_tensor(theta), DESIGNS)(torch.as_tensor(x)).numpy()
    for design, rows, outputs in zip(DESIGNS, x, trained, strict=True):
        layers = compression.expand(theta, design)
        widths = compression.widths_of(design)
        assert [layer.weight.shape for layer in layers] == list(zip((*widths, 6), (5, *widths), strict=True))
        np.testing.assert_allclose(outputs, forward(layers, rows), rtol=1e-9, atol=1e-12)
    one, other = compression.expand_each(theta, DESIGNS[[1, 3]])  # one architecture in two tasks
    assert all(not np.array_equal(layer.weight, its.weight) for layer, its in zip(one, other, strict=True))


def test_the_gradient_is_autograds_and_reaches_the_map_of_contexts():
    compression = made()
    theta = torch.as_tensor(compression.initial(np.random.default_rng(0)))
    rows, slope = (torch.randn(4, 7, size, generator=torch.Generator().manual_seed(size)).double() for size in (5, 6))
    own = pullback_of(compression, theta, DESIGNS)
    own(rows)
    gradient = own.gradient(slope)
    total = torch.zeros((), dtype=theta.dtype)
    vector = theta.clone().requires_grad_()
    for x, factors, layers in zip(rows, slope, compression.expand_each(vector, DESIGNS), strict=True):
        for number, (weight, bias) in enumerate(layers):
            x = x @ weight.T + bias
            x = torch.relu(x) if number < len(layers) - 1 else x
        total = total + (x * factors).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(total, vector)[0])
    assert (compression._parts[0].views(gradient)["told_weight"] != 0).all()
    assert isinstance(own, GraphPullback)


def test_designs_are_an_architecture_and_then_a_task():
    compression = made()
    assert compression.space.count == (3 + 9 + 27) * 7
    assert compression.design_space.count == 39 * 11
    assert compression.space.rows is None  # nothing is listed
    np.testing.assert_array_equal(compression.tasks(DESIGNS), compression.contexts[[2, 10, 2, 5]])
    compression.design_space.check(DESIGNS)
    with pytest.raises(ValueError, match="expected decisions in 0 … 10"):
        compression.expand(hearing(compression)[0], np.array([1, 0, 0, 11]))
    with pytest.raises(ValueError, match=r"expected one design with shape \(4,\)"):
        compression.expand(hearing(compression)[0], DESIGNS)
    shipped = compression.as_shipped(DESIGNS)
    np.testing.assert_array_equal(shipped[:, :3], DESIGNS[:, :3])
    distances = np.linalg.norm(compression.scaled(compression.contexts[:7]), axis=1)
    assert set(shipped[:, 3]) == {compression.shipped_task} == {int(distances.argmin())}


def test_depths_get_equal_shares_and_every_task_its_turn():
    compression, kind = made(), CONTROLLERS["stratified"]
    controller = controller_of(kind, compression.space, kind.Options(), np.random.SeedSequence(0))
    designs = controller.propose(2100)
    depths = np.count_nonzero(designs[:, :3], axis=1)
    assert np.abs(np.bincount(depths)[1:] - 700).max() < 80
    assert (np.bincount(designs[:, 3]) == 300).all()


def test_critics_are_told_the_architecture_and_the_context():
    compression = made()
    told = MetaBatch.of(MetaBatchOptions(anchor_share=0.0), compression).told(DESIGNS)
    np.testing.assert_array_equal(told[:, :-2], deaf().described.features(DESIGNS[:, :3]))
    np.testing.assert_array_equal(told[:, -2:], compression.scaled(compression.tasks(DESIGNS)))


def test_any_context_has_a_network_for_every_architecture():
    compression = made()
    theta, _ = hearing(compression)
    given = compression.contexts[[2, 10]]
    others = compression.for_tests(np.concatenate([given, [[2.2, 0.1]]]))
    designs = others.in_tests(DESIGNS[1])
    assert designs.tolist() == [[3, 2, 1, 7], [3, 2, 1, 8], [3, 2, 1, 9]]
    for design, own in zip(designs, np.array([[3, 2, 1, 2], [3, 2, 1, 10]]), strict=False):
        same(others.expand(theta, design), compression.expand(theta, own))
    assert others.num_parameters == compression.num_parameters


def test_settling_leaves_a_plain_network_in_its_task():
    compression = made()
    theta, _ = hearing(compression)
    nothing, design = np.zeros(0, np.int64), DESIGNS[1]
    settled, numbers = compression.settle(theta, design)
    assert isinstance(settled, Plain)
    assert settled.num_parameters == len(numbers) == compression.size(design).parameters
    np.testing.assert_array_equal(settled.task_of(nothing), compression.contexts[10])
    compact = compression.compact(theta, design)
    edges = shared_edges(compact.weights, compact.index, compact.mask)
    for kept in (compact.skeleton.layers(edges, compact.biases.astype(np.float32)), settled.expand(numbers, nothing)):
        same(single(kept), single(compression.expand(theta, design)))


def test_what_will_not_do_is_refused():
    with pytest.raises(ValueError, match="has no tasks"):
        HypernetTasks.Options().completed(None, 0)
    with pytest.raises(ValueError, match="expected contexts of tasks to train in, which hypernet-tasks policies"):
        HypernetTasks(Skeleton.relu((5, 6)), HypernetTasks.Options())
