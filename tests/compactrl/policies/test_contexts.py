"""Contexts: drawn within their range, scaled as networks are told of them, and kept with a policy."""

from dataclasses import replace

import numpy as np

from compactrl.policies.actions import ActionSpec
from compactrl.policies.contexts import Contexts, Listed, Uniform, scaled
from compactrl.policies.files import load_policy, save_policy
from compactrl.policies.policy import Policy
from compactrl.policies.skeleton import Skeleton
from compactrl.types import Normalizer


def test_a_box_is_drawn_from_evenly_and_a_list_in_order():
    drawn = Uniform((0.0, -2.0), (1.0, 2.0))(np.random.default_rng(0), 4000)
    np.testing.assert_allclose(drawn.mean(axis=0), [0.5, 0.0], atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), np.array([1.0, 4.0]) / np.sqrt(12), rtol=0.05)
    rows = Listed(((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)))
    assert rows(np.random.default_rng(0), 2).tolist() == [[1, 2], [3, 4]]
    assert rows(np.random.default_rng(0), 4)[:, 0].tolist() == [1, 3, 5, 1]


def test_networks_are_told_from_minus_one_to_one_and_of_what_never_changes_nothing():
    draw = Uniform((2.0, 7.0), (4.0, 7.0))
    contexts = Contexts(("mass", "gravity"), (2.0, 7.0), (4.0, 7.0), draw, draw)
    told = contexts.features(np.array([[2.0, 7.0], [3.0, 7.0], [4.0, 7.0]]))
    assert told.tolist() == [[-1, 0], [0, 0], [1, 0]]
    assert scaled(np.array([[5.0]]), (2.0,), (4.0,)).tolist() == [[2.0]]
    assert contexts.size == 2


def test_a_policy_keeps_its_context_and_evaluates_with_it(tmp_path):
    skeleton, action = Skeleton.tanh((2, 1)), ActionSpec("box", (-1.0,), (1.0,))
    plain = Policy(skeleton, np.ones(2), None, None, np.zeros(0), Normalizer(np.zeros(2), np.ones(2)), action)
    save_policy(tmp_path / "plain", plain)
    assert load_policy(tmp_path / "plain").context is None
    assert plain.tasks(3) is None
    save_policy(tmp_path / "told", replace(plain, context=np.array([1.5, -2.0])))
    told = load_policy(tmp_path / "told")
    assert told.tasks(3).tolist() == [[1.5, -2.0]] * 3
