"""Advantages against a naive loop over each lane, and the scale of rewards against one over each episode."""

import numpy as np
import pytest

from compactrl.learners.gae import ReturnScale, advantages, continues
from compactrl.types import Transitions

STEPS, LANES = 40, 6


def transitions_of(seed=0):
    """Steps with every kind of end: terminations, time limits, steps that failed, episodes that were cut."""
    generator = np.random.default_rng(seed)
    kinds = generator.random((STEPS, LANES))
    terminated, truncated, valid = kinds < 0.1, (kinds >= 0.1) & (kinds < 0.2), (kinds < 0.9)
    ended = terminated | truncated | ~valid
    begun = generator.random((STEPS, LANES)) < 0.05
    begun[1:] |= ended[:-1]
    nothing = np.zeros((STEPS, LANES, 0))
    reward = np.where(valid, generator.normal(size=(STEPS, LANES)), 0.0)
    return Transitions(nothing, nothing, reward, nothing, terminated, truncated, valid, nothing, begun)


def naive_advantage(seen, value, following, step, lane, gamma, lam):
    """Sum what equation 16 has, from one step on, until the episode goes on no further."""
    total, factor = 0.0, 1.0
    while True:
        later = 0.0 if seen.terminated[step, lane] else following[step, lane]
        total += factor * (seen.reward[step, lane] + gamma * later - value[step, lane])
        over = seen.terminated[step, lane] or seen.truncated[step, lane] or step + 1 == STEPS
        if over or not seen.valid[step + 1, lane] or seen.begun[step + 1, lane]:
            return total
        factor, step = factor * gamma * lam, step + 1


@pytest.mark.parametrize(("gamma", "lam"), [(0.9, 0.8), (0.99, 1.0), (0.5, 0.0)])
def test_advantages_are_those_of_a_naive_loop(gamma, lam):
    seen, generator = transitions_of(), np.random.default_rng(1)
    value, following = generator.normal(size=(2, STEPS, LANES))
    found = advantages(seen.reward, value, following, seen.terminated, continues(seen), gamma, lam)
    for step, lane in np.argwhere(seen.valid):
        expected = naive_advantage(seen, value, following, step, lane, gamma, lam)
        assert found[step, lane] == pytest.approx(expected)


def test_by_hand_a_time_limit_is_bootstrapped_and_a_termination_is_not():
    ones, off = np.ones((1, 2)), np.zeros((1, 2), bool)
    found = advantages(ones, 0.5 * ones, 10 * ones, np.array([[True, False]]), off, 0.9, 0.95)
    np.testing.assert_allclose(found, [[1 - 0.5, 1 + 9 - 0.5]])


def test_rewards_are_scaled_by_the_deviation_of_discounted_returns():
    """Each lane's return starts anew with each episode; returns of episodes that stand go on in the next call."""
    seen = transitions_of()
    scale = ReturnScale(0.9, np.zeros(LANES))
    returns, running = [], np.zeros(LANES)
    for step in range(STEPS):
        for lane in range(LANES):
            before = 0.0 if step == 0 or seen.begun[step, lane] else running[lane]
            running[lane] = before * 0.9 + seen.reward[step, lane]
            if seen.valid[step, lane]:
                returns.append(running[lane])
            else:
                running[lane] = 0.0
    for part in (slice(0, 13), slice(13, STEPS)):
        piece = Transitions(*(array[part] for array in seen))
        scale.add(piece.reward, piece)
    assert scale.scale == pytest.approx(np.std(returns))
    again = ReturnScale(0.9, np.zeros(LANES))
    again.load_state_dict(scale.state_dict())
    assert again.scale == scale.scale
    np.testing.assert_array_equal(again.running, scale.running)


def test_the_scale_of_nothing_is_one_and_of_equal_returns_is_no_division_by_zero():
    scale = ReturnScale(0.0, np.zeros(LANES))
    assert scale.scale == 1.0
    seen = transitions_of()._replace(reward=np.zeros((STEPS, LANES)))
    scale.add(seen.reward, seen)
    assert scale.scale > 0
