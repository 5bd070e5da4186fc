"""The space of architectures: its size, its order, and the counts that the paper prints."""

import itertools

import numpy as np
import pytest

from compactrl.policies.architectures import (
    MAX_LAYERS,
    WIDTHS,
    by_memory,
    depths_of,
    designs_of,
    enumerate_architectures,
    memory_dimension,
    parameters,
    widths_of,
)

CHEETAH, ANT, HOPPER, HUMANOID, REACH, FETCH = (17, 6), (111, 8), (11, 3), (376, 17), (13, 4), (28, 4)
TABLE_I = [
    (ANT, (256, 256), 96520), (ANT, (256, 512, 64, 8), 193680), (ANT, (16, 32, 32, 4), 3564),
    (CHEETAH, (256, 256), 71942), (CHEETAH, (128, 512, 512, 256), 463878), (CHEETAH, (64, 4, 4, 32), 1790),
    (CHEETAH, (14, 7), 405), (CHEETAH, (40, 20), 1666), (CHEETAH, (16, 8, 32, 8), 1030),
    (CHEETAH, (32, 256, 4, 64), 10762), (CHEETAH, (16, 16, 4), 658),  # Walker2d has the same sizes
    (HOPPER, (256, 256), 69635), (HOPPER, (32, 512, 4, 32), 19591), (HOPPER, (8, 4, 4, 4), 187),
    (HUMANOID, (256, 256), 166673), (HUMANOID, (16, 8, 32, 16), 7273), (HUMANOID, (8, 32, 8), 3721),
    (REACH, (256, 256), 70404), (REACH, (4, 8), 132),
    (FETCH, (256, 256), 74244), (FETCH, (256, 128, 128, 16), 58964), (FETCH, (64, 64, 32, 16), 8692),
    (FETCH, (16, 256, 16, 32), 9604), (FETCH, (32, 32, 8, 16), 2460), (FETCH, (16, 16, 8), 908),
    (FETCH, (16, 16, 4), 824),
    (CHEETAH, (340, 170), 65116),  # printed as 56116
]  # fmt: skip
MEMORY = [
    ((14, 7), 280), ((40, 20), 792), ((340, 170), 6642), ((16, 8, 32, 8), 336), ((256, 256), 5132),
    ((64, 4, 4, 32), 1232), ((128, 512, 512, 256), 2828),
]  # fmt: skip


@pytest.mark.parametrize(("task", "widths", "published"), TABLE_I)
def test_parameters_are_those_of_the_paper(task, widths, published):
    observation, action = task
    assert parameters(observation, widths, action) == published


@pytest.mark.parametrize(("widths", "expected"), MEMORY)
def test_memory_dimensions_are_those_of_algorithm_1(widths, expected):
    assert memory_dimension(17, widths, 6) == expected


def test_memory_dimension_of_other_robots():
    assert memory_dimension(376, (8, 32, 8), 17) == 3048
    assert memory_dimension(111, (16, 32, 32, 4), 8) == 1848


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(500, (16, 4, 4, 4)), (1000, (32, 8, 8)), (1790, (64, 8, 4, 4)), (3564, (128, 8, 8, 8)),
     (10_000, (256, 16, 16, 16)), (100_000, (512, 128, 128, 32)), (1_000_000, (512, 512, 512, 512))],
)  # fmt: skip
def test_the_largest_memory_under_a_limit_on_halfcheetah(limit, expected):
    fitting = [each for each in enumerate_architectures(17, 6) if parameters(17, each, 6) < limit]
    assert by_memory(17, 6, fitting) == expected


def test_ties_of_memory_go_to_the_fewest_parameters_then_to_the_order():
    equal = [(8, 4), (8, 4, 4)]
    assert by_memory(10, 2, [equal[0], (4, 64)]) == (8, 4)
    best = by_memory(11, 3, [each for each in enumerate_architectures(11, 3) if parameters(11, each, 3) < 10_000])
    assert best == (512, 4, 4, 4)


def test_the_space_is_that_of_the_paper_in_order_of_size():
    every = enumerate_architectures(17, 6)
    assert len(every) == len(set(every)) == 4680
    sizes = [parameters(17, each, 6) for each in every]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (102, 800_262)
    assert all(
        one < other for one, other in itertools.pairwise(every) if parameters(17, one, 6) == parameters(17, other, 6)
    )


def test_designs_and_architectures_are_one_to_one():
    every = enumerate_architectures(11, 3)
    designs = designs_of(every, WIDTHS, MAX_LAYERS)
    assert [widths_of(design, WIDTHS) for design in designs] == every
    assert len(np.unique(designs, axis=0)) == len(every)
    np.testing.assert_array_equal(depths_of(designs), [len(each) for each in every])


def test_gaps_close_and_nothing_is_the_smallest_layer():
    assert widths_of(np.array([3, 0, 5, 0]), WIDTHS) == (16, 64)
    assert widths_of(np.zeros(4, np.int64), WIDTHS) == (4,)
    assert depths_of(np.array([[3, 0, 5, 0], [0, 0, 0, 0]])).tolist() == [2, 1]
