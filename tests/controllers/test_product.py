"""A product of spaces: nothing is listed, each part has what it has alone, whatever stands beside it."""

import itertools

import numpy as np
import pytest

from controllers import CONTROLLERS, Space, controller_of
from controllers.product import ProductController

DEPTHS = Space(2, 5, rows=np.array([[n % 5, n // 5] for n in range(12)]), strata=np.array([1] * 2 + [2] * 10))
TASKS = Space(1, 9, rows=np.arange(7)[:, None])
BOTH = Space.product(DEPTHS, TASKS)
choosing = pytest.mark.parametrize("name", [name for name in CONTROLLERS if name != "none"])


def made(name, space, seed=0):
    kind = CONTROLLERS[name]
    return controller_of(kind, space, kind.Options(), np.random.SeedSequence(seed))


def test_it_has_every_row_of_one_part_with_every_row_of_the_other_and_lists_none():
    assert (BOTH.length, BOTH.choices, BOTH.count, BOTH.rows) == (3, 9, 84, None)
    naive = [(*one, *other) for one, other in itertools.product(DEPTHS.rows.tolist(), TASKS.rows.tolist())]
    assert [tuple(row) for row in BOTH.listed(84).tolist()] == naive
    assert BOTH.listed(83) is None
    assert {tuple(row) for row in BOTH.sample(2000, np.random.default_rng(0)).tolist()} == set(naive)
    open_ended = Space.product(Space(2, 3), Space(40, 10))
    assert open_ended.count == 9 * 10**40
    assert open_ended.listed(1000) is None
    assert len(np.unique(Space.product(Space(1, 2), Space(1, 3)).listed(6), axis=0)) == 6


def test_a_space_without_decisions_is_no_part():
    assert Space.product(Space(0, 1), TASKS) is TASKS
    assert Space.product(Space(0, 4), Space(0, 1)) == Space(0, 1)


def test_each_part_has_its_own_range():
    BOTH.check(np.array([[4, 4, 8]]))
    for wrong in ([[5, 0, 0]], [[0, 0, 9]], [[-1, 0, 0]]):
        with pytest.raises(ValueError, match="expected decisions in 0"):
            BOTH.check(np.array(wrong))
    with pytest.raises(ValueError, match=r"expected designs with shape \(n, 3\)"):
        BOTH.check(np.array([[1, 2]]))


@choosing
def test_a_part_is_proposed_as_it_would_be_alone(name):
    controller, kind = made(name, BOTH), CONTROLLERS[name]
    seeds = np.random.SeedSequence(0).spawn(2)
    alone = [kind(part, kind.Options(), seed) for part, seed in zip((DEPTHS, TASKS), seeds, strict=True)]
    for _ in range(3):
        designs, rewards = controller.propose(6), np.arange(6.0)
        np.testing.assert_array_equal(designs, np.concatenate([part.propose(6) for part in alone], axis=1))
        controller.feedback(designs, rewards)
        for part, decisions in zip(alone, BOTH.split(designs), strict=True):
            part.feedback(decisions, rewards)


@choosing
def test_it_goes_on_where_it_was(name):
    first, second = made(name, BOTH), made(name, BOTH, seed=1)
    for _ in range(2):
        first.feedback(first.propose(5), np.arange(5.0))
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        designs = first.propose(5)
        np.testing.assert_array_equal(second.propose(5), designs)
        assert second.feedback(designs, np.arange(5.0)) == first.feedback(designs, np.arange(5.0))


def test_strata_keep_their_shares_and_the_other_part_takes_turns():
    designs = made("stratified", BOTH).propose(2100)
    first = (designs[:, None, :2] == DEPTHS.rows[:2]).all(axis=2).any(axis=1)
    assert abs(first.sum() - 1050) < 100
    assert (np.bincount(designs[:, 2]) == 300).all()


def test_a_space_that_is_no_product_has_a_plain_controller():
    assert type(made("cycle", TASKS)) is CONTROLLERS["cycle"]
    assert isinstance(made("cycle", BOTH), ProductController)
