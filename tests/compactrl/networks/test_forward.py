"""Both containers behind one call: the networks of some trials, and BLAS on one thread."""

import numpy as np
import pytest
from networks_drawn import make_layers, mlp
from threadpoolctl import threadpool_info, threadpool_limits

from compactrl.networks.forward import network, single_threaded_blas, some_of
from compactrl.types import Mixed, Stacked

CHOICES = [np.array([2, 0, 5]), np.array([4]), np.array([3, 3]), slice(1, 6, 2), np.arange(6) % 3 == 1]


def stacked(activation):
    return Stacked(make_layers(6, (5, 7, 2)), activation)


def mixed(activation):
    generator = np.random.default_rng(0)
    policies = tuple(mlp(generator, (5, *widths, 2)) for widths in ((4,), (9, 3), (), (30,)))
    return Mixed(policies, np.array([3, 0, 0, 2, 3, 1]), activation)


def outputs_of(networks, x):
    evaluated = network(networks)
    evaluated.input[:, : x.shape[1]] = x
    return evaluated.forward()[:, : x.shape[1]].copy()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("chosen", CHOICES, ids=str)
@pytest.mark.parametrize("make", [stacked, mixed])
def test_some_of_the_trials_have_the_networks_that_they_had_among_all(make, chosen, activation):
    """To the bit, in the order chosen; twice where a trial is chosen twice."""
    networks = make(activation)
    x = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    some = some_of(networks, chosen)
    assert type(some) is type(networks)
    assert some.activation == activation
    np.testing.assert_array_equal(outputs_of(some, x[:, chosen]), outputs_of(networks, x)[:, chosen])


def test_some_of_mixed_networks_are_without_the_policies_that_no_trial_runs():
    networks = mixed("relu")
    some = some_of(networks, np.array([1, 4]))
    assert some.of.tolist() == [0, 1]
    assert [len(layers) for layers in some.policies] == [len(networks.policies[policy]) for policy in (0, 3)]
    assert len(networks.policies) == 4


def test_blas_has_one_thread_inside_and_as_many_as_before_outside():
    def threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        assert set(threads()) == {2}
        with single_threaded_blas():
            assert set(threads()) == {1}
            with single_threaded_blas():
                assert set(threads()) == {1}
            assert set(threads()) == {1}
        assert set(threads()) == {2}
