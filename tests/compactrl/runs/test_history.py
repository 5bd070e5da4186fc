"""The trace of leading designs: what is noted, how it stays small, and that a resume goes on with it."""

import numpy as np
import pytest

from compactrl.errors import DamagedFileError
from compactrl.runs.history import KEPT, DesignHistory, load_trace
from compactrl.storage.files import save_state


def itself(design):
    return design


def note(history, iteration, designs, returns, shipped=itself):
    return history.note(iteration, 10 * iteration, np.array(designs), np.array(returns, float), shipped)


def test_the_design_with_the_highest_return_is_noted(tmp_path):
    history = DesignHistory()
    led = note(history, 1, [[0, 1], [2, 3], [4, 5]], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(led, [4, 5])
    note(history, 2, [[300, 1], [2, 3]], [5.0, 4.0])
    history.save(tmp_path)
    trace = load_trace(tmp_path)
    np.testing.assert_array_equal(trace.iterations, [1, 2])
    np.testing.assert_array_equal(trace.env_steps, [10, 20])
    np.testing.assert_array_equal(trace.returns, [3.0, 5.0])
    np.testing.assert_array_equal(trace.designs, [[4, 5], [300, 1]])


def test_where_theta_decides_the_mean_of_the_generation_counts(tmp_path):
    history = DesignHistory()
    led = note(history, 1, np.zeros((2, 0), int), [1.0, 5.0], lambda _: np.array([7, 8]))
    np.testing.assert_array_equal(led, [7, 8])
    history.save(tmp_path)
    assert load_trace(tmp_path).returns == [3.0]


def test_without_designs_there_is_no_trace(tmp_path):
    history = DesignHistory()
    assert len(note(history, 1, np.zeros((2, 0), int), [1.0, 5.0])) == 0
    history.save(tmp_path)
    assert load_trace(tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("iterations", [KEPT, KEPT + 1, 5 * KEPT + 3])
def test_a_long_search_keeps_evenly_spaced_ones(tmp_path, iterations):
    history = DesignHistory()
    for iteration in range(1, iterations + 1):
        note(history, iteration, [[iteration % 5]], [0.0])
    history.save(tmp_path)
    trace = load_trace(tmp_path)
    assert KEPT // 2 <= len(trace.iterations) <= KEPT
    assert len(set(np.diff(trace.iterations))) == 1
    assert trace.iterations[-1] > iterations - 16
    np.testing.assert_array_equal(trace.designs[:, 0], trace.iterations % 5)


def test_it_goes_on_from_its_state_as_if_nothing_had_happened():
    whole, first = DesignHistory(), DesignHistory()
    generator = np.random.default_rng(0)
    designs = generator.integers(9, size=(KEPT + 50, 1, 4))
    for iteration, row in enumerate(designs, 1):
        note(whole, iteration, row, [float(iteration)])
        if iteration <= 100:
            note(first, iteration, row, [float(iteration)])
    second = DesignHistory()
    second.load_state_dict(first.state_dict())
    for iteration, row in enumerate(designs[100:], 101):
        note(second, iteration, row, [float(iteration)])
    mine, theirs = whole.state_dict(), second.state_dict()
    for key in mine:
        np.testing.assert_array_equal(mine[key], theirs[key])


def test_other_files_are_no_trace(tmp_path):
    save_state(tmp_path / "designs", {"designs": np.zeros(3)})
    with pytest.raises(DamagedFileError, match=r"designs\.json is no trace of designs"):
        load_trace(tmp_path)
