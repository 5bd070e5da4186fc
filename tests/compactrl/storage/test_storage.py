"""Nested state in files: what was saved comes back, and what was not is refused."""

import errno
import json
import os
import pickle
import re

import numpy as np
import pytest

from compactrl.errors import DamagedFileError, UnwritableError
from compactrl.storage import files as storage
from compactrl.storage.files import load_state, read_json, save_state, write_atomically, write_json, writing

STATE = {
    "nothing": None,
    "text": "Ünïcode × –",
    "flags": {"yes": True, "no": False},
    "numbers": {"whole": -3, "enormous": 2**127 + 1, "real": 0.1 + 0.2, "nan": float("nan"), "infinite": float("-inf")},
    "arrays": {
        "single": np.array([0.1, np.nan, -np.inf], np.float32),
        "double": np.arange(6.0).reshape(2, 3),
        "integers": np.array([[2**62, -1]], np.int64),
        "unsigned": np.array([2**64 - 1], np.uint64),
        "truths": np.array([True, False]),
        "number": np.array(4.5),
        "empty": np.zeros((0, 7), np.int64),
        "strided": np.arange(12).reshape(3, 4)[:, ::2].T,
    },
    "deep": {"er": {"and": {"deeper": np.ones(1)}}, "nothing": {}},
}


def assert_same(loaded, expected):
    if isinstance(expected, dict):
        assert list(loaded) == list(expected)
        for key in expected:
            assert_same(loaded[key], expected[key])
    elif isinstance(expected, np.ndarray):
        assert loaded.dtype == expected.dtype
        assert loaded.shape == expected.shape
        np.testing.assert_array_equal(loaded, expected)
    else:
        assert type(loaded) is type(expected)
        assert loaded == expected or (loaded != loaded and expected != expected)


