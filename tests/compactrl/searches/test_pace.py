"""Rates, times left and warnings, by numbers worked out by hand."""

import math

import pytest

from compactrl.searches.pace import Pace, count, duration, hours_warning


def paced(begun_at, *noted):
    """A pace that began at 0 s and noted (done, now)."""
    pace = Pace(begun_at, 0.0)
    for done, now in noted:
        pace.note(done, now)
    return pace


def test_the_time_left_follows_from_the_overall_rate():
    pace = paced(500, (900, 2.0), (1500, 10.0))  # resumed: what was done before took other time
    assert pace.rate == 100.0
    assert pace.left(2500, 10.0) == 10.0
    assert pace.left(1400, 10.0) == 0.0


def test_between_two_steps_of_the_work_the_time_left_runs_down_as_long_as_steps_take():
    pace = paced(0, (100, 10.0), (300, 30.0))
    assert [pace.left(1000, now) for now in (30.0, 45.0, 50.0, 500.0)] == [70.0, 55.0, 50.0, 50.0]
    pace.note(300, 600.0)  # nothing new
    assert pace.rate == 10.0


def test_before_anything_is_done_the_time_left_is_not_known():
    pace = paced(500, (500, 50.0))
    assert pace.left(1000, 100.0) == math.inf
    assert not pace.will_take_hours(1000, 100.0)


@pytest.mark.parametrize(
    ("done", "now", "warned"), [(1000, 10.0, True), (1000, 9.0, False), (5000, 10.0, False), (2000, 20.0, True)]
)
def test_a_search_of_hours_is_told_after_ten_seconds(done, now, warned):
    assert paced(0, (done, now)).will_take_hours(1_000_000, now) is warned  # 100 a second: 2 h 47 min


def test_the_warning_names_a_budget_of_half_an_hour():
    text = hours_warning(paced(100_000, (110_000, 10.0)), 18e6, 10.0, "Ctrl-C saves", "--steps {}")
    assert text == "about 5 h at this rate; Ctrl-C saves; --steps 1.9e6 takes about 30 minutes"


def test_counts_and_durations_are_written_as_people_type_and_read_them():
    assert [count(steps) for steps in (7, 20_000, 1_250_000, 20e6)] == ["7", "20e3", "1.25e6", "20e6"]
    assert all(float(count(steps)) == steps for steps in (7, 20_000, 1_250_000, 123_457, 20e6))
    assert [duration(seconds) for seconds in (5, 65, 4000)] == ["5 s", "1 min 5 s", "1 h 6 min"]
