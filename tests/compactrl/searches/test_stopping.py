"""When a search ends before its budget is spent, by numbers worked out by hand."""

import math

import numpy as np
import pytest

from compactrl.searches.stopping import Stopping, improved, standard_error, why


@pytest.mark.parametrize(
    ("mean", "error", "better"),
    [
        (200.9, 0.0, False),  # gained 100 so far: less than 1 of that is nothing
        (201.1, 0.0, True),
        (204.9, 5.0, False),  # within a standard error
        (205.1, 5.0, True),
        (150.0, 5.0, False),
        (-math.inf, 0.0, False),
    ],
)
def test_an_improvement_is_more_than_chance_and_more_than_nothing(mean, error, better):
    assert improved(mean, error, best=200.0, first=100.0) is better


def test_standard_errors_leave_out_what_failed():
    assert standard_error(np.array([2.0, np.nan, 4.0])) == pytest.approx(math.sqrt(2) / math.sqrt(2))
    assert standard_error(np.array([2.0, np.nan])) == standard_error(np.zeros(0)) == 0.0


def test_without_rules_nothing_is_asked_for_or_met():
    stopping = Stopping(None, 0.0, budget=1000)
    for steps in range(0, 1000, 100):
        assert not stopping.asks(math.inf, steps)
        stopping.note(10.0, 0.0, steps, took=50)
        assert stopping.met == ""


def test_patience_ends_after_its_share_of_the_budget_without_improvement():
    stopping = Stopping(None, 0.3, budget=1000)
    met = []
    for steps, mean in ((100, 10.0), (200, 90.0), (300, 90.5), (400, 89.0), (500, 90.2)):
        stopping.note(mean, 2.0, steps, took=10)
        met.append(stopping.met)
    assert met == ["", "", "", "", "patience"]  # 90.0 at 200 was the last improvement


def test_small_steps_upwards_add_up_to_an_improvement():
    stopping = Stopping(None, 0.2, budget=1000)
    for steps, mean in ((100, 10.0), (200, 11.5), (300, 13.0), (400, 14.5), (500, 16.0)):
        stopping.note(mean, 2.0, steps, took=10)
        assert stopping.met == ""


def test_patience_has_the_look_that_it_needs_where_re_evaluations_are_rare():
    stopping = Stopping(None, 0.2, budget=1000)
    assert [stopping.asks(-1.0, steps) for steps in (99, 100)] == [False, True]
    stopping.note(5.0, 0.0, 105, took=5)
    assert [stopping.asks(-1.0, steps) for steps in (204, 205)] == [False, True]


def test_a_return_is_met_by_what_would_ship_and_not_by_candidates():
    stopping = Stopping(480.0, 0.0, budget=10_000)
    assert stopping.asks(500.0, 100)
    assert stopping.met == ""
    stopping.note(300.0, 1.0, 300, took=200)
    assert stopping.met == ""
    stopping.note(480.0, 1.0, 1300, took=200)
    assert stopping.met == "stop_at"


def test_lucky_candidates_cost_a_fifth_of_the_steps_at_most():
    stopping = Stopping(480.0, 0.0, budget=10_000)
    stopping.note(300.0, 1.0, 1000, took=200)
    assert [stopping.asks(500.0, steps) for steps in (1799, 1800)] == [False, True]
    assert not stopping.asks(479.0, 5000)
    assert not stopping.asks(math.nan, 5000)  # no episode has ended


def test_where_every_episode_fails_nothing_has_improved():
    stopping = Stopping(480.0, 0.5, budget=100)
    stopping.note(-math.inf, 0.0, 10, took=1)
    stopping.note(20.0, 0.0, 20, took=1)
    assert stopping.met == ""
    stopping.note(-math.inf, 0.0, 70, took=1)
    assert stopping.met == "patience"


def test_what_is_remembered_comes_back_and_is_forgotten_where_a_search_begins_again():
    stopping, other = Stopping(None, 0.3, 1000), Stopping(None, 0.3, 1000)
    for steps in (100, 300):
        stopping.note(50.0, 1.0, steps, took=10)
    other.load_state_dict(stopping.state_dict())
    other.note(50.0, 1.0, 400, took=10)
    assert other.met == "patience"
    other.begin_again(400)
    assert other.met == ""
    other.note(50.0, 1.0, 600, took=10)
    assert other.met == ""


def test_it_is_said_how_a_search_goes_on_that_a_rule_has_ended():
    assert "--stop-at none" in why("stop_at", 480.0, 0.0)
    assert "--patience 0.2 of its budget" in why("patience", None, 0.2)
    assert why("steps", None, 0.0) == why("callback", None, 0.0) == ""
