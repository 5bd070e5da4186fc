"""Bytes that are promised before there is a policy are those of the policy."""

import dataclasses

import numpy as np
import pytest

from compactrl.encodings.rounding import rounded_normalizer
from compactrl.encodings.storage import stored_bytes
from compactrl.envs.registry import describe
from compactrl.fits.budgets import KINDS
from compactrl.fits.portfolio import EVOLVERS, STUDENTS
from compactrl.fits.sizes import combinations, fitting, smallest
from compactrl.searches.api import search
from compactrl.types import Normalizer

BYTES = KINDS["bytes"]


@pytest.mark.parametrize("most", [256, 1024])
def test_the_first_of_the_menu_that_fits_is_taken(most):
    spec = describe("HalfCheetah-v5", "mujoco")
    for row in (*EVOLVERS, *STUDENTS):
        sized = [one.sized(BYTES) for one in combinations(row, spec, normalized=True)]
        found = fitting(row, spec, most, True, BYTES)
        fits = [one for one in sized if one.size <= most]
        assert found == (fits[0] if fits else None)
        assert all(one.size > most for one in sized[: sized.index(found)]) if found else True


def test_no_policy_is_smaller_than_the_smallest():
    spec = describe("CartPole-v1")
    for kind in (BYTES, KINDS["parameters"]):
        every = [one.sized(kind).size for row in EVOLVERS for one in combinations(row, spec, True)]
        assert smallest(EVOLVERS, spec, kind).size == min(every)


def test_a_searched_policy_takes_what_was_promised(tmp_path):
    spec = describe("compactrl/Target-v0")
    for row in EVOLVERS:
        found = fitting(row, spec, 150, True, BYTES)
        options = {**found.options, "steps": 4000, "seed": 2, "threads": 1}
        run = search(spec.id, out=tmp_path / found.name, **options)
        assert stored_bytes(run.policy) <= found.size
        assert run.policy.size.parameters == found.policy.size.parameters


@pytest.mark.parametrize("environment", ["CartPole-v1", "MountainCarContinuous-v0", "compactrl/Target-v0"])
def test_students_with_any_normaliser_take_what_was_promised(environment):
    """Whatever the normaliser is, and although a few biases may be equal by chance."""
    spec, generator = describe(environment), np.random.default_rng(0)
    count = spec.observation_size
    std = np.exp(generator.uniform(-3, 3, count))
    normalizers = [Normalizer(far * std * generator.standard_normal(count), std) for far in (0.0, 0.1, 3.0)]
    for row in STUDENTS:
        for one in combinations(row, spec, normalized=True):
            promised = one.sized(BYTES).size
            for normalizer in normalizers:
                policy = dataclasses.replace(one.policy, normalizer=rounded_normalizer(normalizer))
                own = "bias_partitions" not in one.options  # hold near means, and may not hold far ones exactly enough
                assert stored_bytes(policy) <= promised + (count if own else 0)


def test_names_say_what_was_chosen():
    spec = describe("HalfCheetah-v5", "mujoco")
    assert fitting(STUDENTS[1], spec, 1024, False, BYTES).name == "shared-32-16b-32-8"
    assert fitting(STUDENTS[0], spec, 1024, False, BYTES).size == 856
    assert fitting(STUDENTS[1], spec, 334, False, BYTES) is None
    assert fitting(STUDENTS[3], spec, 334, False, BYTES).size <= 334
