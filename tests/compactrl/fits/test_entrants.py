"""Who enters a race: what there is time for, and what serves several budgets."""

import pytest

from compactrl.envs.registry import describe
from compactrl.fits.budgets import KINDS
from compactrl.fits.entrants import evolvers, teachers
from compactrl.fits.portfolio import EVOLVERS, SHARES, TEACHERS
from compactrl.fits.stages import Amount

BYTES = KINDS["bytes"]
BUDGETS = (256, 512, 1024)


@pytest.fixture(scope="module")
def cheetah():
    return describe("HalfCheetah-v5", "mujoco")


def test_a_teacher_needs_time_and_actions_that_it_can_learn(cheetah):
    names = [row.name for row in TEACHERS]
    for minutes, count in ((1, 0), (5, 2), (90, 3), (300, 4), (600, 5)):
        assert [row.name for row in teachers(TEACHERS, cheetah, Amount(60 * minutes, True))] == names[:count]
    pole = describe("CartPole-v1")
    discrete = [row.name for row in TEACHERS if row.discrete]
    assert [row.name for row in teachers(TEACHERS, pole, Amount(7200, True))] == discrete


def test_whoever_enters_the_race_keeps_a_tenth_of_the_budget():
    taken = sum(row.share for row in TEACHERS) + SHARES.beside_teachers + SHARES.imitation
    assert taken <= 0.9 + 1e-9


def test_with_time_each_budget_has_methods_of_its_own(cheetah):
    found = evolvers(EVOLVERS, cheetah, BYTES, BUDGETS, Amount(7200, True), taught=True)
    assert [one.size <= 256 for one in found.sized] != [True] * len(found.sized)
    assert found.sized == found.every
    assert found.share == SHARES.beside_teachers


def test_in_a_short_fit_one_search_of_each_row_serves_all_budgets(cheetah):
    found = evolvers(EVOLVERS, cheetah, BYTES, BUDGETS, Amount(600, True), taught=True)
    rows = [one.row.name for one in found.sized]
    assert len(rows) == len(set(rows))
    assert set(rows) == {one.row.name for one in found.every}
    for one in found.sized:  # of the smallest budget that the row fits
        sizes = [most for most in BUDGETS if one.size <= most]
        smaller = [most for most in BUDGETS if most < sizes[0]]
        assert not any(each.row == one.row and each.size <= most for most in smaller for each in found.every)


def test_with_one_budget_there_is_nothing_to_share(cheetah):
    short, long = (evolvers(EVOLVERS, cheetah, BYTES, (512,), Amount(time, True), False) for time in (10, 10**6))
    assert short == long
    assert short.share == SHARES.evolvers
