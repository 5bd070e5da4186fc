"""Replay of many tasks: nothing is drawn for another task than its own, and as recent only what is."""

import numpy as np
import pytest

from compactrl.buffers import TaskReplay
from compactrl.types import Transitions

O, A, L = 2, 1, 4  # noqa: E741


def transitions(first, tasks, steps=3, failed=()):
    """Observations that say the task and the step, actions the lane."""
    step, lane = np.meshgrid(np.arange(first, first + steps), np.arange(L), indexing="ij")
    valid, flags = np.ones((steps, L), bool), np.zeros((steps, L), bool)
    for at, where in failed:
        valid[at, where] = False
    observation = np.stack([np.broadcast_to(tasks, step.shape), step], axis=-1).astype(float)
    return Transitions(
        observation, 0.1 * lane[..., None], step.astype(float), observation + 1, flags, flags, valid,
        np.zeros((steps, L, 0)),
    )  # fmt: skip


def filled(capacity=1000, recent=6, rounds=5):
    buffer = TaskReplay(capacity, O, A, recent)
    for number in range(rounds):
        tasks = np.array([number % 3, (number + 1) % 3, number % 3, (number + 1) % 3])
        by_prior = np.array([True, True, False, False])
        buffer.add_of(transitions(3 * number, tasks), tasks, by_prior)
    return buffer


def draw(buffer, tasks, count=400, recent=False, seed=0):
    experience = buffer.sample_of(np.array(tasks), count, np.random.default_rng(seed), recent=recent)
    return experience._replace(observation=experience.observation.reshape(len(tasks), count, O))


@pytest.mark.parametrize("capacity", [1000, 37])
@pytest.mark.parametrize("recent", [False, True])
def test_what_is_drawn_of_a_task_is_of_this_task(capacity, recent):
    buffer = filled(capacity)
    assert len(buffer) == min(60, capacity)
    for task, rows in zip([2, 0, 2, 1], draw(buffer, [2, 0, 2, 1], recent=recent).observation, strict=True):
        assert set(rows[:, 0]) == {task}


def test_all_of_a_task_are_drawn_from_evenly():
    experience = draw(filled(), [1], count=6000)
    steps, counts = np.unique(experience.observation[0, :, 1], return_counts=True)
    assert steps.tolist() == [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]  # rounds 0, 1, 3, 4
    assert counts.max() < 1.3 * counts.min()
    np.testing.assert_array_equal(experience.next_observation[:, 1], experience.observation[0, :, 1] + 1)
    np.testing.assert_array_equal(experience.reward, experience.observation[0, :, 1])


def test_recent_are_the_latest_of_the_prior():
    buffer = filled(recent=4)
    for task, steps in ((0, {8, 9, 10, 11}), (1, {11, 12, 13, 14}), (2, {8, 12, 13, 14})):
        experience = draw(buffer, [task], recent=True)
        assert set(experience.observation[0, :, 1]) == steps
        assert (experience.action < 0.15).all()  # lanes 0 and 1


def test_the_oldest_go_and_what_remains_keeps_its_order():
    buffer = TaskReplay(10, O, A, 3)
    for number in range(7):
        tasks = np.full(L, number % 2)
        buffer.add_of(transitions(number, tasks, steps=1), tasks, np.ones(L, bool))
        assert len(buffer) == min(10, 4 * (number + 1))
        assert set(buffer.known) == set(range(min(2, number + 1)))
    assert set(draw(buffer, [0]).observation[0, :, 1]) == {4, 6}
    assert set(draw(buffer, [0], recent=True).observation[0, :, 1]) == {6}
    assert set(draw(buffer, [1], recent=True).observation[0, :, 1]) == {5}


def test_tasks_are_known_by_the_prior_alone_and_failed_steps_are_left_out():
    buffer, tasks = TaskReplay(100, O, A, 10), np.array([0, 1, 2, 3])
    buffer.add_of(transitions(0, tasks, failed=[(0, 0), (1, 0), (2, 0), (1, 1)]), tasks, np.array([1, 1, 0, 1], bool))
    assert buffer.known.tolist() == [1, 3]
    assert len(buffer) == 8
    assert set(draw(buffer, [1]).observation[0, :, 1]) == {0, 2}


def test_the_same_is_drawn_after_it_was_saved():
    buffer, other = filled(37), TaskReplay(37, O, A, 6)
    other.load_state_dict(buffer.state_dict())
    more = np.array([2, 2, 0, 1])
    for one in (buffer, other):
        one.add_of(transitions(50, more), more, np.array([False, True, True, False]))
    for recent in (False, True):
        for mine, theirs in zip(
            draw(buffer, [0, 1, 2], recent=recent), draw(other, [0, 1, 2], recent=recent), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
