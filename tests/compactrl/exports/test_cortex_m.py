"""What policies take on a Cortex-M4F, compiled and run in QEMU: the figures that the README promises."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from exporting import CHEETAH, colored, measured, needs_cortex_m, policy_of, program_of

from compactrl.exports import cortex_m
from compactrl.exports.budget import estimate
from compactrl.exports.folder import write_files
from compactrl.exports.targets import TARGETS

pytestmark = needs_cortex_m


def test_a_linear_colouring_fits_into_what_a_hand_written_one_took(tmp_path):
    footprint = measured(tmp_path, colored(policy_of((17, 6)), 17))
    assert footprint.flash <= 302


@pytest.mark.parametrize("tanh", ["libm", "rational"])
def test_a_fast_colouring_takes_fewer_instructions_than_dense_float32(tmp_path, tanh):
    shared = policy_of(CHEETAH, mean=0.3, std=2.0)
    ours = measured(tmp_path / "a", colored(shared, 17), optimize="speed", tanh=tanh)
    for optimize in ("size", "speed"):
        dense = measured(tmp_path / optimize, shared, optimize=optimize, tanh=tanh)
        assert ours.instructions <= dense.instructions


def test_two_runs_count_the_same_instructions(tmp_path):
    policy = colored(policy_of((4, 3, 2)), 3)
    first, second = (measured(tmp_path / name, policy) for name in ("a", "b"))
    assert first == second


def test_instructions_are_those_of_a_count_by_hand(tmp_path):
    """Each further input of a linear policy costs the same few instructions: nothing else is counted."""
    counts = [measured(tmp_path / str(inputs), policy_of((inputs, 4))).instructions for inputs in (10, 20, 30)]
    steps = np.diff(counts) / 40  # 10 inputs more in 4 rows, and 10 more turns of the loop before them
    assert steps[0] == pytest.approx(steps[1], abs=0.6)
    assert 4 <= steps[0] <= 9


def test_the_rational_tanh_needs_no_library(tmp_path):
    policy = colored(policy_of((4, 3, 2)), 3)
    assert measured(tmp_path / "a", policy, tanh="rational").library == 0
    assert measured(tmp_path / "b", policy, tanh="libm").library > 100


@pytest.mark.parametrize("optimize", ["size", "speed"])
@pytest.mark.parametrize("colors", [0, 17])
def test_estimates_are_near_what_is_measured(tmp_path, optimize, colors):
    policy = policy_of(CHEETAH, mean=0.3, std=2.0)
    policy = colored(policy, colors) if colors else policy
    guess = estimate(program_of(policy, optimize))
    footprint = measured(tmp_path, policy, optimize=optimize)
    assert guess.tables == footprint.tables
    assert guess.flash == pytest.approx(footprint.flash, rel=0.25)
    assert guess.stack == pytest.approx(footprint.stack, abs=0.5 * footprint.stack)


def test_the_project_that_is_exported_builds_and_runs_by_itself(tmp_path):
    program = program_of(colored(policy_of((4, 3, 2)), 3))
    write_files(tmp_path, TARGETS["cortex-m4"].files(program, "size"))
    done = subprocess.run(["make", "run"], cwd=tmp_path / "cortex_m4", capture_output=True, text=True, check=True)
    assert "selftest 0" in done.stdout


def test_a_damaged_weight_is_found_on_the_emulated_machine(tmp_path):
    program = program_of(colored(policy_of((4, 3, 2)), 3))
    vectors = program.vectors._replace(actions=program.vectors.actions + np.float32(0.01))
    write_files(tmp_path, TARGETS["cortex-m4"].files(replace(program, vectors=vectors), "size"))
    with pytest.raises(cortex_m.CompactrlError, match="self-test"):
        cortex_m.measure(tmp_path, "policy", "size")
