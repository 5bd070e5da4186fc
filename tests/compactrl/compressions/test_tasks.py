"""One theta for many tasks: what ships for a context is the network that trains, and base cases are plain networks."""

import numpy as np
import pytest
import torch

from compactrl.compressions import COMPRESSIONS, OfTasks, Plain
from compactrl.compressions.multitask import different, nearest_to_middle
from compactrl.compressions.plain import PlainOptions
from compactrl.compressions.trainable import pullback_of
from compactrl.errors import InputError
from compactrl.learners.base import single
from compactrl.networks.affine import cut
from compactrl.networks.pullback import GraphPullback
from compactrl.policies.contexts import Contexts, Listed, Uniform
from compactrl.policies.sharing import shared_edges
from compactrl.policies.skeleton import Skeleton, interleaved

BOX = Uniform((0.0, -1.0), (3.0, 5.0))
PLANE = Contexts(("velocity", "slope"), (0.0, -1.0), (3.0, 5.0), BOX, BOX)
SIDES = Listed(((-1.0,), (1.0,)))
TWO = Contexts(("direction",), (-1.0,), (1.0,), SIDES, SIDES)
every_kind = pytest.mark.parametrize("name", [name for name, kind in COMPRESSIONS.items() if issubclass(kind, OfTasks)])
every_activation = pytest.mark.parametrize("activation", ["relu", "tanh"])
SIZES = (4, 6, 3)


def made(name, sizes=SIZES, contexts=PLANE, **options):
    kind = COMPRESSIONS[name]
    given = kind.Options(**{"train_tasks": 7, "test_tasks": 4, **options})
    return kind(kind.skeleton_of(sizes), given.completed(contexts, seed=5))


def theta_of(compression, dtype=np.float64):
    generator = np.random.default_rng(2)
    theta = compression.initial(generator)
    return (theta + 0.03 * generator.standard_normal(theta.shape)).astype(dtype)


def forward(layers, x, activation):
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if number < len(layers) - 1:
            x = np.maximum(x, 0) if activation == "relu" else np.tanh(x)
    return x


# The table of tasks.


@every_kind
def test_training_tasks_are_proposed_and_test_tasks_are_designs_too(name):
    compression = made(name)
    assert compression.space.rows.ravel().tolist() == list(range(7))
    assert compression.design_space.rows.ravel().tolist() == list(range(11))
    table = compression.tasks(compression.design_space.rows)
    np.testing.assert_array_equal(table[:7], compression.options.train_contexts)
    np.testing.assert_array_equal(table[7:], compression.options.test_contexts)
    told = compression.described.features(np.array([[3], [9]]))
    np.testing.assert_allclose(told, (table[[3, 9]] - [1.5, 2]) / [1.5, 3])
    assert np.abs(told).max() <= 1


def test_tasks_follow_from_the_seed_and_test_tasks_do_not_depend_on_how_many_train():
    first, same, more, other = (
        COMPRESSIONS["hyper"].Options(train_tasks=count).completed(PLANE, seed)
        for count, seed in ((5, 1), (5, 1), (9, 1), (5, 2))
    )
    assert first == same
    assert len(more.train_contexts) == 9
    assert more.train_contexts[:5] == first.train_contexts
    assert more.test_contexts == first.test_contexts
    assert not set(other.train_contexts) & set(first.train_contexts)
    assert not set(first.test_contexts) & set(first.train_contexts)
    assert first.completed(TWO, 7) == first, "what a record has stays"


def test_a_family_of_two_tasks_has_just_these():
    options = COMPRESSIONS["context"].Options().completed(TWO, 0)
    assert options.train_contexts == options.test_contexts == ((-1.0,), (1.0,))
    assert not COMPRESSIONS["context"].Options(test_tasks=0).completed(TWO, 0).test_contexts
    assert different(np.array([[2.0, 1.0], [2.0, 0.0], [2.0, 1.0]])) == ((2.0, 1.0), (2.0, 0.0))


def rare(bad):
    """Return a sampler that is sound where few tasks are drawn, and then is not."""
    return lambda generator, count: generator.uniform(0, 1, (count, 1)) if count < 10 else bad(generator, count)


