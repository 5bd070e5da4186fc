"""The least squares gradient: closed forms, the paper's formula over all pairs, and how far it can be trusted."""

import numpy as np
import pytest

from compactrl.learners.critics.local_linear import cosine, enough, estimate

ACTIONS = 4


def symmetric(generator, pairs=8, size=ACTIONS):
    """Deviations that come with their opposites, so that a quadratic's curvature leaves the gradient alone."""
    drawn = 0.3 * generator.standard_normal((pairs, size))
    return np.concatenate([drawn, -drawn])


def test_of_a_quadratic_return_it_is_the_closed_form():
    """q(a) = c + b·a - a·H a / 2 has the gradient b - H a at a, exactly where deviations are symmetric."""
    generator = np.random.default_rng(0)
    b, root, middle = (
        generator.normal(size=ACTIONS),
        generator.normal(size=(ACTIONS, ACTIONS)),
        generator.normal(size=4),
    )
    hessian = root @ root.T
    actions = middle + symmetric(generator)
    returns = 7.0 + actions @ b - np.einsum("ni,ij,nj->n", actions, hessian, actions) / 2
    found = estimate(actions, returns)
    np.testing.assert_allclose(found.gradient, b - hessian @ middle, atol=1e-12)
    assert 0 < found.r_squared < 1


def test_it_is_the_papers_minimum_over_all_pairs_of_trajectories():
    generator = np.random.default_rng(1)
    actions, returns = generator.normal(size=(20, ACTIONS)), generator.normal(size=20)
    pairs = [(i, j) for i in range(20) for j in range(20)]
    differences = np.array([actions[j] - actions[i] for i, j in pairs])
    gains = np.array([returns[j] - returns[i] for i, j in pairs])
    expected = np.linalg.solve(differences.T @ differences, differences.T @ gains)
    np.testing.assert_allclose(estimate(actions, returns).gradient, expected, atol=1e-12)


def test_what_is_linear_is_explained_and_halves_agree():
    actions = np.random.default_rng(2).normal(size=(16, ACTIONS))
    found = estimate(actions, actions @ [1.0, 2.0, 3.0, 4.0] - 5)
    assert found.r_squared == pytest.approx(1)
    assert found.split_half == pytest.approx(1)


def test_what_is_noise_alone_is_known_as_such():
    generator = np.random.default_rng(3)
    found = [estimate(generator.normal(size=(64, ACTIONS)), generator.normal(size=64)) for _ in range(50)]
    assert np.mean([each.r_squared for each in found]) == pytest.approx(ACTIONS / 63, rel=0.3)
    assert abs(np.mean([each.split_half for each in found])) < 0.25


def test_what_cannot_be_known_is_nan():
    actions = np.random.default_rng(4).normal(size=(enough(ACTIONS), ACTIONS))
    assert np.isnan(estimate(actions, np.arange(6.0)).split_half)
    assert np.isnan(estimate(actions, np.ones(6)).r_squared)
    assert np.isnan(cosine(np.zeros(3), np.ones(3)))
