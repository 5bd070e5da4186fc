"""Moments keep their digits wherever a mean lies, and the normaliser tells what varies from what does not."""

import numpy as np
import pytest
from evaluating import make_trials, outcomes_of

from compactrl.envs.registry import describe
from compactrl.envs.toy import Target
from compactrl.evaluation.sums import Sums, moments_of
from compactrl.learners.moments import RunningMoments, joined
from compactrl.types import Moments

PLACES = [(6.4e6, 0.05), (0.0, 1e-7), (52.0, 5e-7), (-1e9, 1.0), (0.0, 1.0), (3.0, 200.0)]
"""Mean and deviation of observations: a pressure in Pa, a current in A, a latitude in degrees …"""


def episodes(mean, std, seed=0):
    """Observations (n, 1) of a few episodes of unequal length, which lie apart."""
    generator = np.random.default_rng(seed)
    return [mean + std * (generator.normal() + generator.standard_normal((length, 1))) for length in (1, 7, 400, 90)]


def moments(parts):
    """The moments of episodes, as a block of lanes sums them up step by step, an episode a slot."""
    sums = Sums(len(parts), 1)
    for step in range(max(map(len, parts))):
        slots = np.array([k for k, part in enumerate(parts) if step < len(part)])
        shifted = sums.shifted(np.array([parts[k][step] for k in slots]), slots, np.full(len(slots), step == 0))
        sums.add(shifted, shifted * shifted, slots)
    return moments_of(np.array([float(len(part)) for part in parts]), *sums.of(slice(None)))


def exact(parts):
    """Mean and deviation in extended precision."""
    every = np.concatenate(parts).astype(np.longdouble)
    return float(every.mean()), float(every.std())


@pytest.mark.parametrize(("mean", "std"), PLACES)
def test_the_normaliser_has_its_digits_wherever_the_mean_lies(mean, std):
    parts = episodes(mean, std)
    running = RunningMoments(1)
    for k in range(len(parts)):  # as many generations
        running.add(moments(parts[k : k + 1]))
    for normalizer in (running.normalizer, joined(moments(parts)).normalizer):
        expected_mean, expected_std = exact(parts)
        assert abs(normalizer.mean[0] - expected_mean) < 1e-6 * std
        assert normalizer.std[0] == pytest.approx(expected_std, rel=1e-6)


@pytest.mark.parametrize("rounded", [0.1, 6.4e6 + 0.1, 1 / 3])
def test_what_never_changes_is_only_centred(rounded):
    running = RunningMoments(1)
    for _ in range(3):
        running.add(moments([np.full((100, 1), rounded)] * 4))
    assert running.normalizer.std[0] == 1
    assert running.normalizer.mean[0] == pytest.approx(rounded)


def test_a_simulators_crumbs_are_no_signal_and_no_warning(recwarn):
    running = RunningMoments(1)
    running.add(moments(episodes(8.9, 5e-13)))  # a body's mass in Humanoid-v5, recomputed each step
    assert running.normalizer.std[0] == 1
    assert not recwarn.list


def test_what_varies_too_little_is_said_once(recwarn):
    running = RunningMoments(2)
    faint = moments(episodes(0.0, 4e-11))
    both = Moments(faint.seen, np.hstack([faint.mean + 5, faint.mean]), np.hstack([1e3 * faint.spread, faint.spread]))
    with pytest.warns(UserWarning, match=r"number 1 of the observation is .* ± \de-11: it is taken as constant"):
        running.add(both)
    running.add(both)
    assert not recwarn.list
    assert running.normalizer.std[1] == 1


def test_two_observations_are_needed():
    running = RunningMoments(1)
    running.add(Moments(np.ones(1), np.full((1, 1), 7.0), np.zeros((1, 1))))
    assert (running.normalizer.mean[0], running.normalizer.std[0]) == (0, 1)


def test_trials_that_failed_count_for_nothing():
    some = moments(episodes(6.4e6, 0.05))
    failed = Moments(np.append(0.0, some.seen), *(np.vstack([np.zeros((1, 1)), part]) for part in some[1:]))
    assert joined(failed) == joined(some)
    assert joined(Moments(*(part[:1] for part in failed))).count == 0


def test_sums_saved_by_earlier_versions_are_read():
    numbers = np.concatenate(episodes(3.0, 2.0))
    running = RunningMoments(1)
    running.load_state_dict(
        {"count": float(len(numbers)), "total": numbers.sum(axis=0), "square": (numbers * numbers).sum(axis=0)}
    )
    assert running.normalizer.mean == pytest.approx(numbers.mean(axis=0))
    assert running.normalizer.std == pytest.approx(numbers.std(axis=0))
    running.load_state_dict({"count": 0.0, "total": np.zeros(1), "square": np.zeros(1)})
    assert running.normalizer.std[0] == 1


@pytest.mark.filterwarnings("ignore:.*not within the observation space")
@pytest.mark.parametrize(("mean", "std"), [(6.4e6, 0.05), (52.0, 5e-7)])
def test_an_environment_far_from_zero_is_normalised_like_one_at_zero(monkeypatch, mean, std):
    spec = describe("compactrl/Target-v0")  # what it shows does not depend on actions
    trials = make_trials(spec, 12)
    plain = joined(outcomes_of(spec, 3, trials).moments)
    look = Target._look
    monkeypatch.setattr(Target, "_look", lambda self: mean + std * look(self))
    far = joined(outcomes_of(spec, 3, trials).moments)
    assert far.count == plain.count == 240
    np.testing.assert_allclose((far.normalizer.mean - mean) / std, plain.mean, atol=1e-6)
    np.testing.assert_allclose(far.normalizer.std / std, plain.std, rtol=1e-6)
