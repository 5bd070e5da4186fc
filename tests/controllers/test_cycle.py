"""A shuffled cycle proposes every row once before any is repeated; strata get equal shares."""

import numpy as np

from controllers import CONTROLLERS, Space

ROWS = np.array([[n, n % 3] for n in range(12)])
STRATA = np.array([0] * 2 + [1] * 10)


def controller(name, space, seed=0):
    kind = CONTROLLERS[name]
    return kind(space, kind.Options(), np.random.SeedSequence(seed))


def test_every_row_once_before_any_is_repeated():
    cycle = controller("cycle", Space(2, 12, rows=ROWS))
    first, second = cycle.propose(12), np.concatenate([cycle.propose(5), cycle.propose(7)])
    for designs in (first, second):
        np.testing.assert_array_equal(np.sort(designs[:, 0]), np.arange(12))
    assert not np.array_equal(first, second)


def test_a_space_without_a_list_is_listed():
    designs = controller("cycle", Space(2, 3)).propose(9)
    assert len(np.unique(designs, axis=0)) == 9


def test_strata_have_equal_shares_and_are_cycled_through():
    designs = controller("stratified", Space(2, 12, rows=ROWS, strata=STRATA)).propose(4000)
    counts = np.bincount(designs[:, 0])
    assert abs(counts[:2].sum() - 2000) < 150
    assert abs(counts[0] - counts[1]) <= 1
    assert counts[2:].max() - counts[2:].min() <= 1


def test_a_space_too_large_to_list_is_sampled():
    assert controller("cycle", Space(50, 17)).propose(3).shape == (3, 50)


def test_listed_rows_are_what_random_draws_from():
    designs = controller("random", Space(2, 12, rows=ROWS)).propose(500)
    assert {tuple(row) for row in designs} == {tuple(row) for row in ROWS}
    assert Space(2, 12, rows=ROWS).count == 12
