"""What holds for every registered compression that is a gather, whatever its index map."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch

from compactrl.compressions import COMPRESSIONS, ChromaticOptions, Dense, Gather, Options, PatternOptions
from compactrl.learners.base import single
from compactrl.policies.sharing import shared_edges
from compactrl.policies.skeleton import Skeleton

SHAPES = [(17, 6), (17, 41, 6), (3, 5, 4, 2)]
N = 7


@pytest.fixture(params=SHAPES, ids=str)
def sizes(request):
    return request.param


SKELETONS = {
    "tanh": Skeleton.tanh,
    "relu with output biases": Skeleton.relu,
    "no biases": lambda sizes: Skeleton(sizes, "relu", (False,) * (len(sizes) - 1)),
}


@pytest.fixture(params=SKELETONS.values(), ids=SKELETONS)
def skeleton(request, sizes):
    return request.param(sizes)


@pytest.fixture(params=[name for name, kind in COMPRESSIONS.items() if issubclass(kind, Gather)])
def compression(request, skeleton):
    kind = COMPRESSIONS[request.param]
    return kind(skeleton, kind.Options())


def thetas_and_designs(compression, n=N):
    generator = np.random.default_rng(1)
    thetas = np.stack([compression.initial(generator) for _ in range(n)])
    thetas += 0.1 * generator.standard_normal(thetas.shape)
    designs = compression.design_of(thetas)
    return thetas, compression.space.sample(n, generator) if designs is None else designs


def arrays(layers):
    return [array for layer in layers for array in layer if array is not None]


def check_equal(layers, others):
    assert len(arrays(layers)) == len(arrays(others))
    for one, other in zip(arrays(layers), arrays(others), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_have_the_shapes_and_the_biases_of_the_skeleton(compression, sizes):
    thetas, designs = thetas_and_designs(compression)
    for lead, layers in [
        ((), compression.expand(thetas[0], designs[0])),
        ((N,), compression.expand(thetas, designs)),
        ((N,), compression.expand(thetas, designs[0])),
        ((N,), compression.expand(thetas[0], designs)),
    ]:
        assert [layer.weight.shape for layer in layers] == [
            (*lead, outputs, inputs) for inputs, outputs in pairwise(sizes)
        ]
        for layer, width, biased in zip(layers, sizes[1:], compression.skeleton.biased, strict=True):
            assert (layer.bias.shape == (*lead, width)) if biased else layer.bias is None


def test_a_batch_equals_its_rows_bit_for_bit(compression):
    thetas, designs = thetas_and_designs(compression)
    batch = compression.expand(thetas, designs)
    shared = compression.expand(thetas[0], designs)
    for n in range(N):
        check_equal(compression.expand(thetas[n], designs[n]), [type(x)(x[0][n], _at(x[1], n)) for x in batch])
        check_equal(compression.expand(thetas[0], designs[n]), [type(x)(x[0][n], _at(x[1], n)) for x in shared])


def _at(array, n):
    return None if array is None else array[n]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_keep_the_dtype(compression, dtype):
    thetas, designs = thetas_and_designs(compression)
    thetas = thetas.astype(dtype)
    tensors = torch.as_tensor(thetas)
    if compression.design_of(thetas) is not None:
        designs = compression.design_of(thetas)
        np.testing.assert_array_equal(compression.design_of(tensors), designs)
    for row in (slice(None), 0):
        layers = compression.expand(thetas[row], designs[row])
        for torch_designs in (designs[row], torch.as_tensor(designs[row])):
            others = compression.expand(tensors[row], torch_designs)
            for one, other in zip(arrays(layers), arrays(others), strict=True):
                assert isinstance(one, np.ndarray)
                assert isinstance(other, torch.Tensor)
                assert one.dtype == other.numpy().dtype == dtype
                # the palette of a latent colouring is a sum, and the two sum in different orders
                np.testing.assert_allclose(one, other.numpy(), rtol=1e-5 if dtype == np.float32 else 1e-13)


def test_the_gradient_reaches_every_number_of_theta_that_is_used(compression):
    thetas, designs = thetas_and_designs(compression)
    theta = torch.tensor(thetas[0], requires_grad=True)
    layers = compression.expand(theta, designs[0])
    sum((array.flatten() * torch.arange(1, array.numel() + 1)).sum() for array in arrays(layers)).backward()
    assert torch.isfinite(theta.grad).all()
    edges = compression.num_edges
    if compression.name == "masked":  # kept weights and biases; the mask is a step, and dropped weights do nothing
        used = np.concatenate([designs[0], np.ones(compression.num_biases), np.zeros(edges)]).astype(bool)
    elif compression.name in ("chromatic", "transferred"):  # the colours that the design uses
        used = np.isin(np.arange(compression.num_parameters), designs[0])
        used[compression.num_weights :] = True
    else:
        used = np.ones(compression.num_parameters, dtype=bool)
    np.testing.assert_array_equal(theta.grad.numpy() != 0, used)


def test_theta_has_as_many_numbers_as_promised(compression, sizes):
    assert compression.initial(np.random.default_rng(0)).shape == (compression.num_parameters,)
    biased = compression.skeleton.biased
    assert compression.num_biases == sum(width for width, has in zip(sizes[1:], biased, strict=True) if has)
    assert compression.num_edges == sum(a * b for a, b in pairwise(sizes))


def test_the_same_generator_draws_the_same_theta(compression):
    first, second = (compression.initial(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_settling_leaves_the_network_and_the_size_as_they_were(compression):
    thetas, designs = thetas_and_designs(compression)
    size = compression.size(designs[0])
    settled, theta = compression.settle(thetas[0], designs[0])
    nothing = np.zeros(0, dtype=np.int64)
    assert settled.space.length == settled.design_space.length == 0
    assert settled.num_parameters == len(theta) == size.parameters
    assert settled.size(nothing) == size
    check_equal(settled.expand(theta, nothing), compression.expand(thetas[0], designs[0]))
    again, same = settled.settle(theta, nothing)
    assert again is settled
    np.testing.assert_array_equal(same, theta)


def test_what_ships_gives_the_network_bit_for_bit(compression):
    thetas, designs = thetas_and_designs(compression)
    compact = compression.compact(thetas[0], designs[0])
    size = compression.size(designs[0])
    assert (len(compact.weights), len(compact.biases)) == (size.weights, size.biases)
    edges = shared_edges(compact.weights, compact.index, compact.mask)
    layers = compact.skeleton.layers(edges, compact.biases.astype(np.float32))
    check_equal(layers, single(compression.expand(thetas[0], designs[0])))


def test_expanding_changes_neither_theta_nor_design(compression):
    thetas, designs = thetas_and_designs(compression)
    before = thetas.copy(), designs.copy()
    compression.expand(thetas, designs)
    np.testing.assert_array_equal(thetas, before[0])
    np.testing.assert_array_equal(designs, before[1])


def test_compressions_pickle(compression):
    thetas, designs = thetas_and_designs(compression)
    copy = pickle.loads(pickle.dumps(compression))
    check_equal(copy.expand(thetas, designs), compression.expand(thetas, designs))


def test_either_a_controller_or_theta_or_nobody_chooses_the_design(compression):
    decided_by_theta = compression.design_of(np.zeros(compression.num_parameters)) is not None
    assert compression.space.length in (0, compression.num_edges)
    assert not (decided_by_theta and compression.space.length)
    if decided_by_theta or compression.space.length:
        assert compression.design_space.length == compression.num_edges


def test_a_wrong_theta_or_design_is_refused_with_the_expected_shape(compression):
    thetas, designs = thetas_and_designs(compression)
    with pytest.raises(ValueError, match=rf"expected theta with shape \({compression.num_parameters},\)"):
        compression.expand(thetas[:, 1:], designs)
    with pytest.raises(ValueError, match=rf"expected designs with shape \(n, {compression.design_space.length}\)"):
        compression.expand(thetas, np.zeros((N, compression.design_space.length + 1), dtype=np.int64))
    with pytest.raises(ValueError, match=f"expected a design for each theta, got {N} designs and 2 thetas"):
        compression.expand(thetas[:2], designs)
    if designs.size:
        with pytest.raises(ValueError, match="expected decisions in 0 …"):
            compression.expand(thetas, designs - 5)


@pytest.mark.parametrize("sizes", [(3,), (3, 0, 2), ()])
def test_sizes_that_are_no_network_are_refused(sizes):
    with pytest.raises(ValueError, match="expected sizes \\(observation, hidden layers …, action\\)"):
        Dense(Skeleton.tanh(sizes), PatternOptions())


def test_options_of_another_compression_are_refused():
    with pytest.raises(TypeError, match="expected ChromaticOptions for chromatic, got Options"):
        COMPRESSIONS["chromatic"](Skeleton.tanh((3, 2)), Options())


def test_unknown_options_are_refused_and_known_ones_are_described():
    with pytest.raises(ValueError, match="partition"):
        ChromaticOptions(partition=3)
    for kind in COMPRESSIONS.values():
        assert all(field.description.endswith(".") for field in kind.Options.model_fields.values())
