"""MLPs of different shapes, many at once, against a loop that does one after the other."""

import numpy as np
import pytest
from networks_drawn import mlp

from compactrl.networks.mixed import COLUMNS, MixedMLP
from compactrl.types import Mixed

ACTIVATIONS = {"relu": lambda values: np.maximum(values, 0), "tanh": np.tanh}


def one_by_one(mixed, x):
    """Outputs (A, n) in double precision, a policy for each column of x after the other."""
    outputs = []
    for policy, column in zip(mixed.of, x.T, strict=True):
        *hidden, last = mixed.policies[policy]
        y = column.astype(np.float64)
        for weight, bias in hidden:
            y = ACTIVATIONS[mixed.activation](weight @ y + (0 if bias is None else bias))
        outputs.append(last.weight @ y + (0 if last.bias is None else last.bias))
    return np.stack(outputs, axis=1)


def alone(mixed, trials, x):
    """Outputs (A, n) of trials, each evaluated by itself on its column of x."""
    outputs = []
    for column, trial in enumerate(trials):
        network = MixedMLP(mixed, np.array([trial]))
        network.input[:] = x[:, [column]]
        outputs.append(network.forward()[:, 0])
    return np.stack(outputs, axis=1)


def test_networks_of_different_shapes_are_those_alone_in_every_column():
    """To the bit: alone, in any company and at any place, more of one policy than fit one product included."""
    generator = np.random.default_rng(0)
    policies = tuple(
        mlp(generator, (17, *widths, 12))
        for widths in ((4,), (8,), (5,), (512, 64), (33, 8, 128), (128, 7, 40), (256, 256, 4, 512))
    )
    of = generator.integers(len(policies), size=6 * COLUMNS + 5)
    x = generator.standard_normal((17, len(of))).astype(np.float32)
    mixed = Mixed(policies, of)
    together = MixedMLP(mixed)
    together.input[:] = x
    outputs = together.forward().copy()
    np.testing.assert_array_equal(outputs, alone(mixed, np.arange(len(of)), x))
    np.testing.assert_allclose(outputs, one_by_one(mixed, x), rtol=1e-3, atol=1e-3)
    keep = np.array([5, 2, 11])
    together.compact(keep)
    np.testing.assert_array_equal(together.forward(), outputs[:, keep])


def test_slots_that_change_their_policies_are_those_alone():
    """Rows are taken over, stacks grow and shrink; nothing is left of the policies that were there before."""
    generator = np.random.default_rng(0)
    policies = tuple(mlp(generator, (5, width, 2)) for width in (4, 8, 3, 8, 5, 20, 9, 200, 150))
    of = generator.integers(len(policies), size=400)
    mixed, slots = Mixed(policies, of), np.arange(12)
    network = MixedMLP(mixed, slots)
    x = generator.standard_normal((5, 12)).astype(np.float32)
    network.input[:] = x
    for trial in range(12, 400):
        slot = generator.integers(len(slots))
        network.replace(int(slot), mixed, trial)
        slots[slot] = trial
        if trial % 3:
            continue
        np.testing.assert_array_equal(network.forward(), alone(mixed, slots, x))


HAS_BIAS = {
    "every layer": lambda place, last: True,  # noqa: ARG005
    "hidden layers": lambda place, last: place < last,
    "the last layer": lambda place, last: place == last,
    "no layer": lambda place, last: False,  # noqa: ARG005
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("has_bias", HAS_BIAS.values(), ids=HAS_BIAS)
def test_either_activation_and_layers_without_biases(activation, has_bias):
    generator = np.random.default_rng(0)

    def policy(*widths):
        layers = mlp(generator, (17, *widths, 6))
        return tuple(
            layer if has_bias(place, len(widths)) else layer._replace(bias=None) for place, layer in enumerate(layers)
        )

    policies = tuple(policy(*widths) for widths in ((4,), (40, 8), (), (200,), (7, 7)))
    mixed = Mixed(policies, generator.integers(len(policies), size=30), activation)
    x = generator.standard_normal((17, 30)).astype(np.float32)
    network = MixedMLP(mixed)
    network.input[:] = x
    np.testing.assert_allclose(network.forward(), one_by_one(mixed, x), rtol=1e-4, atol=1e-4)


def test_a_row_that_is_taken_over_keeps_no_bias_of_the_policy_before():
    generator = np.random.default_rng(0)
    biased, plain = (mlp(generator, (5, 8, 2)) for _ in range(2))
    plain = tuple(layer._replace(bias=None) for layer in plain)
    mixed = Mixed((biased, plain), np.array([0, 1]))
    network = MixedMLP(mixed, np.array([0]))
    x = generator.standard_normal((5, 1)).astype(np.float32)
    network.input[:] = x
    network.forward()
    network.replace(0, mixed, 1)
    expected = one_by_one(Mixed((plain,), np.array([0])), x)
    np.testing.assert_allclose(network.forward(), expected, rtol=1e-4, atol=1e-4)