def test_nested_state_comes_back_as_it_was(tmp_path):
    save_state(tmp_path / "state", STATE)
    assert_same(load_state(tmp_path / "state"), STATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json", "state.safetensors"]


def test_state_without_arrays_comes_back(tmp_path):
    save_state(tmp_path / "state", {"count": 3})
    assert load_state(tmp_path / "state") == {"count": 3}


def test_numpy_numbers_come_back_as_plain_ones(tmp_path):
    save_state(tmp_path / "state", {"whole": np.int64(3), "real": np.float32(0.5), "truth": np.bool_(True)})
    assert_same(load_state(tmp_path / "state"), {"whole": 3, "real": 0.5, "truth": True})


def test_what_cannot_be_stored_is_named_by_its_place(tmp_path):
    with pytest.raises(TypeError, match=r"state at /learner/rule is a function"):
        save_state(tmp_path / "state", {"learner": {"rule": assert_same}})
    assert not list(tmp_path.iterdir())


def truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(bytes(content))


def pickled(path):
    path.write_bytes(pickle.dumps({"state": np.arange(3)}))


def remove(path):
    path.unlink()


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
@pytest.mark.parametrize("damage", [truncate, empty, flip, pickled, remove])
def test_a_damaged_file_is_refused_by_name(tmp_path, name, damage):
    save_state(tmp_path / "state", STATE)
    damage(tmp_path / name)
    with pytest.raises(DamagedFileError, match=name.replace(".", r"\.")):
        load_state(tmp_path / "state")


def test_an_altered_number_is_noticed(tmp_path):
    save_state(tmp_path / "state", STATE)
    path = tmp_path / "state.json"
    altered = json.loads(path.read_text())
    altered["state"]["numbers"]["whole"] = 4
    path.write_text(json.dumps(altered))
    with pytest.raises(DamagedFileError, match="altered"):
        load_state(tmp_path / "state")


@pytest.mark.parametrize("content", ["{}", "[]", "3", "null", '"text"', '{"format": "other-1", "state": {}}'])
def test_json_of_another_program_is_refused(tmp_path, content):
    save_state(tmp_path / "state", STATE)
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(DamagedFileError, match="not one of compactrl's files"):
        load_state(tmp_path / "state")


def test_arrays_of_another_state_are_refused(tmp_path):
    save_state(tmp_path / "state", STATE)
    save_state(tmp_path / "other", {"array": np.zeros(3)})
    (tmp_path / "other.safetensors").replace(tmp_path / "state.safetensors")
    with pytest.raises(DamagedFileError, match="foreign"):
        load_state(tmp_path / "state")


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_a_pair_that_is_written_over_is_the_old_or_the_new_one_whenever_it_is_interrupted(
    tmp_path, monkeypatch, writes
):
    old, new = ({"array": np.full(3, value), "number": value} for value in (1.0, 2.0))
    save_state(tmp_path / "state", old)
    written = []

    def write(path, content):
        if len(written) == writes:
            raise KeyboardInterrupt
        written.append(path)
        write_atomically(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(storage, "write_atomically", write)
        if writes < 3:
            with pytest.raises(KeyboardInterrupt):
                save_state(tmp_path / "state", new)
        else:
            save_state(tmp_path / "state", new)
    assert_same(load_state(tmp_path / "state"), old if writes < 2 else new)
    save_state(tmp_path / "state", new)  # and it can be written over again
    assert_same(load_state(tmp_path / "state"), new)
    assert "before" not in read_json(tmp_path / "state.json")


def test_a_damaged_pair_can_be_written_over(tmp_path):
    save_state(tmp_path / "state", STATE)
    truncate(tmp_path / "state.safetensors")
    save_state(tmp_path / "state", STATE)
    assert_same(load_state(tmp_path / "state"), STATE)


def test_json_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DamagedFileError, match="not JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DamagedFileError, match="is missing"):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(storage.os, step, fail)
    with pytest.raises(UnwritableError, match="the disk is full"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "a.json", {"ä": [1, None]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "ä": [\n    1,\n    null\n  ]\n}\n'
    assert read_json(tmp_path / "a.json") == {"ä": [1, None]}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_who_may_read_a_file_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "file", b"content")
        save_state(tmp_path / "state", STATE)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "No space left on device. Make room on that disk"),
        (errno.EDQUOT, "Disk quota exceeded. Make room: your share of that disk is full"),
        (errno.EROFS, "Read-only file system. Choose a place on another disk"),
        (errno.EIO, "Input/output error. Choose another place"),
    ],
)
def test_a_disk_that_refuses_is_said_and_nothing_is_left_behind(tmp_path, monkeypatch, number, expected):
    write_atomically(tmp_path / "file", b"before")

    def refuse(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(UnwritableError) as refused:
        write_atomically(tmp_path / "file", b"after")
    assert str(refused.value) == f"cannot write to {tmp_path / 'file'}: {expected}"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"before"}


def test_places_that_cannot_be_are_said(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place, expected in {
        "file/inside": "Not a directory: a part of this path is a file",
        "folder": "Is a directory: it is a folder. Give a file",
        "n" * 300: "File name too long. Choose a shorter name",
        "missing/file": "No such file or directory. Choose another place",
    }.items():
        with pytest.raises(UnwritableError, match=re.escape(f"cannot write to {tmp_path / place}: {expected}")):
            write_atomically(tmp_path / place, b"")
    write_atomically(tmp_path / ("n" * 255), b"the longest name that there is")


def test_what_something_is_made_of_is_said_as_the_thing(tmp_path):
    with pytest.raises(UnwritableError, match=re.escape(f"cannot write to {tmp_path / 'thing'}: No such")):  # noqa: SIM117
        with writing(tmp_path / "thing"):
            write_atomically(tmp_path / "thing" / "part", b"")


def test_a_broken_pipe_is_no_matter_of_files(tmp_path):
    with pytest.raises(BrokenPipeError), writing(tmp_path / "file"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
