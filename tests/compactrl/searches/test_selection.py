"""What ships: leaders are remembered, and a race finds the best of them on fresh episodes."""

import numpy as np
import pytest

from compactrl.envs.registry import describe
from compactrl.envs.toy import Target
from compactrl.evaluation.local import LocalEvaluator
from compactrl.policies.policy import Policy
from compactrl.searches.shipping import LEADERS, Leaders, Winner, race, score
from compactrl.types import Layer, Normalizer

SPEC = describe("compactrl/Target-v0")


def policy(error):
    """The known best policy with every weight off by this much."""
    layers = (Layer((Target.MATRIX + error).astype(np.float32), None),)
    return Policy.of_layers(layers, Normalizer(np.zeros(3), np.ones(3)), SPEC.action)


@pytest.fixture
def evaluator():
    evaluator = LocalEvaluator(SPEC, 8, np.random.SeedSequence(0), 1)
    yield evaluator
    evaluator.close()


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_a_race_is_won_by_the_best(evaluator, count):
    errors = np.random.default_rng(count).permutation(np.linspace(0.0, 2.0, count))
    won = race([policy(error) for error in errors], evaluator, episodes=8)
    np.testing.assert_array_equal(won.policy.layers[0].weight, policy(0.0).layers[0].weight)
    assert won.returns.shape == (8,)
    assert won.mean_return == pytest.approx(0.0, abs=1e-9)
    assert won.steps % 20 == 0


def test_a_race_counts_every_step_that_it_took(evaluator):
    policies = [policy(error) for error in np.linspace(0, 1, 16)]
    assert race(policies, evaluator, episodes=32).steps == 20 * (16 * 2 + 4 * 8 + 32)
    assert race(policies[:1], evaluator, episodes=32).steps == 20 * 32


def test_a_failing_policy_does_not_win(evaluator):
    broken = policy(np.nan)
    won = race([broken, policy(1.0), broken, policy(3.0)], evaluator, episodes=4)
    np.testing.assert_array_equal(won.policy.layers[0].weight, policy(1.0).layers[0].weight)
    assert np.isfinite(won.returns).all()


def test_where_all_fail_the_mean_is_minus_infinity(evaluator):
    assert race([policy(np.nan)] * 3, evaluator, episodes=4).mean_return == -np.inf
    assert Winner(policy(0.0), np.array([1.0, np.nan, 3.0]), 0).mean_return == 2.0


def test_scores_are_a_row_a_policy(evaluator):
    returns, steps = score([policy(0.0), policy(1.0)], evaluator, 3)
    assert returns.shape == (2, 3)
    assert (returns[0] > returns[1]).all()
    assert steps == 2 * 3 * 20


def test_leaders_are_the_best_different_designs_best_first():
    leaders = Leaders(2)
    leaders.note(np.array([[0, 0], [1, 1], [2, 2], [1, 1]]), np.array([1.0, 5.0, np.nan, 3.0]))
    np.testing.assert_array_equal(leaders.designs, [[1, 1], [0, 0]])
    np.testing.assert_array_equal(leaders.rewards, [5.0, 1.0])
    leaders.note(np.array([[0, 0], [3, 3]]), np.array([7.0, 2.0]))
    np.testing.assert_array_equal(leaders.designs, [[0, 0], [1, 1], [3, 3]])
    np.testing.assert_array_equal(leaders.rewards, [7.0, 5.0, 2.0])


def test_leaders_equal_a_sort_of_all_that_was_noted():
    generator = np.random.default_rng(0)
    leaders, best = Leaders(3), {}
    for _ in range(20):
        designs, rewards = generator.integers(4, size=(30, 3)), generator.random(30)
        leaders.note(designs, rewards)
        for design, reward in zip(map(tuple, designs.tolist()), rewards, strict=True):
            best[design] = max(reward, best.get(design, -np.inf))
    expected = sorted(best.items(), key=lambda item: -item[1])[:LEADERS]
    assert [tuple(design) for design in leaders.designs.tolist()] == [design for design, _ in expected]
    np.testing.assert_array_equal(leaders.rewards, [reward for _, reward in expected])


def test_leaders_forget_and_come_back_from_their_state():
    leaders = Leaders(2)
    leaders.note(np.array([[0, 1], [1, 0]]), np.array([1.0, 2.0]))
    other = Leaders(2)
    other.load_state_dict(leaders.state_dict())
    np.testing.assert_array_equal(other.designs, leaders.designs)
    leaders.clear()
    assert leaders.designs.shape == (0, 2)
    assert len(other.designs) == 2


def test_leaders_of_an_empty_space_are_one():
    leaders = Leaders(0)
    leaders.note(np.zeros((5, 0), np.int64), np.arange(5.0))
    assert leaders.designs.shape == (1, 0)
