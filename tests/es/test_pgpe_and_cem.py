"""PGPE and CEM equal EvoTorch driven by hand; pairs, NaN and degenerate generations."""

import numpy as np
import pytest
import torch
from evotorch.algorithms.functional import cem, cem_tell, pgpe, pgpe_tell

from es.cem import CEM, CEMOptions
from es.pgpe import PGPE, PGPEOptions

nan = np.nan


def make(strategy, options, population=12, parameters=4):
    return strategy(np.zeros(parameters), population, options, np.random.SeedSequence(0))


def returns_of(candidates):
    return -((candidates - 1.0) ** 2).sum(axis=1)


@pytest.mark.parametrize(("shaping", "ranking"), [("centered-ranks", "centered"), ("raw", "raw")])
def test_pgpe_equals_evotorchs_functional_api(shaping, ranking):
    strategy = make(PGPE, PGPEOptions(shaping=shaping))
    state = pgpe(
        center_init=torch.zeros(4, dtype=torch.float64),
        center_learning_rate=0.075,
        stdev_learning_rate=0.1,
        objective_sense="max",
        ranking_method=ranking,
        radius_init=2.25,
        optimizer_config={"max_speed": 0.15},
    )
    for _ in range(10):
        candidates = strategy.ask()
        state = pgpe_tell(state, torch.tensor(candidates), torch.tensor(returns_of(candidates)))
        metrics = strategy.tell(returns_of(candidates))
        np.testing.assert_allclose(strategy.center, state.optimizer_state.center.numpy(), rtol=1e-12)
        assert metrics["strategy/sigma"] == pytest.approx(float(state.stdev.mean()), rel=1e-12)


def test_cem_equals_evotorchs_functional_api_and_the_formula():
    strategy = make(CEM, CEMOptions(sigma_min=0.0))
    state = cem(
        center_init=torch.zeros(4, dtype=torch.float64), parenthood_ratio=0.5, objective_sense="max", stdev_init=0.5
    )
    for _ in range(5):
        candidates = strategy.ask()
        returns = returns_of(candidates)
        state = cem_tell(state, torch.tensor(candidates), torch.tensor(returns))
        metrics = strategy.tell(returns)
        parents = candidates[np.argsort(-returns)[:6]]
        np.testing.assert_array_equal(strategy.center, state.center.numpy())
        np.testing.assert_allclose(strategy.center, parents.mean(axis=0), atol=1e-12)
        assert metrics["strategy/sigma"] == pytest.approx(parents.std(axis=0, ddof=1).mean())


def test_pgpe_of_the_surviving_pairs_equals_a_smaller_generation():
    strategy = make(PGPE, PGPEOptions())
    candidates = strategy.ask()
    returns = returns_of(candidates)
    returns[[0, 7]] = nan
    survivors = [2, 3, 4, 5, 8, 9, 10, 11]
    state = pgpe_tell(strategy._state, torch.tensor(candidates[survivors]), torch.tensor(returns[survivors]))
    strategy.tell(returns)
    np.testing.assert_array_equal(strategy.center, state.optimizer_state.center.numpy())


def test_the_radius_is_the_length_of_the_standard_deviations():
    assert np.linalg.norm(make(PGPE, PGPEOptions(), parameters=50)._state.stdev) == pytest.approx(2.25)
    np.testing.assert_allclose(make(PGPE, PGPEOptions(sigma=0.3))._state.stdev, 0.3)


def test_pgpes_steps_are_no_longer_than_the_maximal_speed():
    strategy = make(PGPE, PGPEOptions())
    norms = []
    for _ in range(8):
        candidates = strategy.ask()
        norms.append(strategy.tell(candidates.sum(axis=1))["strategy/step_norm"])
    assert norms[0] == pytest.approx(0.075)
    assert max(norms) == pytest.approx(0.15)


def test_a_gradient_of_zero_leaves_the_distribution():
    """Both twins of every pair return the same, so ClipUp alone would divide by zero."""
    strategy = make(PGPE, PGPEOptions(shaping="raw"))
    strategy.ask()
    assert strategy.tell(np.repeat(np.arange(6.0), 2)) == {}
    np.testing.assert_array_equal(strategy.center, np.zeros(4))


def test_cem_refuses_fewer_than_two_parents_and_keeps_the_smallest_sigma():
    with pytest.raises(ValueError, match="at least two parents"):
        make(CEM, CEMOptions(parent_share=0.1))
    strategy = make(CEM, CEMOptions(sigma_min=0.2))
    for _ in range(30):
        metrics = strategy.tell(returns_of(strategy.ask()))
    assert metrics["strategy/sigma"] >= 0.2
