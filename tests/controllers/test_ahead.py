"""Sampling ahead: the same designs if nothing is learned; otherwise learning is one generation late."""

import numpy as np
import pytest

from controllers import CONTROLLERS, Ahead, Space

SPACE = Space(length=4, choices=3)
EMPTY = Space(length=0, choices=1)


def controller(name):
    kind = CONTROLLERS[name]
    return kind(EMPTY if name == "none" else SPACE, kind.Options(), np.random.SeedSequence(1))


def reward(designs):
    return designs.sum(axis=1).astype(float)


@pytest.mark.parametrize("name", [name for name, kind in CONTROLLERS.items() if not kind.learns])
def test_a_controller_that_learns_nothing_proposes_the_same_designs(name):
    plain, ahead = controller(name), Ahead(controller(name))
    for _ in range(4):
        designs = plain.propose(6)
        np.testing.assert_array_equal(ahead.propose(6), designs)
        ahead.feedback(designs, reward(designs))


@pytest.mark.parametrize("name", list(CONTROLLERS))
def test_rewards_change_proposals_one_generation_late(name):
    inner, ahead = controller(name), Ahead(controller(name))
    following = inner.propose(6)
    for _ in range(4):
        designs, following = following, inner.propose(6)  # the next generation is sampled before the feedback
        np.testing.assert_array_equal(ahead.propose(6), designs)
        inner.feedback(designs, reward(designs))
        ahead.feedback(designs, reward(designs))


@pytest.mark.parametrize("name", list(CONTROLLERS))
def test_designs_sampled_ahead_are_part_of_the_state(name):
    ahead, other = Ahead(controller(name)), Ahead(controller(name))
    designs = ahead.propose(6)
    ahead.feedback(designs, reward(designs))
    other.load_state_dict(ahead.state_dict())
    for _ in range(2):
        designs = ahead.propose(6)
        np.testing.assert_array_equal(other.propose(6), designs)
        ahead.feedback(designs, reward(designs))
        other.feedback(designs, reward(designs))


@pytest.mark.parametrize("name", list(CONTROLLERS))
def test_a_state_from_before_designs_were_sampled_ahead_is_accepted(name):
    plain, ahead = controller(name), Ahead(controller(name))
    designs = plain.propose(6)
    plain.feedback(designs, reward(designs))
    ahead.propose(6)
    ahead.load_state_dict(plain.state_dict())
    np.testing.assert_array_equal(ahead.propose(6), plain.propose(6))


def test_a_proposal_of_no_designs_is_refused():
    ahead = Ahead(controller("random"))
    for _ in range(2):
        with pytest.raises(ValueError, match="at least one"):
            ahead.propose(0)
        ahead.propose(3)


@pytest.mark.parametrize("name", ["random", "fixed", "cycle"])
def test_no_design_is_left_out_when_another_number_is_asked_for(name):
    plain, ahead = controller(name), Ahead(controller(name))
    for n in (6, 1, 9, 2, 6):
        np.testing.assert_array_equal(ahead.propose(n), plain.propose(n))
