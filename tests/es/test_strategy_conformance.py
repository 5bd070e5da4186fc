"""What every strategy must do."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from es import STRATEGIES, EvolutionStrategy

TARGET = np.array([1.0, -0.5, 0.25, 0.0, 2.0])
POPULATION = 40

every_strategy = pytest.mark.parametrize("name", STRATEGIES)


def make(name, initial=None, population=POPULATION, seed=0, **options):
    strategy = STRATEGIES[name]
    initial = np.zeros(5) if initial is None else initial
    return strategy(initial, population, strategy.Options(**options), np.random.SeedSequence(seed))


def quadratic(candidates):
    return -((candidates - TARGET) ** 2).sum(axis=1)


def run(strategy: EvolutionStrategy, generations: int, failing: float = 0.0, seed: int = 7):
    """Return the candidates of all generations, (generations, n, P), and the last metrics."""
    generator = np.random.default_rng(seed)
    candidates, metrics = [], {}
    for _ in range(generations):
        candidates.append(strategy.ask().copy())
        returns = quadratic(candidates[-1])
        returns[generator.random(len(returns)) < failing] = np.nan
        metrics = strategy.tell(returns)
    return np.array(candidates), metrics


def leaves(state):
    for key, value in state.items():
        assert isinstance(key, str)
        yield from leaves(value) if isinstance(value, dict) else [value]


@every_strategy
@pytest.mark.parametrize("parameters", [1, 3, 200])
@pytest.mark.parametrize("population", [6, 30])
def test_shapes_types_and_metrics(name, parameters, population):
    strategy = make(name, np.ones(parameters), population)
    candidates = strategy.ask()
    assert candidates.shape == (population, parameters)
    assert candidates.dtype == np.float64
    assert strategy.groups.shape == (population,)
    assert strategy.center.shape == (parameters,)
    assert strategy.center.dtype == np.float64
    np.testing.assert_array_equal(strategy.center, np.ones(parameters))
    metrics = strategy.tell(np.arange(population, dtype=float))
    assert metrics["strategy/step_norm"] > 0
    assert metrics["strategy/sigma"] > 0
    assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())
    assert strategy.center.shape == (parameters,)


@every_strategy
def test_works_with_many_parameters_and_candidates(name):
    options = {"diagonal": True} if name == "cmaes" else {}
    strategy = make(name, np.zeros(3000), 1000, **options)
    metrics = strategy.tell(-((strategy.ask() - 1.0) ** 2).sum(axis=1))
    assert metrics["strategy/step_norm"] > 0


@every_strategy
def test_candidates_of_a_group_mirror_the_center(name):
    strategy = make(name, np.full(5, 0.3))
    run(strategy, 3)
    candidates, groups = strategy.ask(), strategy.groups
    for group in np.unique(groups):
        members = candidates[groups == group]
        assert len(members) in (1, 2)
        if len(members) == 2:
            np.testing.assert_allclose(members.mean(axis=0), strategy.center, atol=1e-12)
            assert np.abs(members[0] - members[1]).min() > 0
    assert (len(np.unique(groups)) == POPULATION // 2) == (name in ("antithetic", "pgpe"))


@every_strategy
def test_maximises_a_quadratic(name):
    strategy = make(name)
    run(strategy, 150)
    assert np.linalg.norm(strategy.center - TARGET) < 0.3


@every_strategy
def test_failed_evaluations_are_dropped_and_it_still_improves(name):
    strategy = make(name)
    run(strategy, 150, failing=0.15)
    assert np.isfinite(strategy.center).all()
    assert np.linalg.norm(strategy.center - TARGET) < 0.4


@every_strategy
def test_an_infinite_return_is_a_failed_one(name):
    strategies = [make(name), make(name)]
    for strategy, failure in zip(strategies, (np.nan, np.inf), strict=True):
        returns = quadratic(strategy.ask())
        returns[[3, 10]] = failure
        strategy.tell(returns)
    np.testing.assert_array_equal(strategies[0].center, strategies[1].center)


@every_strategy
@pytest.mark.parametrize("survivors", [0, 1])
def test_a_generation_without_enough_survivors_leaves_the_center(name, survivors):
    strategy = make(name)
    run(strategy, 3)
    before = strategy.center
    strategy.ask()
    returns = np.full(POPULATION, np.nan)
    returns[:survivors] = 1.0
    assert strategy.tell(returns) == {}
    np.testing.assert_array_equal(strategy.center, before)
    run(strategy, 2)
    assert not np.array_equal(strategy.center, before)


@every_strategy
def test_equal_returns_do_no_harm(name):
    strategy = make(name)
    for _ in range(3):
        strategy.ask()
        strategy.tell(np.full(POPULATION, 0.1))
    assert np.isfinite(strategy.center).all()
    if name != "cmaes":  # its centre becomes a mean of candidates, whatever their returns are
        np.testing.assert_array_equal(strategy.center, np.zeros(5))


@every_strategy
def test_a_restored_state_continues_bit_for_bit(name):
    original = make(name, seed=1)
    run(original, 7, failing=0.1)
    original.ask()
    original.tell(np.full(POPULATION, np.nan))
    state = original.state_dict()
    expected_candidates, expected_metrics = run(original, 5, failing=0.1)
    restored = make(name, initial=np.ones(5), seed=2)
    restored.ask()
    restored.load_state_dict(state)
    candidates, metrics = run(restored, 5, failing=0.1)
    np.testing.assert_array_equal(candidates, expected_candidates)
    assert metrics == expected_metrics
    np.testing.assert_array_equal(restored.center, original.center)


@every_strategy
def test_a_state_is_arrays_and_json_and_a_copy(name):
    strategy = make(name)
    run(strategy, 2)
    state = strategy.state_dict()
    scalars = [leaf for leaf in leaves(state) if not isinstance(leaf, np.ndarray)]
    assert all(leaf is None or type(leaf) in (int, float, bool, str) for leaf in scalars)
    assert json.loads(json.dumps(scalars)) == scalars
    before = [np.copy(leaf) for leaf in leaves(state)]
    run(strategy, 2)
    for old, new in zip(before, leaves(state), strict=True):
        np.testing.assert_array_equal(old, new)


@every_strategy
def test_the_seed_decides_everything(name):
    np.testing.assert_array_equal(run(make(name, seed=3), 4)[0], run(make(name, seed=3), 4)[0])
    assert not np.array_equal(make(name, seed=3).ask(), make(name, seed=4).ask())


@every_strategy
@pytest.mark.parametrize("population", [4, 40])
def test_global_random_states_are_untouched(name, population):
    numpy_before, torch_before = np.random.get_state(), torch.get_rng_state()
    strategy = make(name, population=population)
    run(strategy, 5)
    strategy.load_state_dict(strategy.state_dict())
    numpy_after = np.random.get_state()
    np.testing.assert_array_equal(numpy_before[1], numpy_after[1])
    assert numpy_before[2:] == numpy_after[2:]
    assert torch.equal(torch_before, torch.get_rng_state())


@every_strategy
def test_asks_do_not_depend_on_global_random_states(name):
    first = make(name)
    second = make(name)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = first.ask()
    np.random.seed(2)
    torch.manual_seed(2)
    np.testing.assert_array_equal(second.ask(), expected)


@every_strategy
def test_asking_twice_gives_the_same_candidates(name):
    strategy = make(name)
    np.testing.assert_array_equal(strategy.ask(), strategy.ask())


@every_strategy
def test_center_is_a_copy(name):
    strategy = make(name)
    strategy.center[:] = 5.0
    np.testing.assert_array_equal(strategy.center, np.zeros(5))


@every_strategy
def test_the_initial_vector_is_not_shared(name):
    initial = np.zeros(5)
    strategy = make(name, initial)
    initial[:] = 5.0
    np.testing.assert_array_equal(strategy.center, np.zeros(5))
    run(strategy, 3)
    np.testing.assert_array_equal(initial, np.full(5, 5.0))


@every_strategy
def test_prints_warns_and_writes_nothing(name, capfd, tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    strategy = make(name)
    recwarn.clear()
    run(strategy, 5, failing=0.2)
    assert capfd.readouterr().out == ""
    assert [str(warning.message) for warning in recwarn] == []
    assert list(tmp_path.iterdir()) == []


@every_strategy
def test_tell_before_ask_says_what_to_do(name):
    strategy = make(name)
    with pytest.raises(RuntimeError, match="ask for candidates"):
        strategy.tell(np.zeros(POPULATION))
    run(strategy, 1)
    with pytest.raises(RuntimeError, match="before ask"):
        strategy.tell(np.zeros(POPULATION))


@every_strategy
def test_wrong_arguments_are_refused(name):
    strategy = make(name)
    strategy.ask()
    with pytest.raises(ValueError, match=r"returns with shape \(40,\), got \(3,\)"):
        strategy.tell(np.zeros(3))
    with pytest.raises(ValueError, match="initial vector"):
        make(name, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="initial vector"):
        make(name, np.zeros(0))
    with pytest.raises(ValueError, match="population"):
        make(name, population=0)
    other = next(cls for key, cls in STRATEGIES.items() if key != name)
    with pytest.raises(TypeError, match="expects"):
        STRATEGIES[name](np.zeros(2), 4, other.Options(), np.random.SeedSequence(0))


@pytest.mark.parametrize("name", ["antithetic", "pgpe"])
def test_mirrored_strategies_refuse_odd_populations(name):
    with pytest.raises(ValueError, match="even population"):
        make(name, population=7)


@every_strategy
def test_options_are_frozen_described_and_strict(name):
    options = STRATEGIES[name].Options
    assert STRATEGIES[name].name == name
    for field in options.model_fields.values():
        assert field.description is not None
        assert field.description.endswith(".")
    with pytest.raises(ValueError, match="extra"):
        options(no_such_option=1)
    with pytest.raises(ValueError, match="frozen"):
        options().sigma = 1.0
    with pytest.raises(ValueError, match="greater than"):
        options(sigma=-1.0)


def test_reading_the_registry_imports_no_slow_library():
    code = (
        "import sys, es; [s.Options.model_json_schema() for s in es.STRATEGIES.values()];"
        "print([m for m in ('torch', 'evotorch', 'cma', 'compactrl', 'controllers') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
