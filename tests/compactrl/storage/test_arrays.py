"""Large arrays of checkpoints: written once, checked when read, deleted when no checkpoint names them."""

import numpy as np
import pytest

from compactrl.errors import DamagedFileError
from compactrl.runs.checkpoints import KEPT_CHECKPOINTS
from compactrl.runs.writer import RunWriter
from compactrl.storage.arrays import LARGE, ArrayStore


def numbers(seed, size=LARGE // 4):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def test_only_what_is_large_has_a_file_and_comes_back(tmp_path):
    store = ArrayStore(tmp_path / "arrays")
    state = {"a": {"large": numbers(0), "small": np.arange(3)}, "n": 1}
    found = store.fill(store.put(state))
    np.testing.assert_array_equal(found["a"]["large"], state["a"]["large"])
    assert found["a"]["small"] is state["a"]["small"]
    assert len(list(store.folder.iterdir())) == 1


def test_the_same_array_is_not_written_again(tmp_path):
    store = ArrayStore(tmp_path / "arrays")
    first = store.put({"x": numbers(0)})
    (file,) = store.folder.iterdir()
    before = file.stat().st_mtime_ns
    assert store.put({"y": numbers(0).copy()})["y"] == first["x"]
    assert file.stat().st_mtime_ns == before
    assert store.put({"x": numbers(0).astype(np.float64)})["x"] != first["x"]


def test_kept_are_those_that_are_named(tmp_path):
    store = ArrayStore(tmp_path / "arrays")
    first, second = store.put({"x": numbers(0), "y": numbers(1)}), store.put({"x": numbers(1), "y": numbers(2)})
    store.keep([second])
    np.testing.assert_array_equal(store.fill(second)["y"], numbers(2))
    with pytest.raises(DamagedFileError, match="is missing"):
        store.fill(first)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_an_altered_array_is_told(tmp_path, damage):
    store = ArrayStore(tmp_path / "arrays")
    state = store.put({"x": numbers(0)})
    (file,) = store.folder.iterdir()
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content if damage is None else damage)
    with pytest.raises(DamagedFileError, match=file.name):
        store.fill(state)


def test_a_run_keeps_the_arrays_of_its_last_checkpoints(tmp_path):
    writer = RunWriter.create(tmp_path / "run", {})
    common = numbers(0)
    for iteration in range(1, 6):
        writer.save_checkpoint(iteration, {"common": common, "own": numbers(iteration), "options": "{}"})
    folder = tmp_path / "run" / "checkpoints" / "arrays"
    assert len(list(folder.iterdir())) == KEPT_CHECKPOINTS + 1
    iteration, state = writer.load_checkpoint()
    assert iteration == 5
    np.testing.assert_array_equal(state["own"], numbers(5))
    newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    newest.unlink()
    with pytest.warns(UserWarning, match=r"is missing; going on from the one before, 00000004"):
        iteration, state = writer.load_checkpoint()
    np.testing.assert_array_equal(state["common"], common)
    writer.close()
