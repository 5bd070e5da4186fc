"""Replay: what is drawn was added; hindsight: goals are those of the same episode's future, rewards fit them."""

import numpy as np
import pytest

from compactrl.buffers import HindsightBuffer, ReplayBuffer
from compactrl.buffers import replay as module
from compactrl.envs.goals import distance_goal
from compactrl.types import Transitions

O, A, G, L = 3, 2, 1, 4  # noqa: E741
GOAL = distance_goal(G, 0.5, dense=False)


def transitions(steps, first=0, ended=(), failed=()):
    """Numbers that say where they come from: 1000 · lane + step, also as the achieved goal."""
    step, lane = np.meshgrid(np.arange(first, first + steps), np.arange(L), indexing="ij")
    number = (1000.0 * lane + step)[..., None]
    truncated, valid = np.zeros((steps, L), bool), np.ones((steps, L), bool)
    for at, where in ended:
        truncated[at - first, where] = True
    for at, where in failed:
        valid[at - first, where] = False
    observation = np.concatenate([number, number, np.full_like(number, -1.0)], axis=-1)  # the goal is -1
    return Transitions(
        observation, np.tile(0.001 * number, A), -np.ones((steps, L)), observation + np.array([1, 1, 0]),
        np.zeros((steps, L), bool), truncated, valid, number + 1,
    )  # fmt: skip


def check_rows(experience):
    np.testing.assert_array_equal(experience.next_observation[:, 0], experience.observation[:, 0] + 1)
    np.testing.assert_allclose(experience.action[:, 0], 0.001 * experience.observation[:, 0], rtol=1e-6)


def test_what_is_drawn_was_added_and_the_oldest_go():
    buffer = ReplayBuffer(20, O, A)
    buffer.add(transitions(3))
    assert len(buffer) == 12
    experience = buffer.sample(500, np.random.default_rng(0))
    check_rows(experience)
    assert set(experience.observation[:, 0] % 1000) == {0, 1, 2}
    buffer.add(transitions(4, first=3))
    assert len(buffer) == 20
    experience = buffer.sample(2000, np.random.default_rng(0))
    check_rows(experience)
    assert set(experience.observation[:, 0] % 1000) == {2, 3, 4, 5, 6}
    counts = np.unique(experience.observation[:, 0], return_counts=True)[1]
    assert len(counts) == 20
    assert 50 < counts.min() <= counts.max() < 160


def test_an_episode_that_was_cut_between_two_pieces_is_an_episode_of_its_own():
    buffer = hindsight()
    buffer.add(transitions(5))
    begun = np.zeros((3, L), bool)
    begun[0] = True
    buffer.add(transitions(3, first=5, ended=[(7, lane) for lane in range(L)])._replace(begun=begun))
    assert len(buffer) == 8 * L
    experience = buffer.sample(4000, np.random.default_rng(0))
    number, goal = experience.observation[:, 0], experience.observation[:, -1]
    last = np.where(number % 1000 < 5, 5, 8) + number // 1000 * 1000
    assert (goal[goal != -1] <= last[goal != -1]).all()


def test_failed_steps_are_left_out():
    buffer = ReplayBuffer(20, O, A)
    buffer.add(transitions(3, failed=[(1, 2)]))
    assert len(buffer) == 11
    assert 2001 not in buffer.sample(500, np.random.default_rng(0)).observation[:, 0]


def hindsight(share=0.8, capacity=40):
    return HindsightBuffer(capacity, O, A, GOAL, share, L)


def test_relabelled_goals_come_from_the_future_of_the_same_episode():
    buffer = hindsight()
    buffer.add(transitions(5, ended=[(4, lane) for lane in range(L)]))
    buffer.add(transitions(3, first=5, ended=[(7, lane) for lane in range(L)]))
    experience = buffer.sample(4000, np.random.default_rng(0))
    check_rows(experience)
    number, goal = experience.observation[:, 0], experience.observation[:, -1]
    np.testing.assert_array_equal(goal, experience.next_observation[:, -1])
    changed = goal != -1
    assert abs(changed.mean() - 0.8) < 0.03
    last = np.where(number % 1000 < 5, 5, 8) + number // 1000 * 1000  # what the episode's last step achieved
    assert (goal[changed] >= number[changed] + 1).all()
    assert (goal[changed] <= last[changed]).all()
    assert len({(n, g) for n, g in zip(number[changed], goal[changed], strict=True) if n == 0}) == 5
    np.testing.assert_array_equal(experience.reward, np.where(changed & (goal == number + 1), 0, -1))


def test_episodes_enter_whole_and_failed_ones_not_at_all():
    buffer = hindsight()
    buffer.add(transitions(5, ended=[(4, 0), (4, 1)], failed=[(2, 1)]))
    # Lane 0: five steps. Lane 1: failed at step 2, the two after it are an episode of their own. Others go on.
    assert len(buffer) == 7
    buffer.add(transitions(1, first=5, ended=[(5, 2), (5, 3)]))
    assert len(buffer) == 7 + 12


def test_no_relabelling_leaves_all_as_it_was():
    buffer = hindsight(share=0.0)
    buffer.add(transitions(5, ended=[(4, lane) for lane in range(L)]))
    experience = buffer.sample(100, np.random.default_rng(0))
    assert set(experience.observation[:, -1]) == {-1}
    assert set(experience.reward) == {-1}


def test_a_full_ring_of_episodes_keeps_their_futures():
    buffer = hindsight(capacity=30)
    for first in range(0, 50, 5):
        buffer.add(transitions(5, first=first, ended=[(first + 4, lane) for lane in range(L)]))
        experience = buffer.sample(500, np.random.default_rng(first))
        number, goal = experience.observation[:, 0], experience.observation[:, -1]
        changed = goal != -1
        assert (np.floor((goal[changed] - 1) / 5) == np.floor(number[changed] / 5)).all()


@pytest.mark.parametrize("make", [lambda: ReplayBuffer(50, O, A), lambda: hindsight(capacity=50)])
def test_a_buffer_comes_back_from_its_state(make, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 16)
    one, other = make(), make()
    for first in range(0, 21, 7):
        one.add(transitions(7, first=first, ended=[(first + 3, 0), (first + 5, 2)]))
    other.load_state_dict(one.state_dict())
    for buffer in (one, other):
        buffer.add(transitions(5, first=21, ended=[(23, lane) for lane in range(L)]))
    assert len(one) == len(other)
    for mine, theirs in zip(
        one.sample(300, np.random.default_rng(1)), other.sample(300, np.random.default_rng(1)), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_only_the_piece_that_is_written_changes(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 8)
    buffer = ReplayBuffer(100, O, A)
    buffer.add(transitions(5))
    before = {name: rows.copy() for name, rows in buffer.state_dict()["rows"].items()}
    buffer.add(transitions(2, first=5))
    after = buffer.state_dict()["rows"]
    assert len(before) == 3
    assert len(after) == 4
    for name in list(before)[:-1]:
        np.testing.assert_array_equal(after[name], before[name])
