"""That searches by evolution learn: each reaches a required score on a toy, far above what chance gives.

The toy is `compactrl/Target-v0`. Its best return is 0; doing nothing gets about -11, and the best of 300 networks with
random weights got -6.9. The required scores leave room: of five seeds the worst exceeded its own by 0.5 or more.
"""

import os

import numpy as np
import pytest

from compactrl.searches.api import search

LEARNING = {
    "env": "compactrl/Target-v0",
    "population": 32,
    "steps": 80_000,
    "selections": 3,
    "selection_episodes": 16,
    "threads": 1,
    "seed": 3,
}
HIDDEN = {"hidden": (4,)}
SIX_WEIGHTS = {"method": "chromatic", "partitions": 6, **HIDDEN}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def mean_return(run):
    """Of fresh episodes."""
    return run.evaluate(episodes=32, threads=1).mean_return


@pytest.mark.parametrize(
    ("options", "required"),
    [
        ({"method": "unstructured", **HIDDEN}, -2.0),
        ({"method": "linear"}, -1.5),
        ({"method": "toeplitz", **HIDDEN}, -2.5),
        ({"method": "circulant", **HIDDEN}, -4.0),
        ({"method": "masked", **HIDDEN}, -4.0),
        ({**SIX_WEIGHTS, "controller": "latent"}, -3.5),
        ({**SIX_WEIGHTS, "controller": "pointer", "steps": 40_000}, -2.0),
        ({**SIX_WEIGHTS, "controller": "evolution"}, -4.0),
    ],
    ids=lambda given: given.get("controller", given["method"]) if isinstance(given, dict) else str(given),
)
def test_it_learns_the_toy(tmp_path, options, required):
    run = search(out=tmp_path / "run", **{**LEARNING, **options})
    assert mean_return(run) > required
    if options["method"] == "chromatic":
        assert run.summary["weights"] <= options["partitions"]


def test_a_colouring_that_is_searched_beats_one_drawn_at_random(tmp_path):
    """Three weights for 20 edges: which edge takes which decides. The budget is the same."""

    def learned(controller):
        options = {**LEARNING, **HIDDEN, "method": "chromatic", "partitions": 3, "steps": 40_000}
        runs = [
            search(out=tmp_path / f"{controller}{seed}", controller=controller, **{**options, "seed": seed})
            for seed in (0, 1)
        ]
        return np.mean([mean_return(run) for run in runs])

    assert learned("latent") > learned("random") + 2.0
