"""What every controller must do."""

import json
import subprocess
import sys

import numpy as np
import pytest

from controllers import CONTROLLERS, Space

SPACE = Space(length=7, choices=3)
EMPTY = Space(length=0, choices=1)
TARGET = np.arange(7) % 3

CHOOSING = [name for name in CONTROLLERS if name != "none"]
"""The controllers of spaces with decisions; `none` is for empty spaces only."""

every_controller = pytest.mark.parametrize("name", list(CONTROLLERS))
every_choosing_controller = pytest.mark.parametrize("name", CHOOSING)


def space_of(name):
    return SPACE if name in CHOOSING else EMPTY


def make(name, space=None, seed=0):
    kind = CONTROLLERS[name]
    return kind(space or space_of(name), kind.Options(), np.random.SeedSequence(seed))


def rewards_of(designs):
    return (designs == TARGET[: designs.shape[1]]).sum(axis=1).astype(float)


def train(controller, rounds, n=6):
    """Return the designs and the metrics of every round."""
    history = []
    for _ in range(rounds):
        designs = controller.propose(n)
        metrics = controller.feedback(designs, rewards_of(designs))
        history.append((designs, metrics))
    return history


def assert_same_history(history, expected):
    for (designs, metrics), (expected_designs, expected_metrics) in zip(history, expected, strict=True):
        np.testing.assert_array_equal(designs, expected_designs)
        assert metrics == expected_metrics


def leaves(state):
    for value in state.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


@every_controller
def test_is_registered_under_its_name(name):
    assert CONTROLLERS[name].name == name


@every_controller
@pytest.mark.parametrize("n", [1, 5, 700])
def test_proposes_rows_of_the_space(name, n):
    designs = make(name).propose(n)
    assert designs.shape == (n, space_of(name).length)
    assert designs.dtype == np.int64
    space_of(name).check(designs)


@every_controller
def test_proposes_empty_rows_of_an_empty_space(name):
    controller = make(name, Space(0, 4))
    for _ in range(4):
        designs = controller.propose(3)
        assert designs.shape == (3, 0)
        assert designs.dtype == np.int64
        controller.feedback(designs, np.arange(3.0))
    controller.load_state_dict(controller.state_dict())


@every_choosing_controller
@pytest.mark.parametrize("space", [Space(5, 1), Space(1, 2)])
def test_handles_the_smallest_spaces(name, space):
    controller = make(name, space)
    for _ in range(4):
        designs = controller.propose(3)
        space.check(designs)
        assert designs.shape == (3, space.length)
        controller.feedback(designs, np.arange(3.0))
    controller.load_state_dict(controller.state_dict())


@every_choosing_controller
@pytest.mark.parametrize("length", [1, 7])
def test_the_next_proposal_leaves_earlier_designs_unchanged(name, length):
    controller = make(name, Space(length, 3))
    designs = controller.propose(50)
    copy = designs.copy()
    controller.propose(50)
    np.testing.assert_array_equal(designs, copy)


@every_choosing_controller
def test_proposes_every_choice(name):
    assert set(make(name).propose(200).ravel()) == {0, 1, 2}


@every_controller
def test_same_seed_same_proposals(name):
    assert_same_history(train(make(name), 5), train(make(name), 5))


@every_choosing_controller
def test_another_seed_other_proposals(name):
    assert (make(name).propose(6) != make(name, seed=1).propose(6)).any()


@every_controller
def test_failed_evaluations_are_as_if_absent(name):
    one, other = make(name), make(name)
    for _ in range(4):
        designs = one.propose(6)
        np.testing.assert_array_equal(other.propose(6), designs)
        rewards = rewards_of(designs)
        rewards[2] = np.nan
        valid = np.isfinite(rewards)
        assert one.feedback(designs, rewards) == other.feedback(designs[valid], rewards[valid])
    assert one.feedback(designs, np.full(6, np.nan)) == {}


@every_controller
def test_metrics_are_finite_and_prefixed(name):
    for _, metrics in train(make(name), 3):
        assert all(key.startswith("controller/") and np.isfinite(value) for key, value in metrics.items())
        assert all(type(value) is float for value in metrics.values())


@every_controller
def test_equal_rewards_do_no_harm(name):
    controller = make(name)
    for _ in range(3):
        metrics = controller.feedback(controller.propose(3), np.full(3, 0.1))
    assert all(np.isfinite(value) for value in metrics.values())


@every_controller
def test_proposals_depend_on_rewards_if_and_only_if_it_says_that_it_learns(name):
    one, other = make(name), make(name)
    for _ in range(4):
        designs = one.propose(50)
        one.feedback(designs, rewards_of(designs))
        other.feedback(other.propose(50), -rewards_of(designs))
    assert (one.propose(200) != other.propose(200)).any() == CONTROLLERS[name].learns


@every_controller
@pytest.mark.parametrize("rounds", [0, 3])
def test_a_restored_controller_continues_bit_for_bit(name, rounds):
    original, restored = make(name, seed=0), make(name, seed=9)
    train(original, rounds)
    train(restored, 1)
    state = original.state_dict()
    expected = train(original, 3)
    restored.load_state_dict(state)
    assert_same_history(train(restored, 3), expected)


@every_controller
def test_state_has_only_plain_leaves(name):
    controller = make(name)
    train(controller, 2)
    for leaf in leaves(controller.state_dict()):
        assert leaf is None or type(leaf) in (int, float, bool, str, np.ndarray)
        if not isinstance(leaf, np.ndarray):
            json.dumps(leaf)


@every_controller
def test_leaves_global_random_state_alone(name):
    import torch

    before, before_torch = np.random.get_state()[1].copy(), torch.get_rng_state()
    train(make(name), 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), before_torch)


@every_controller
def test_refuses_designs_and_rewards_that_do_not_fit(name):
    controller, length = make(name), space_of(name).length
    with pytest.raises(ValueError, match=rf"shape \(n, {length}\)"):
        controller.feedback(np.zeros((2, length + 1), dtype=np.int64), np.zeros(2))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        controller.feedback(np.zeros((2, length), dtype=np.int64), np.zeros(3))
    with pytest.raises(ValueError, match="at least one"):
        controller.propose(0)


@every_controller
def test_options_are_documented_and_prefixed(name):
    for field, info in CONTROLLERS[name].Options.model_fields.items():
        assert field.startswith("controller_")
        assert info.description
        assert info.description.endswith(".")


@every_controller
def test_reading_options_imports_nothing_heavy(name):
    code = f"import sys, controllers as c; c.CONTROLLERS[{name!r}].Options(); print('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip() == "False", process.stderr
