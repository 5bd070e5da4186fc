"""Lanes that change hands amid their episodes: nobody's results change."""

import threading
import time

import numpy as np
import pytest
from evaluating import assert_equal, evaluator, make_trials, outcomes_of
from mujoco_tasks import cart  # noqa: F401

from compactrl.envs.registry import describe
from compactrl.evaluation.lanes import Block
from compactrl.evaluation.sharing import Requests

SECONDS = 20


def wait_for(condition):
    ends = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < ends:
        time.sleep(0.001)


@pytest.fixture
def given(monkeypatch):
    """How many lanes changed hands; the first block waits for the last to begin, which waits to be asked."""
    counts, advanced, begun = [], Block.advance, threading.Event()
    take = Block._take

    def slow(block):
        if block.offset:
            begun.set()
        elif block.count < block.num_lanes:
            begun.wait(SECONDS)
        lending = block.busy > 0
        if lending and block.offset and not counts and block._steps.max(initial=0) == 4:
            wait_for(lambda: block.requests)
        return advanced(block)

    def counted(block, share):
        counts.append(len(share.trial))
        take(block, share)

    monkeypatch.setattr(Block, "advance", slow)
    monkeypatch.setattr(Block, "_take", counted)
    return counts


@pytest.mark.parametrize("fields", [(), ("xpos",)])
def test_a_lane_that_changes_hands_goes_on_as_it_was(cart, given, fields):  # noqa: F811
    spec = describe(cart, max_episode_steps=20, kwargs={"fields": fields})
    trials = make_trials(spec, 24)._replace(tasks=np.random.default_rng(0).normal(size=(24, 2)))
    alone = outcomes_of(spec, 24, trials)
    assert not given
    shared = outcomes_of(spec, 24, trials, blocks=2, threads=2)
    assert sum(given) >= 2
    assert_equal(shared, alone)
    np.testing.assert_array_equal(shared.measures["lean"], alone.measures["lean"])
    assert len(set(alone.steps)) > 2


def test_lanes_that_changed_hands_begin_anew_where_they_were(cart, given):  # noqa: F811
    spec = describe(cart, max_episode_steps=20)
    first, second = make_trials(spec, 24, seed=1), make_trials(spec, 48, seed=2)
    one, two = evaluator(spec, 24), evaluator(spec, 24, threads=2, blocks=2)
    for trials in (first, second):
        assert_equal(two.evaluate(trials), one.evaluate(trials))
    assert given
    np.testing.assert_array_equal(one.resets, two.resets)


def test_who_is_not_at_work_gives_nothing():
    requests = Requests()
    assert requests.ask(3) is None
    requests.begin()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(requests.ask(3)))
    asking.start()
    wait_for(lambda: requests)
    requests.end()
    asking.join(SECONDS)
    assert answers == [None]
    assert not requests


def test_engines_that_cannot_lend_keep_their_lanes(given):
    spec = describe("Pendulum-v1", "envpool", 12)
    trials = make_trials(spec, 16)
    assert_equal(outcomes_of(spec, 16, trials, blocks=2, threads=2), outcomes_of(spec, 16, trials))
    assert not given
