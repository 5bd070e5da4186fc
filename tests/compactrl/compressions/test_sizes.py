"""All 20 rows of Table 2 of "Chromatic networks": weights, compression in per cent as printed, and bits."""

import numpy as np
import pytest

from compactrl.compressions import COMPRESSIONS, ChromaticOptions, Latent, LatentOptions, Masked, MaskedOptions
from compactrl.policies.skeleton import Skeleton

SIZES = {"Striker": (23, 41, 7), "HalfCheetah": (17, 41, 6), "Hopper": (11, 41, 3), "Walker2d": (17, 41, 6)}
TABLE_2 = [
    ("Striker", "chromatic", 23, 95, 8198),
    ("Striker", "masked", 25, 95, 8262),
    ("Striker", "toeplitz", 110, 88, 4832),
    ("Striker", "circulant", 82, 90, 3936),
    ("Striker", "dense", 1230, 0, 40672),
    ("HalfCheetah", "chromatic", 17, 94, 6571),
    ("HalfCheetah", "masked", 40, 92, 8250),
    ("HalfCheetah", "toeplitz", 103, 85, 4608),
    ("HalfCheetah", "circulant", 82, 88, 3936),
    ("HalfCheetah", "dense", 943, 0, 31488),
    ("Hopper", "chromatic", 11, 92, 3960),
    ("Hopper", "masked", 17, 91, 4726),
    ("Hopper", "toeplitz", 94, 78, 4320),
    ("Hopper", "circulant", 82, 80, 3936),
    ("Hopper", "dense", 574, 0, 19680),
    ("Walker2d", "chromatic", 17, 94, 6571),
    ("Walker2d", "masked", 19, 94, 6635),
    ("Walker2d", "toeplitz", 103, 85, 4608),
    ("Walker2d", "circulant", 82, 88, 3936),
    ("Walker2d", "dense", 943, 0, 31488),
]


def size_of(name, sizes, weights):
    """The size of a policy with so many weights, which a pattern counts by itself."""
    kind = COMPRESSIONS[name]
    if name == "chromatic":
        policy = kind(kind.skeleton_of(sizes), ChromaticOptions(partitions=weights))
        return policy.size(np.zeros(policy.num_edges, dtype=np.int64))
    policy = kind(kind.skeleton_of(sizes), kind.Options())
    if name == "masked":
        return policy.size((np.arange(policy.num_edges) < weights).astype(np.int64))
    return policy.size(np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize(("environment", "name", "weights", "compression", "bits"), TABLE_2)
def test_sizes_are_those_of_table_2(environment, name, weights, compression, bits):
    size = size_of(name, SIZES[environment], weights)
    assert size.weights == weights
    assert size.biases == 41
    assert size.parameters == weights + 41
    assert np.floor(100 * size.compression + 0.5) == compression  # all 20 are rounded to the nearest, half upwards
    assert size.bits == bits


def test_a_latent_colouring_costs_as_much_as_a_chromatic_one():
    policy = Latent(Skeleton.tanh((17, 41, 6)), LatentOptions(partitions=17))
    assert policy.size(np.zeros(943, dtype=np.int64)).bits == 6571


@pytest.mark.parametrize(("partitions", "bits"), [(1, 32), (2, 2 * 32 + 6), (3, 3 * 32 + 12), (5, 5 * 32 + 18)])
def test_the_dictionary_of_a_colouring_is_exact(partitions, bits):
    assert size_of("chromatic", (3, 2), partitions).bits == bits


@pytest.mark.parametrize(("kept", "bits"), [(0, 6), (1, 32 + 6), (2, 64 + 6), (3, 96 + 12)])
def test_a_mask_pays_at_least_a_bit_an_edge(kept, bits):
    size = size_of("masked", (3, 2), kept)
    assert size.weights == kept
    assert size.bits == bits


def test_unused_colours_are_counted():
    policy = COMPRESSIONS["chromatic"](Skeleton.tanh((3, 2)), ChromaticOptions(partitions=4))
    same = np.zeros(6, dtype=np.int64)
    assert policy.size(same).weights == policy.settle(np.zeros(4), same)[0].size(same[:0]).weights == 4


def test_the_size_of_a_mask_needs_the_whole_mask():
    with pytest.raises(ValueError, match=r"expected designs with shape \(n, 6\)"):
        Masked(Skeleton.tanh((3, 2)), MaskedOptions()).size(np.zeros(0, dtype=np.int64))
