"""A hypernetwork in a fit: which of its architectures enter, and that each is a run and a candidate."""

import os
from dataclasses import replace

import pytest

from compactrl.catalogs.catalog import open_catalog
from compactrl.encodings.rounding import rounded_to_bytes
from compactrl.encodings.storage import stored_bytes
from compactrl.fits import race, school, shipping
from compactrl.fits.api import fit
from compactrl.fits.architectures import within
from compactrl.fits.portfolio import EVOLVERS, TEACHERS
from compactrl.runs.run import Run

CATALOGUE = next(row for row in TEACHERS if row.catalog)
SMALL = {"widths": (2, 4, 8), "max_layers": 2, "num_envs": 4, "n_steps": 16, "batch_size": 32, "n_epochs": 1}
BUDGETS = (80, 300)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A fit whose only teacher is a small hypernetwork."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(shipping, "FINAL_EPISODES", 5)
        patch.setattr(race, "EVOLVERS", [row for row in EVOLVERS if row.name == "linear"])
        patch.setattr(school, "STUDENTS", ())
        options = {**CATALOGUE.options, **SMALL, "meta_batch": 2}
        patch.setattr(school, "TEACHERS", (replace(CATALOGUE, options=options, least_episodes=1),))
        path = tmp_path_factory.mktemp("fit") / "fit"
        return fit("compactrl/Target-v0", max_bytes=BUDGETS, steps="20k", out=path, threads=1, seed=1)


def test_of_each_depth_the_largest_within_each_budget_enters(found):
    catalog = open_catalog(Run(found.path / "stages/catalogue"))
    names = {row["name"]: row for row in found.front["candidates"]}
    for ships, ending in ((lambda policy: policy, ""), (rounded_to_bytes, "-int8")):
        sizes = {widths: stored_bytes(ships(catalog.policies([widths])[0])) for widths in catalog.architectures}
        expected = set()
        for most in BUDGETS:
            for depth in (1, 2):
                fitting = [widths for widths in catalog.architectures if len(widths) == depth and sizes[widths] <= most]
                expected |= set(fitting[-1:])
        assert expected
        assert set(within(catalog, lambda policy, ships=ships: stored_bytes(ships(policy)), BUDGETS)) == expected
        for widths in expected:
            row = names[f"catalogue-{'x'.join(map(str, widths))}{ending}"]
            assert (row["bytes"], row["method"]) == (sizes[widths], "hyperppo")


def test_an_architecture_is_a_run_without_steps_of_its_own(found):
    folder = next(path for path in (found.path / "stages").iterdir() if path.name.startswith("catalogue-"))
    run = Run(folder)
    widths = tuple(map(int, folder.name.removeprefix("catalogue-").split("x")))
    assert run.policy.shape[1:-1] == widths
    assert run.summary["env_steps"] == 0
    (policy,) = open_catalog(Run(found.path / "stages/catalogue")).policies([widths])
    assert all((one.weight == other.weight).all() for one, other in zip(run.policy.layers, policy.layers, strict=True))
