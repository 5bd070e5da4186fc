"""The controllers without a network: random, fixed, evolution, none."""

import numpy as np
import pytest

from controllers import CONTROLLERS, Space

TARGET = np.arange(20) % 4
SPACE = Space(length=20, choices=4)


def make(name, space=SPACE, **options):
    kind = CONTROLLERS[name]
    return kind(space, kind.Options(**options), np.random.SeedSequence(0))


def mean_after(controller, rounds, n=40):
    for _ in range(rounds):
        designs = controller.propose(n)
        rewards = (designs == TARGET).sum(axis=1).astype(float)
        controller.feedback(designs, rewards)
    return rewards.mean()


def test_random_designs_are_uniform():
    counts = np.bincount(make("random").propose(2000).ravel(), minlength=4)
    assert np.abs(counts / counts.sum() - 0.25).max() < 0.01


def test_fixed_population_has_301_members_as_in_the_paper():
    designs = make("fixed").propose(602)
    np.testing.assert_array_equal(designs[:301], designs[301:])
    assert len(np.unique(designs, axis=0)) == 301


def test_fixed_population_is_proposed_in_a_cycle_whatever_the_batches():
    one, other = make("fixed", controller_members=5), make("fixed", controller_members=5)
    batches = np.concatenate([one.propose(n) for n in (3, 7, 1, 5)])
    np.testing.assert_array_equal(batches, other.propose(16))


def test_evolution_starts_with_random_designs_until_the_population_is_full():
    controller = make("evolution")
    for expected in (40.0, 80.0, 80.0):
        designs = controller.propose(40)
        assert controller.feedback(designs, np.zeros(40))["controller/population"] == expected


def test_evolution_changes_as_many_decisions_as_the_option_says():
    for mutations in (1, 3):
        controller = make("evolution", controller_population=10, controller_mutations=mutations)
        parents = controller.propose(10)
        controller.feedback(parents, np.zeros(10))
        distances = (controller.propose(30)[:, None] != parents).sum(axis=2).min(axis=1)
        np.testing.assert_array_equal(distances, mutations)


def test_evolution_of_a_whole_tournament_breeds_from_the_best():
    controller = make("evolution", controller_population=10, controller_tournament=10)
    parents = controller.propose(10)
    controller.feedback(parents, np.arange(10.0))
    assert ((controller.propose(20) != parents[9]).sum(axis=1) == 1).all()


def test_evolution_removes_the_oldest_even_if_best():
    controller = make("evolution", controller_population=10, controller_tournament=10)
    controller.feedback(controller.propose(10), np.arange(10.0))
    metrics = controller.feedback(controller.propose(10), np.zeros(10))
    assert metrics["controller/population_best"] == 0.0


def test_evolution_improves_where_random_does_not():
    assert mean_after(make("random"), 60) < 7
    assert mean_after(make("evolution"), 60) > 12


def test_none_refuses_a_space_with_decisions():
    with pytest.raises(ValueError, match="without decisions, got designs of 20 decisions with 4 choices"):
        make("none")


def test_none_ignores_what_random_saved_over_an_empty_space():
    empty = Space(length=0, choices=1)
    controller = make("none", empty)
    controller.load_state_dict(make("random", empty).state_dict())
    assert controller.propose(3).shape == (3, 0)
    assert controller.state_dict() == {}
