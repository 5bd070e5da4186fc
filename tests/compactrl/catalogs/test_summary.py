"""What a table of architectures shows, with numbers worked out by hand, and against a loop over limits."""

import numpy as np
import pytest

from compactrl.catalogs import summary


def make_row(widths, parameters, returns, memory=0):
    return {"widths": widths, "parameters": parameters, "return_mean": returns, "memory_dimension": memory}


def test_the_summary_by_hand():
    rows = [
        make_row([4], 10, 10.0),
        make_row([8], 20, 80.0),
        make_row([16], 30, 91.0),
        make_row([32], 40, 100.0),
        make_row([64], 50, None),
    ]
    chosen = summary.summarize(rows)["chosen"]
    assert chosen["max"]["widths"] == [32]
    assert chosen["90% of the maximum"]["widths"] == [16]  # 90
    assert chosen["80% of the maximum"]["widths"] == [8]  # 80
    assert chosen["90% from minimum to maximum"]["widths"] == [16]  # 91
    assert chosen["80% from minimum to maximum"]["widths"] == [16]  # 82
    assert summary.summarize(rows)["compared"] == "return_mean"


def test_the_way_from_the_minimum_begins_at_the_worst_positive_return():
    """As in the public code of the paper; of equal size the better one."""
    rows = [
        make_row([2], 5, -900.0),
        make_row([4], 10, 10.0),
        make_row([8], 20, 80.0),
        make_row([8, 8], 20, 85.0),
        make_row([32], 40, 100.0),
    ]
    chosen = summary.summarize(rows)["chosen"]
    assert chosen["80% from minimum to maximum"]["widths"] == [8, 8]  # 82; from -900 it would be 800 of 1000: -100
    assert chosen["80% of the maximum"]["widths"] == [8, 8]


def test_with_goals_the_success_rate_is_compared():
    rows = [make_row([4], 10, -9.0), make_row([8], 20, -8.0), make_row([16], 30, -7.0), make_row([32], 40, -6.0)]
    rows = [{**row, "success_mean": share} for row, share in zip(rows, (0.5, 0.9, 1.0, 1.0), strict=True)]
    report = summary.summarize(rows)
    assert report["compared"] == "success_mean"
    assert report["chosen"]["max"]["widths"] == [16]
    assert report["chosen"]["90% of the maximum"]["widths"] == [8]
    assert report["chosen"]["80% from minimum to maximum"]["widths"] == [8]  # 0.9
    assert report["chosen"]["90% from minimum to maximum"]["widths"] == [16]  # 0.95
    assert report["without_evaluation"]["size, ratio"] == 1.0
    alike = summary.summarize([{**row, "success_mean": 1.0} for row in rows])
    assert set(alike["without_evaluation"].values()) == {1.0}


def test_shares_of_a_maximum_that_is_not_positive_mean_nothing():
    chosen = summary.summarize([make_row([4], 10, -10.0), make_row([8], 20, -1.0)])["chosen"]
    assert chosen["90% of the maximum"] is None
    assert chosen["90% from minimum to maximum"]["widths"] == [8]


def test_choice_without_evaluation_equals_a_loop_over_limits():
    generator = np.random.default_rng(0)
    sizes = generator.integers(500, 900_000, 60)
    rows = [
        make_row([n], int(size), float(value), int(memory))
        for n, size, value, memory in zip(
            range(60), sizes, generator.uniform(1, 9, 60), generator.integers(1, 40, 60), strict=True
        )
    ]
    compared = summary.choice_without_evaluation(rows)
    low, high, count = summary.LIMITS
    by_size, by_memory = [], []
    for limit in np.random.default_rng(0).uniform(low, high, count):
        fitting = [row for row in rows if row["parameters"] < limit]
        if fitting:
            best = max(row["return_mean"] for row in fitting)
            by_size.append(max(fitting, key=lambda row: row["parameters"])["return_mean"] / best)
            largest = min(fitting, key=lambda row: (-row["memory_dimension"], row["parameters"]))
            by_memory.append(largest["return_mean"] / best)
    assert compared["size, ratio"] == pytest.approx(np.mean(by_size))
    assert compared["memory, ratio"] == pytest.approx(np.mean(by_memory))
