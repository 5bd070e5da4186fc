"""Rates, times left and warnings, by numbers worked out by hand."""

import math

import pytest

from compactrl.searches.pace import Pace, count, duration, hours_warning


def test_the_time_left_follows_from_the_overall_rate():
    pace = Pace(done=500, now=100.0)  # resumed: what was done before took other time
    assert pace.rate(1500, 110.0) == 100.0
    assert pace.left(1500, 2500, 110.0) == 10.0
    assert pace.left(2600, 2500, 110.0) == 0.0


def test_before_anything_is_done_the_time_left_is_not_known():
    assert Pace(500, 0.0).left(500, 1000, 100.0) == math.inf
    assert not Pace(500, 0.0).will_take_hours(500, 1000, 100.0)


@pytest.mark.parametrize(
    ("done", "now", "warned"), [(1000, 10.0, True), (1000, 9.0, False), (5000, 10.0, False), (2000, 20.0, True)]
)
def test_a_search_of_hours_is_told_after_ten_seconds(done, now, warned):
    assert Pace(0, 0.0).will_take_hours(done, 1_000_000, now) is warned  # 100 a second: 2 h 47 min


def test_the_warning_names_a_budget_of_half_an_hour():
    pace = Pace(100_000, 0.0)
    text = hours_warning(pace, 110_000, 18e6, 10.0, "Ctrl-C saves", "--steps {}")
    assert text == "about 5 h at this rate; Ctrl-C saves; --steps 1.9e6 takes about 30 minutes"


def test_counts_and_durations_are_written_as_people_type_and_read_them():
    assert [count(steps) for steps in (7, 20_000, 1_250_000, 20e6)] == ["7", "20e3", "1.25e6", "20e6"]
    assert all(float(count(steps)) == steps for steps in (7, 20_000, 1_250_000, 123_457, 20e6))
    assert [duration(seconds) for seconds in (5, 65, 4000)] == ["5 s", "1 min 5 s", "1 h 6 min"]
