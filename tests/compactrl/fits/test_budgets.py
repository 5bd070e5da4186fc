"""Kinds of budgets: what a policy takes is what the export says, and what will not do is told."""

import shutil

import pytest

import compactrl
from compactrl.envs.registry import describe
from compactrl.errors import CompactrlError, InputError
from compactrl.exports.cortex_m import can_compile, can_run
from compactrl.fits.budgets import KINDS, UNMEASURED, Kind, budgets_of, check_tools
from compactrl.fits.options import FitOptions
from compactrl.fits.portfolio import EVOLVERS, STUDENTS
from compactrl.fits.sizes import combinations, fitting, smallest

compiled = pytest.mark.skipif(not can_compile(), reason="no cross-compiler here")
emulated = pytest.mark.skipif(not can_run(), reason="no emulator here")


def some_policies():
    """Return policies with random numbers of all rows."""
    spec = describe("CartPole-v1")
    return [next(iter(combinations(row, spec, True))).policy for row in (*EVOLVERS, STUDENTS[2])]


def test_parameters_are_the_numbers_that_a_run_says_it_has():
    run = compactrl.load("zoo:CartPole-v1/64B")
    assert KINDS["parameters"].take(run.policy) == run.summary["parameters"] == 8
    assert KINDS["bytes"].take(run.policy) == run.summary["bytes"]


@compiled
def test_flash_is_what_an_export_with_that_limit_takes(tmp_path):
    run = compactrl.load("zoo:CartPole-v1/64B")
    taken = KINDS["flash"].take(run.policy)
    sizes = compactrl.export(run, tmp_path / "c", max_flash=taken).manifest["sizes"]
    assert "measured" in sizes["source"]
    assert taken == sizes["flash"] + sizes["flash_c_library"]
    with pytest.raises(CompactrlError, match=f"1 over --max-flash {taken - 1}"):
        compactrl.export(run, tmp_path / "d", max_flash=taken - 1)


@compiled
def test_no_policy_takes_less_flash_than_at_least():
    kind = KINDS["flash"]
    for policy in some_policies():
        assert kind.at_least(policy) <= kind.take(policy)


@emulated
def test_instructions_are_counted_and_no_policy_takes_less_than_at_least():
    kind = KINDS["instructions"]
    taken = kind.take(compactrl.load("zoo:CartPole-v1/64B").policy)
    assert kind.at_least(compactrl.load("zoo:CartPole-v1/64B").policy) <= taken < 1000
    policy = some_policies()[3]
    assert kind.at_least(policy) <= kind.take(policy)


def test_what_cannot_be_measured_fits_no_budget():
    def fails(_):
        raise CompactrlError("no")

    row = Kind("odd", "things", "", int, fails, lambda _: 0)
    assert row.size(some_policies()[0]) == UNMEASURED
    assert fitting(EVOLVERS[2], describe("CartPole-v1"), 10**9, True, row) is None


def test_of_parameters_the_first_that_fits_is_taken_and_the_smallest_is_the_smallest():
    spec, kind = describe("HalfCheetah-v5", "mujoco"), KINDS["parameters"]
    for row in (*EVOLVERS[:3], STUDENTS[1]):
        sized = [one.sized(kind) for one in combinations(row, spec, True)]
        found = fitting(row, spec, 60, True, kind)
        assert found == next((one for one in sized if one.size <= 60), None)
    assert smallest(EVOLVERS[:1], spec, kind).size == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "a fit needs --max-bytes: what .*; or --max-parameters, --max-flash or --max-instructions"),
        ({"bytes": 3, "flash": "2kB"}, "--max-bytes and --max-flash: a fit has one kind of budget, give one of them"),
        ({"parameters": 0}, "--max-parameters 0: expected at least 1"),
        ({"instructions": -4}, "--max-instructions -4: expected at least 1"),
        ({"parameters": "3kB"}, "--max-parameters 3kB: expected a whole number, such as"),
        ({"flash": "a lot"}, "--max-flash a lot: expected a whole number of bytes"),
        ({"flash": "4kB,"}, "--max-flash 4kB,: expected sizes with commas between them"),
        ({"parameters": []}, "--max-parameters: expected a size, or several"),
    ],
    ids=str,
)
def test_what_is_no_budget_is_told(given, message):
    with pytest.raises(InputError, match=message):
        budgets_of(given)


@pytest.mark.parametrize("limit", ["flash", "instructions"])
def test_a_missing_compiler_is_one_line_that_says_what_installs_it(monkeypatch, limit):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(CompactrlError, match=f"--max-{limit} is measured with compiled code, and .*: apt-get install"):
        check_tools(KINDS[limit])
    check_tools(KINDS["bytes"])


def test_options_are_those_of_their_record_whatever_is_limited():
    about = {"env": "E", "env_module": "", "env_options": {}, "engine": "auto", "max_episode_steps": 0}
    rest = {"seconds": 60, "steps": None, "stop_at": None, "seed": 2}
    for limit, target in (("bytes", ""), ("flash", "arduino"), ("parameters", "")):
        options = FitOptions(**about, budgets=(3, 5), **rest, limit=limit, target=target)
        assert FitOptions.of_record(options.record()) == options
    before = {**about, **rest, "max_bytes": [3, 5]}  # as fits wrote it that had bytes alone
    assert FitOptions.of_record(before).record() == before