FAULTS = {
    "nan": (lambda _, count: np.where(np.arange(count) == 20, np.nan, 0.5)[:, None], "drew speed nan, which is not"),
    "range": (lambda _, count: np.linspace(0, 2, count)[:, None], r"drew speed 1\.0\d*, which is not within 0 … 1"),
    "shape": (
        lambda _, count: np.zeros(count),
        r"returned shape \(30,\) of .* expected numbers of shape \(30, 1\)",
    ),
    "raises": (lambda generator, count: generator.choice(9, count, replace=False), "raised ValueError: Cannot take"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["train", "test"])
def test_what_samplers_draw_for_a_run_is_checked_too(kind, fault):
    """Few tasks are drawn as a family is described, and what is wrong with many shows only here."""
    bad, said = FAULTS[fault]
    unit = Uniform((0.0,), (1.0,))
    samplers = {"train": unit, "test": unit} | {kind: rare(bad)}
    contexts = Contexts(("speed",), (0.0,), (1.0,), **samplers)
    with pytest.raises(InputError, match=f"its sampler of {kind} tasks {said}"):
        COMPRESSIONS["context"].Options(train_tasks=30).completed(contexts, 0)


@every_kind
def test_the_task_in_the_middle_of_those_that_train_ships(name):
    compression = made(name)
    distance = np.linalg.norm(compression.scaled(compression.contexts), axis=1)
    assert compression.shipped_design.tolist() == [int(np.argmin(distance[:7]))]
    assert nearest_to_middle(np.array([[0.5], [-0.5], [0.4]])) == 2


@every_kind
def test_what_will_not_do_is_refused(name):
    kind = COMPRESSIONS[name]
    with pytest.raises(ValueError, match="has no tasks"):
        kind.Options().completed(None, 0)
    with pytest.raises(ValueError, match="expected contexts of tasks to train in"):
        kind(kind.skeleton_of(SIZES), kind.Options())
    compression = made(name)
    theta = theta_of(compression)
    with pytest.raises(ValueError, match=rf"expected theta with shape \({compression.num_parameters},\) for {name}"):
        compression.expand(theta[1:], np.array([0]))
    with pytest.raises(ValueError, match="expected decisions in 0 … 10"):
        compression.expand(theta, np.array([11]))
    with pytest.raises(ValueError, match=r"expected one design with shape \(1,\)"):
        compression.expand(theta, np.array([[1]]))


# What holds for all of them.


@every_kind
@pytest.mark.parametrize("sizes", [(4, 3), SIZES, (4, 5, 2, 3)], ids=str)
@every_activation
def test_what_trains_is_what_ships(name, sizes, activation):
    """The function that learns, with the context in it, equals numpy on the folded networks, a task at a time."""
    compression = made(name, sizes, activation=activation)
    theta, designs = theta_of(compression), np.array([[2], [10], [2], [5]])
    x = np.random.default_rng(0).standard_normal((4, 7, 4))
    trained = compression.network(torch.as_tensor(theta), designs)(torch.as_tensor(x)).numpy()
    for design, rows, outputs in zip(designs, x, trained, strict=True):
        layers = compression.expand(theta, design)
        assert [layer.weight.shape for layer in layers] == list(zip(sizes[1:], sizes[:-1], strict=True))
        np.testing.assert_allclose(outputs, forward(layers, rows, activation), rtol=1e-9, atol=1e-12)


@every_kind
def test_a_gradient_that_is_written_out_is_autograds(name):
    compression = made(name)
    theta, designs = torch.as_tensor(theta_of(compression)), np.array([[2], [10], [2]])
    own = pullback_of(compression, theta, designs)
    graph = GraphPullback(lambda vector: compression.network(vector, designs), theta)
    rows, slope = torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).split(1)
    slope = slope[0, ..., :3]
    np.testing.assert_allclose(own(rows[0]), graph(rows[0]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(own.gradient(slope), graph.gradient(slope), rtol=1e-10, atol=1e-13)


@every_kind
def test_the_gradient_has_a_gradient(name):
    """Learners that adapt by gradient steps differentiate through them."""
    compression = made(name, sizes=(2, 3, 1), activation="tanh")
    theta = torch.as_tensor(theta_of(compression)).requires_grad_()
    rows = torch.ones(1, 4, 2, dtype=torch.float64)

    def adapted(vector):
        loss = compression.network(vector, np.array([[1]]))(rows).square().sum()
        (gradient,) = torch.autograd.grad(loss, vector, create_graph=True)
        return compression.network(vector - 0.1 * gradient, np.array([[1]]))(rows).square().sum()

    (exact,) = torch.autograd.grad(adapted(theta), theta)
    direction = np.random.default_rng(0).standard_normal(len(theta))
    ahead, behind = (
        adapted((theta.detach() + step * torch.as_tensor(direction)).requires_grad_()).item() for step in (1e-6, -1e-6)
    )
    assert exact.numpy() @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_designs_together_are_designs_alone_and_numpy_is_torch(name, dtype):
    compression = made(name)
    theta, designs = theta_of(compression, dtype), np.array([[2], [10], [0]])
    together = compression.expand_each(torch.as_tensor(theta), designs)
    for design, alone, others in zip(designs, compression.expand_each(theta, designs), together, strict=True):
        for layer, other, again in zip(alone, others, compression.expand(theta, design), strict=True):
            for mine, theirs, once_more in zip(layer, other, again, strict=True):
                assert mine.dtype == theirs.numpy().dtype == dtype
                np.testing.assert_array_equal(mine, once_more)
                np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-6)


@every_kind
def test_any_context_has_a_network_and_one_of_the_table_has_the_tasks(name):
    compression = made(name)
    theta = theta_of(compression)
    own = compression.of_contexts(theta, compression.contexts[[3]])[0]
    for layer, other in zip(own, compression.expand(theta, np.array([3])), strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
    near, far = compression.of_contexts(theta, np.array([[1.0, 1.0], [2.9, 4.0]]))
    different_biases = not np.array_equal(near[0].bias, far[0].bias)
    assert different_biases == (name in ("context", "hyper"))  # the others are not told


@every_kind
def test_settling_leaves_a_plain_network_in_its_task(name):
    compression = made(name)
    theta, design = theta_of(compression), np.array([8])
    settled, numbers = compression.settle(theta, design)
    nothing = np.zeros(0, np.int64)
    assert settled.space.length == settled.design_space.length == 0
    assert settled.num_parameters == len(numbers) == compression.size(design).parameters == 4 * 6 + 6 + 6 * 3 + 3
    assert settled.size(nothing) == compression.size(design)
    np.testing.assert_array_equal(settled.tasks(np.zeros((2, 0), np.int64)), compression.tasks(np.array([[8], [8]])))
    compact = compression.compact(theta, design)
    edges = shared_edges(compact.weights, compact.index, compact.mask)
    layers = compact.skeleton.layers(edges, compact.biases.astype(np.float32))
    for kept in (layers, single(settled.expand(numbers, nothing))):
        for layer, other in zip(kept, single(compression.expand(theta, design)), strict=True):
            np.testing.assert_array_equal(layer.weight, other.weight)
            np.testing.assert_array_equal(layer.bias, other.bias)


@every_kind
def test_the_same_generator_draws_the_same_theta_of_the_promised_length(name):
    compression = made(name)
    first, second = (compression.initial(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (compression.num_parameters,)


# Base cases, and the formulas.


@every_activation
def test_plain_tasks_are_a_plain_network_whatever_the_task(activation):
    compression = made("plain-tasks", activation=activation)
    theta = theta_of(compression)
    plain = Plain(Skeleton.relu(SIZES), PlainOptions(activation=activation))
    for layers in compression.expand_each(theta, np.array([[0], [10]])):
        np.testing.assert_array_equal(interleaved(layers), interleaved(plain.expand(theta, np.zeros(0, np.int64))))


@every_activation
def test_a_context_without_weight_leaves_a_plain_network(activation):
    compression = made("context", activation=activation)
    weight, *rest = compression.seeing.expand(theta_of(compression), np.zeros(0, np.int64))
    blind = np.concatenate([weight.weight[:, :4], np.zeros((6, 2))], axis=1)
    theta = interleaved((type(weight)(blind, weight.bias), *rest))
    plain = interleaved((type(weight)(blind[:, :4], weight.bias), *rest))
    for layers in compression.expand_each(theta, np.array([[0], [10]])):
        np.testing.assert_array_equal(interleaved(layers), plain)


@every_activation
def test_what_ships_of_a_context_is_the_network_that_sees_it(activation):
    compression = made("context", activation=activation)
    theta = theta_of(compression)
    seeing = compression.seeing.expand(theta, np.zeros(0, np.int64))
    x = np.random.default_rng(0).standard_normal((9, 4))
    told = compression.scaled(np.array([[2.0, 3.0]]))
    beside = forward(seeing, np.concatenate([x, np.tile(told, (9, 1))], axis=1), activation)
    (folded,) = compression.of_contexts(theta, np.array([[2.0, 3.0]]))
    np.testing.assert_allclose(forward(folded, x, activation), beside, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", ["small", "paper"])
@every_activation
def test_every_task_begins_with_one_plain_network_bit_for_bit(size, activation):
    """Heads that are constant: bias-hyper."""
    compression = made("hyper", hyper_size=size, activation=activation, initialization="orthogonal")
    theta = compression.initial(np.random.default_rng(4))
    generator = np.random.default_rng(4)
    for part in compression._primary[1].values():
        part.initial(generator)
    plain = compression.base.initial(generator)
    for layers in compression.expand_each(theta, np.array([[0], [10]])):
        np.testing.assert_array_equal(interleaved(layers), plain)


@pytest.mark.parametrize("initialization", ["bias-hyper", "paper"])
@every_activation
def test_the_folded_network_is_equation_1(initialization, activation):
    """Gains apart from weights, a layer at a time, of numbers that the primary network writes by numpy."""
    compression = made("hyper", (4, 5, 6, 3), hyper_initialization=initialization, activation=activation)
    theta = theta_of(compression)
    layers = {name: layer for name, layer in cut(torch.as_tensor(theta), compression._primary[1]).items()}

    def through(name, x):
        return x @ layers[name].weight.numpy().T + layers[name].bias.numpy()

    latent = compression.scaled(np.array([[1.0, 2.0]]))
    for stage in range(3):
        latent = through(f"up{stage}", latent)
        for block in range(2):
            inner = np.maximum(through(f"block{stage}-{block}-inner", np.maximum(latent, 0)), 0)
            latent = latent + through(f"block{stage}-{block}-outer", inner)
    written, place = through("heads", latent)[0], 0
    x = np.random.default_rng(0).standard_normal((9, 4))
    value = x
    for number, (inputs, outputs) in enumerate(((4, 5), (5, 6), (6, 3))):
        weight = written[place : place + inputs * outputs].reshape(outputs, inputs)
        bias, gain = written[place + weight.size :][: 2 * outputs].reshape(2, outputs)
        place += weight.size + 2 * outputs
        value = (1 + gain) * (value @ weight.T) + bias
        if number < 2:
            value = np.maximum(value, 0) if activation == "relu" else np.tanh(value)
    (folded,) = compression.of_contexts(theta, np.array([[1.0, 2.0]]))
    np.testing.assert_allclose(forward(folded, x, activation), value, rtol=1e-8, atol=1e-11)


def test_the_papers_first_weights_are_small_and_differ_between_tasks():
    compression = made("hyper", (17, 256, 6), hyper_size="paper", hyper_initialization="paper")
    (near, far) = compression.expand_each(compression.initial(np.random.default_rng(0)), np.array([[0], [10]]))
    assert not np.array_equal(near[0].weight, far[0].weight)
    assert compression.num_parameters == pytest.approx(6.17e6 + 1025 * (17 * 256 + 2 * 256 + 256 * 6 + 2 * 6), rel=0.01)
    assert near[1].weight.std() < near[0].weight.std() < (6 / (17 + 256)) ** 0.5
