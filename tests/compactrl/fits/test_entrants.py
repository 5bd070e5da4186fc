"""Who enters a race: what there is time for, and what serves several budgets."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from compactrl.envs.registry import describe
from compactrl.fits.budgets import KINDS
from compactrl.fits.entrants import apprentices, evolvers, keeps_up, students, teachers, tuned
from compactrl.fits.portfolio import APPRENTICES, EVOLVERS, LEAST_TUNING, SHARES, STUDENTS, TEACHERS, TUNING, Row
from compactrl.fits.sizes import combinations
from compactrl.fits.stages import Amount

BYTES = KINDS["bytes"]
BUDGETS = (256, 512, 1024)
LONG = Amount(10**6, True)


@pytest.fixture(scope="module")
def cheetah():
    return describe("HalfCheetah-v5", "mujoco")


def test_a_teacher_needs_time_and_actions_that_it_can_learn(cheetah):
    names = [row.name for row in TEACHERS]
    for minutes, begin, end in ((1, 0, 0), (5, 0, 1), (8, 0, 1), (9, 1, 3), (15, 1, 3), (300, 1, 4), (600, 1, 5)):
        assert [row.name for row in teachers(TEACHERS, cheetah, Amount(60 * minutes, True))] == names[begin:end]
    pole = describe("CartPole-v1")
    discrete = [row.name for row in TEACHERS if row.discrete and row.most_episodes == math.inf]
    assert [row.name for row in teachers(TEACHERS, pole, Amount(7200, True))] == discrete


def test_there_are_apprentices_as_soon_as_there_are_large_teachers(cheetah):
    for seconds in (300, 480, 499, 501, 600, 900):
        total = Amount(seconds, True)
        large = [row for row in teachers(TEACHERS, cheetah, total) if row.most_episodes == math.inf]
        for budgets in ((1024,), (256, 512, 1024)):
            assert bool(large) == bool(apprentices(APPRENTICES, STUDENTS, cheetah, BYTES, budgets, total))


def test_whoever_learns_leaves_a_tenth_of_the_budget_to_the_race():
    always = SHARES.beside_teachers + SHARES.imitation + SHARES.tuning
    always += SHARES.apprenticeship + SHARES.apprentices  # or tuning has it
    for large in (True, False):
        taught = [row.share for row in TEACHERS if (row.most_episodes == math.inf) is large]
        assert sum(taught) + always <= 0.9 + 1e-9


def all_of(cheetah):
    """Return methods from nothing for each budget, as in a long fit."""
    return evolvers(EVOLVERS, cheetah, BYTES, BUDGETS, LONG, taught=True).sized


def test_with_time_each_budget_has_methods_of_its_own(cheetah):
    found = evolvers(EVOLVERS, cheetah, BYTES, BUDGETS, Amount(7200, True), taught=True)
    assert [one.size <= 256 for one in found.sized] != [True] * len(found.sized)
    assert found.sized == all_of(cheetah)
    assert found.share == SHARES.beside_teachers


def test_in_a_short_fit_one_search_of_each_row_serves_all_budgets(cheetah):
    found = evolvers(EVOLVERS, cheetah, BYTES, BUDGETS, Amount(600, True), taught=True)
    rows = [one.row.name for one in found.sized]
    assert len(rows) == len(set(rows))
    assert set(rows) == {one.row.name for one in all_of(cheetah)}
    for one in found.sized:  # of the smallest budget that the row fits
        sizes = [most for most in BUDGETS if one.size <= most]
        smaller = [most for most in BUDGETS if most < sizes[0]]
        assert not any(each.row == one.row and each.size <= most for most in smaller for each in all_of(cheetah))


def test_with_one_budget_there_is_nothing_to_share(cheetah):
    short, long = (evolvers(EVOLVERS, cheetah, BYTES, (512,), Amount(time, True), False) for time in (10, 10**6))
    assert short == long
    assert short.share == SHARES.evolvers


def taught(cheetah, returns):
    """Return candidates by PPO of these hidden layers and returns, by their names."""
    found = {}
    for (name, hidden), mean in returns.items():
        row = Row(name, {"method": "ppo", "hidden": hidden, "steps": 10**6})
        one = next(iter(combinations(row, cheetah, normalized=True)))
        found[name] = SimpleNamespace(name=name, best=one.policy, mean=mean, size=4 * 10**4, run=Path(name))
    return found


def test_a_network_imitates_its_own_policy_and_one_that_nobody_has_the_best(cheetah):
    small, wide = ("small", (16, 8)), ("wide", (64, 64))
    rows = [row for row in STUDENTS if row.name in ("shared-16-8", "shared-32-16")]
    entering = students(rows, taught(cheetah, {small: 5000.0, wide: 9000.0}), cheetah, BYTES, (1024,))
    who = {one.name: (one.teacher.name, one.start and one.start.name) for one in entering}
    assert who == {"shared-16-8-32": ("small", "small"), "shared-32-16-16": ("wide", None)}


def test_apprentices_have_the_networks_that_students_will_have_and_time_enough(cheetah):
    def names(budgets, minutes):
        found = apprentices(APPRENTICES, STUDENTS, cheetah, BYTES, budgets, Amount(60 * minutes, True))
        return [row.name for row in found]

    assert names((1024,), 15) == ["apprentice-32-16", "apprentice-16-8"]
    assert names((200,), 15) == ["apprentice-16-8", "apprentice-8"]
    assert names((128,), 15) == ["apprentice-8", "apprentice-4"]
    assert names((256, 1024), 15) == ["apprentice-32-16", "apprentice-16-8", "apprentice-8"]
    assert names((1024,), 4) == []
    point = describe("compactrl/PointMass-v0")
    assert apprentices(APPRENTICES, STUDENTS, point, BYTES, (128,), LONG)


def test_as_many_students_of_each_budget_are_tuned_as_there_is_time_for(cheetah):
    ranked = [["a", "b", "c"], ["d", "a", "e"], ["f", "g", "h"]]
    each = LEAST_TUNING * 1000 * TUNING.cost / SHARES.tuning
    assert tuned(ranked, cheetah, Amount(8 * each, False)) == set("abcdefgh")
    assert tuned(ranked, cheetah, Amount(7 * each, False)) == set("abdfg")
    assert tuned(ranked, cheetah, Amount(3 * each, False)) == set("adf")
    assert tuned(ranked, cheetah, Amount(2 * each, False)) == set()
    assert tuned([[], []], cheetah, LONG) == set()


@pytest.mark.parametrize(
    ("evolved", "taught", "keeping_up"),
    [
        ((37.2, 7.1, 6.6, 3.3, -2.1, -4.5), (37.7, 37.6), True),  # Swimmer, by a teacher with little time
        ((37.2, 7.1, 6.6, 3.3, -2.1, -4.5), (46.6, 46.5), True),  # and with more
        ((-7.5, -9.3, -9.5, -11.4, -8.9), (-4.2, -4.6), False),  # Reacher
        ((73.5, 54.3, 53.4, 52.1, 46.6, 37.8), (3300.0,), False),  # Hopper
        ((-1e5, -30.0, -22.0, -40.0), (-5.0,), False),  # one that fails is no yardstick
        ((5.0, 5.0), (1.0,), True),
        ((5.0,), (5.0,), True),
        ((5.0,), (5.1,), False),  # nothing says how far that is
        ((), (5.0,), False),
        ((5.0,), (), False),
    ],
)
def test_evolution_keeps_up_where_it_is_half_as_far_from_its_median(evolved, taught, keeping_up):
    assert keeps_up(evolved, taught) is keeping_up
