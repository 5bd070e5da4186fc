"""Policies of latents: those of a context that is known, with latents in its place."""

import numpy as np
import pytest
import torch

from compactrl.compressions import (
    ContextTasks,
    HyperTaskOptions,
    HyperTasks,
    InferredContext,
    InferredHyper,
    InferredHyperOptions,
    InferredOptions,
    TaskOptions,
)
from compactrl.compressions.trainable import OfLatents, Trainable
from compactrl.policies.contexts import Contexts, Uniform
from compactrl.policies.skeleton import Skeleton

O, OUTPUTS, Z, ROWS = 4, 3, 2, 6  # noqa: E741
SIZES = (O, 8, 5, OUTPUTS)
LATENTS = np.array([[0.5, -2.0], [0.0, 0.0], [-1.5, 0.25]])
NUMBERS = Contexts(("x", "y"), (-1.0, -1.0), (1.0, 1.0), *2 * [Uniform((-1.0, -1.0), (1.0, 1.0))])
"""Of two numbers, which are told as they are: latents in disguise."""
SPEEDS = Contexts(("speed",), (0.0,), (3.0,), *2 * [Uniform((0.0,), (3.0,))])
FEW = {"train_tasks": 5, "test_tasks": 2}


def inferred(kind, **options):
    return kind(Skeleton.relu(SIZES), kind.Options(latent_size=Z, **FEW, **options).completed(SPEEDS, 0))


def known(kind):
    """The same with contexts, and the compression with latents."""
    options, latents = (
        (TaskOptions, InferredOptions) if kind is ContextTasks else (HyperTaskOptions, InferredHyperOptions)
    )
    other = InferredContext if kind is ContextTasks else InferredHyper
    skeleton = Skeleton.relu(SIZES)
    return (
        kind(skeleton, options(**FEW).completed(NUMBERS, 0)),
        other(skeleton, latents(latent_size=Z, **FEW).completed(SPEEDS, 0)),
    )


every_kind = pytest.mark.parametrize("kind", [InferredContext, InferredHyper])


def theta_of(compression, seed=0):
    generator = np.random.default_rng(seed)
    return compression.initial(generator) + 0.1 * generator.standard_normal(compression.num_parameters)


def outputs_of(layers, rows):
    values = rows
    for number, (weight, bias) in enumerate(layers):
        values = values @ weight.T + bias
        values = np.maximum(values, 0) if number < len(layers) - 1 else values
    return values


@pytest.mark.parametrize("kind", [ContextTasks, HyperTasks])
def test_latents_do_what_a_context_of_these_numbers_does(kind):
    contexts, latents = known(kind)
    assert latents.num_parameters == contexts.num_parameters
    theta = theta_of(latents)
    for mine, theirs in zip(latents.of_latents(theta, LATENTS), contexts.of_contexts(theta, LATENTS), strict=True):
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one.weight, other.weight)
            np.testing.assert_array_equal(one.bias, other.bias)


def test_beside_the_observation_they_are_a_part_of_the_input():
    made = inferred(InferredContext)
    theta, rows = theta_of(made), np.random.default_rng(1).standard_normal((ROWS, O))
    whole = made.seeing.expand(theta, np.zeros(0, np.int64))
    for latents, layers in zip(LATENTS, made.of_latents(theta, LATENTS), strict=True):
        told = np.concatenate([rows, np.tile(latents, (ROWS, 1))], axis=1)
        np.testing.assert_allclose(outputs_of(layers, rows), outputs_of(whole, told), atol=1e-12)


@every_kind
def test_what_learns_is_what_acts_and_ships(kind):
    made = inferred(kind)
    assert isinstance(made, OfLatents)
    assert isinstance(made, Trainable)
    theta, rows = theta_of(made), np.random.default_rng(1).standard_normal((len(LATENTS), ROWS, O))
    learning = made.network_of(torch.as_tensor(theta), torch.as_tensor(LATENTS))(torch.as_tensor(rows)).numpy()
    for latents, layers, own, outputs in zip(LATENTS, made.of_latents(theta, LATENTS), rows, learning, strict=True):
        np.testing.assert_allclose(outputs_of(layers, own), outputs, atol=1e-12)
        compact = made.compact_of(theta, latents)
        assert compact.skeleton.sizes == SIZES
        shipped = compact.skeleton.layers(compact.weights, compact.biases)
        np.testing.assert_array_equal(outputs_of(shipped, own), outputs_of(layers, own))


@every_kind
def test_a_task_that_nothing_is_known_of_has_the_prior_s_mean(kind):
    made = inferred(kind)
    theta = theta_of(made)
    (expected,) = made.of_latents(theta, np.zeros((1, Z)))
    of_design = made.expand_each(theta, np.array([[0], [6]]))
    for layers in (*of_design, *made.of_contexts(theta, np.array([[0.1], [2.9]]))):
        for mine, theirs in zip(layers, expected, strict=True):
            np.testing.assert_array_equal(mine.weight, theirs.weight)
            np.testing.assert_array_equal(mine.bias, theirs.bias)
    assert made.tasks(np.array([[0], [6]])).shape == (2, 1)  # which environments are told all the same


@every_kind
def test_gradients_of_theta_are_differences(kind):
    made = inferred(kind)
    theta = torch.as_tensor(theta_of(made)).requires_grad_()
    rows, latents = torch.randn(3, ROWS, O, dtype=torch.double), torch.as_tensor(LATENTS)

    def loss(vector):
        return made.network_of(vector, latents)(rows).square().mean()

    (gradient,) = torch.autograd.grad(loss(theta), theta)
    direction = torch.randn(theta.shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = (loss(theta + 1e-6 * direction) - loss(theta - 1e-6 * direction)) / 2e-6
    assert float(gradient @ direction) == pytest.approx(float(difference), rel=1e-5)
