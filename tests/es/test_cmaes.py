"""CMA-ES equals pycma driven by hand, uses survivors only, and replays its state."""

import cma
import numpy as np
import pytest

from es.cmaes import CMAES, CMAESOptions

nan = np.nan


def make(parameters=6, population=10, **options):
    return CMAES(np.zeros(parameters), population, CMAESOptions(**options), np.random.SeedSequence(5))


def rosenbrock(candidates):
    head, tail = candidates[:, :-1], candidates[:, 1:]
    return -(100 * (tail - head**2) ** 2 + (1 - head) ** 2).sum(axis=1)


@pytest.mark.parametrize("diagonal", [False, True])
def test_equals_pycma_driven_by_hand(diagonal):
    strategy = make(diagonal=diagonal)
    generator = np.random.default_rng(np.random.SeedSequence(5))
    options = {"popsize": 10, "CMA_diagonal": diagonal, "seed": nan, "verbose": -9}
    by_hand = cma.CMAEvolutionStrategy(
        np.zeros(6), 0.1, options | {"randn": lambda *shape: generator.standard_normal(shape)}
    )
    for _ in range(20):
        asked = by_hand.ask()
        by_hand.tell(asked, [-value for value in rosenbrock(np.array(asked))])
        candidates = strategy.ask()
        np.testing.assert_array_equal(candidates, asked)
        strategy.tell(rosenbrock(candidates))
        np.testing.assert_array_equal(strategy.center, by_hand.mean)


def test_learns_the_curved_valley_of_rosenbrock():
    strategy = make(parameters=4)
    for _ in range(250):
        strategy.tell(rosenbrock(strategy.ask()))
    np.testing.assert_allclose(strategy.center, 1.0, atol=1e-3)


def test_the_survivors_are_recombined():
    """With six of ten left, the centre is the weighted mean of the five best of the six."""
    strategy = make()
    candidates = strategy.ask()
    returns = np.arange(10.0)
    returns[[1, 4, 8, 9]] = nan
    weights = np.array(strategy._es.sp.weights.positive_weights)
    strategy.tell(returns)
    np.testing.assert_allclose(strategy.center, weights @ candidates[[7, 6, 5, 3, 2]], atol=1e-12)


def test_fewer_survivors_than_parents_skip_the_generation():
    strategy = make()
    strategy.ask()
    returns = np.arange(10.0)
    returns[:6] = nan
    assert strategy.tell(returns) == {}
    np.testing.assert_array_equal(strategy.center, np.zeros(6))


def test_populations_below_three_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        make(population=2)


def test_the_history_has_one_row_per_generation():
    strategy = make()
    assert strategy.state_dict()["history"].shape == (0, 10)
    for _ in range(3):
        strategy.tell(rosenbrock(strategy.ask()))
    assert strategy.state_dict()["history"].shape == (3, 10)


def test_a_state_of_other_options_or_another_population_is_refused():
    strategy = make()
    for _ in range(3):
        strategy.tell(rosenbrock(strategy.ask()))
    state = strategy.state_dict()
    with pytest.raises(RuntimeError, match="another centre"):
        make(sigma=0.3).load_state_dict(state)
    with pytest.raises(ValueError, match="history"):
        make(population=12).load_state_dict(state)
