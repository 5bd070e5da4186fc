"""The smallest architecture with a share of the best: both meanings, with numbers worked out by hand."""

import pytest

from compactrl.catalogs.shares import MIN_TO_MAX, OF_MAXIMUM, least_value, smallest_reaching, smallest_with


@pytest.mark.parametrize(
    ("values", "of_maximum", "min_to_max"),
    [
        ([20.0, 60.0, 100.0], 90.0, 92.0),  # 20 + 0.9 * 80
        ([-50.0, 20.0, 100.0], 90.0, 92.0),  # what is not positive does not count
        ([0.0, 20.0, 100.0], 90.0, 92.0),
        ([-50.0, 100.0], 90.0, 100.0),  # the best is the worst positive one, too
        ([-11.0, -1.0], None, -2.0),  # none is positive: -11 + 0.9 * 10
        ([-10.0, 0.0], None, -1.0),
        ([7.0], 6.3, 7.0),
        ([], None, None),
    ],
)
def test_the_least_value_with_ninety_percent(values, of_maximum, min_to_max):
    assert least_value(values, 0.9, OF_MAXIMUM) == pytest.approx(of_maximum, abs=1e-12)
    assert least_value(values, 0.9, MIN_TO_MAX) == pytest.approx(min_to_max, abs=1e-12)


def row(widths, parameters, value):
    return {"widths": widths, "parameters": parameters, "return_mean": value}


def test_the_smallest_is_that_with_the_fewest_parameters_wherever_it_stands():
    rows = [row([64], 50, 95.0), row([8], 20, 91.0), row([16], 30, 100.0), row([4], 10, 89.0)]
    assert smallest_with(rows, 0.9, OF_MAXIMUM, "return_mean")["widths"] == [8]
    assert smallest_with(rows, 0.9, MIN_TO_MAX, "return_mean")["widths"] == [16]  # 89 + 0.9 * 11 = 98.9
    assert smallest_with(rows, 1.0, OF_MAXIMUM, "return_mean")["widths"] == [16]


def test_of_equal_size_the_better_one_and_then_the_smaller_widths():
    rows = [row([8, 4], 20, 95.0), row([4, 8], 20, 95.0), row([16], 20, 92.0)]
    assert smallest_reaching(rows, 90.0, "return_mean")["widths"] == [4, 8]


def test_a_share_that_means_nothing_has_no_architecture():
    rows = [row([4], 10, -9.0), row([8], 20, -1.0)]
    assert smallest_with(rows, 0.9, OF_MAXIMUM, "return_mean") is None
    assert smallest_with(rows, 0.9, MIN_TO_MAX, "return_mean")["widths"] == [8]
    assert smallest_with([], 0.9, MIN_TO_MAX, "return_mean") is None


def test_any_column_may_be_compared():
    rows = [{**row([4], 10, -9.0), "success_mean": 0.95}, {**row([8], 20, -1.0), "success_mean": 1.0}]
    assert smallest_with(rows, 0.9, OF_MAXIMUM, "success_mean")["widths"] == [4]
